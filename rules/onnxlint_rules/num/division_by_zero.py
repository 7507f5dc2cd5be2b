"""NUM002 division-by-zero."""

from collections.abc import Iterator

from onnxlint import Counterexamples, Finding, Hazard, Hazards, Severity, rule
from onnxlint.model.graph.operators import DIVIDING
from onnxlint_rules.num._judging import judged


@rule("NUM002", "division-by-zero", severity=Severity.WARNING, ops=DIVIDING)
def division_by_zero(hazards: Hazards, shown: Counterexamples | None) -> Iterator[Finding]:
    """A divisor that may be 0.

    Why: a float divided by 0 gives infinity, 0 by 0 gives NaN, and a division of integers by 0 ends
    the run. Means over a mask, norms, standard deviations and sums of learnt weights are 0 for some
    input: an empty mask, an all-zero or a constant sample. Normalisations have an epsilon against
    it; with epsilon 0, or one that float16 rounds to 0, a constant row gives NaN.
    One finding for each cause: what follows from it is not reported again. An error where a run
    within declared ranges shows it, or every input fails; a warning where a run on a synthetic
    sample shows it, or bounds of inputs that are known are met; else an info.
    Fix: add an epsilon to the divisor, limit it from below (Max, Clip), or choose another result
    where it is 0 (Where, with the divisor replaced as well).

    Bad:
    # a mean over a mask that may be empty
    net (float[N, 4] x, bool[N, 4] mask) => (float[N, 1] y)
    <int64[1] last = {1}>
    {
        weight = Cast <to = 1> (mask)
        kept = Mul(x, weight)
        total = ReduceSum(kept, last)
        count = ReduceSum(weight, last)
        y = Div(total, count)
    }

    Bad:
    # config: inputs.x.range = [-1, 1]
    net (float[N, 4] x) => (float[N, 4] y)
    {
        y = Reciprocal(x)
    }

    Good:
    net (float[N, 4] x, bool[N, 4] mask) => (float[N, 1] y)
    <int64[1] last = {1}, float least = {1}>
    {
        weight = Cast <to = 1> (mask)
        kept = Mul(x, weight)
        total = ReduceSum(kept, last)
        count = ReduceSum(weight, last)
        divisor = Max(count, least)
        y = Div(total, divisor)
    }

    Good:
    # config: inputs.x.range = [-1, 1]
    net (float[N, 4] x) => (float[N, 4] y)
    <float little = {1e-6}>
    {
        size = Abs(x)
        kept = Add(size, little)
        y = Reciprocal(kept)
    }

    Good:
    # 1 in the place of 0
    # config: inputs.x.range = [-1, 1]
    net (float[N, 4] x) => (float[N, 4] y)
    <float zero = {0}, float one = {1}>
    {
        empty = Equal(x, zero)
        divisor = Where(empty, one, x)
        y = Div(one, divisor)
    }
    """
    yield from judged("NUM002", hazards, shown, "division", hint=_hint)


def _hint(hazard: Hazard) -> str:
    if hazard.zone.is_of_rows:
        return f"give {hazard.node.op_type} an epsilon, such as 1e-5"
    return f"add an epsilon to {hazard.operand.name!r}, or limit it from below with Max or Clip"
