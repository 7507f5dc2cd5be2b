"""NUM005 domain-error."""

from collections.abc import Iterator

from onnxlint import Counterexamples, Finding, Hazard, Hazards, Severity, rule
from onnxlint.model.graph.operators import WITH_DOMAIN
from onnxlint_rules.num._judging import judged


@rule("NUM005", "domain-error", severity=Severity.WARNING, ops=WITH_DOMAIN)
def domain_error(hazards: Hazards, shown: Counterexamples | None) -> Iterator[Finding]:
    """An inverse function, or a fractional power, outside of its domain.

    Why: Asin and Acos of a number beyond 1, Acosh of one below 1, Atanh of 1 and beyond, and a
    negative base with a fractional exponent give NaN (Atanh of 1 infinity). A cosine similarity
    exceeds 1 by rounding.
    One finding for each cause: what follows from it is not reported again. An error where a run
    within declared ranges shows it, or every input fails; a warning where a run on a synthetic
    sample shows it, or bounds of inputs that are known are met; else an info.
    Fix: limit the operand to the domain (Clip), with a margin of the dtype's rounding.

    Bad:
    # config: inputs.x.range = [-2, 2]
    net (float[N, 4] x) => (float[N, 4] y)
    {
        y = Acos(x)
    }

    Bad:
    # config: inputs.x.range = [-2, 2]
    net (float[N, 4] x) => (float[N, 4] y)
    <float gamma = {0.45}>
    {
        y = Pow(x, gamma)
    }

    Good:
    # config: inputs.x.range = [-2, 2]
    net (float[N, 4] x) => (float[N, 4] y)
    <float least = {-0.999999}, float most = {0.999999}>
    {
        kept = Clip(x, least, most)
        y = Acos(kept)
    }

    Good:
    # config: inputs.x.range = [-2, 2]
    net (float[N, 4] x) => (float[N, 4] y)
    <float gamma = {0.45}>
    {
        kept = Relu(x)
        y = Pow(kept, gamma)
    }
    """
    yield from judged("NUM005", hazards, shown, "domain", hint=_hint)


def _hint(hazard: Hazard) -> str:
    return f"limit {hazard.operand.name!r} to the domain of {hazard.node.op_type} with Clip"
