"""NUM004 exp-overflow."""

from collections.abc import Iterator

from onnxlint import Counterexamples, Finding, Hazard, Hazards, Severity, rule
from onnxlint.model.graph.operators import OVERFLOWING
from onnxlint_rules.num._judging import judged


@rule("NUM004", "exp-overflow", severity=Severity.WARNING, ops=OVERFLOWING)
def exp_overflow(hazards: Hazards, shown: Counterexamples | None) -> Iterator[Finding]:
    """An exponential, a power or a sum of squares that may exceed its dtype.

    Why: it gives infinity, and infinity less or divided by itself is NaN. Exp overflows above 88.72
    in float32 and above 11.09 in float16 (logarithm of the largest number); ReduceSumSquare and
    ReduceL2 above the root of the largest number by the count of squares. Not reported where
    infinity is harmless, as in 1 / (1 + exp(-x)), which is 0 then.
    One finding for each cause: what follows from it is not reported again. An error where a run
    within declared ranges shows it, or every input fails; a warning where a run on a synthetic
    sample shows it, or bounds of inputs that are known are met; else an info.
    Fix: subtract the maximum before the exponential, limit its operand (Clip), or use the stable
    operator (Softmax, Softplus, ReduceLogSumExp).

    Bad:
    # the variance of an autoencoder
    # config: inputs.x.range = [-10, 10]
    net (float[N, 2] x) => (float[N, 2] y)
    <float[2, 2] w = {6, 4, 2, 7}>
    {
        logvar = MatMul(x, w)
        y = Exp(logvar)
    }

    Good:
    # config: inputs.x.range = [-10, 10]
    net (float[N, 2] x) => (float[N, 2] y)
    <float[2, 2] w = {6, 4, 2, 7}, float most = {20}, float least = {-20}>
    {
        logvar = MatMul(x, w)
        kept = Clip(logvar, least, most)
        y = Exp(kept)
    }

    Good:
    # infinity is divided by: the sigmoid is 0 there
    # config: inputs.x.range = [-200, 200]
    net (float[N, 2] x) => (float[N, 2] y)
    <float one = {1}>
    {
        less = Neg(x)
        e = Exp(less)
        sum = Add(one, e)
        y = Div(one, sum)
    }
    """
    yield from judged("NUM004", hazards, shown, "overflow", hint=_hint)


def _hint(hazard: Hazard) -> str:
    return f"limit {hazard.operand.name!r} with Clip, or subtract its maximum first"
