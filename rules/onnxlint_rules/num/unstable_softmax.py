"""NUM006 unstable-softmax."""

from collections.abc import Iterator

from onnxlint import Counterexamples, Finding, Hazard, Hazards, Severity, rule
from onnxlint_rules.num._judging import judged


@rule("NUM006", "unstable-softmax", severity=Severity.WARNING, ops=("Exp",))
def unstable_softmax(hazards: Hazards, shown: Counterexamples | None) -> Iterator[Finding]:
    """A softmax written as exponentials divided by their sum, without subtracting the maximum.

    Why: it overflows to infinity / infinity = NaN for logits above 88.72 in float32 (11.09 in
    float16), and gives 0 / 0 = NaN where all of them are below -104. Softmax, and the same formula
    with the maximum subtracted, never do.
    One finding for each cause: what follows from it is not reported again. An error where a run
    within declared ranges shows it, or every input fails; a warning where a run on a synthetic
    sample shows it, or bounds of inputs that are known are met; else an info.
    Fix: use Softmax, or subtract `ReduceMax` of the logits before Exp.

    Bad:
    net (float[N, 4] x) => (float[N, 4] y)
    <float[4, 4] w = {9, 0, 0, 1, 0, 9, 1, 0, 0, 1, 9, 0, 1, 0, 0, 9}, int64[1] last = {1}>
    {
        logits = MatMul(x, w)
        e = Exp(logits)
        sum = ReduceSum(e, last)
        y = Div(e, sum)
    }

    Good:
    net (float[N, 4] x) => (float[N, 4] y)
    <float[4, 4] w = {9, 0, 0, 1, 0, 9, 1, 0, 0, 1, 9, 0, 1, 0, 0, 9}, int64[1] last = {1}>
    {
        logits = MatMul(x, w)
        most = ReduceMax(logits, last)
        below = Sub(logits, most)
        e = Exp(below)
        sum = ReduceSum(e, last)
        y = Div(e, sum)
    }

    Good:
    # a cosine times a temperature of 10: far from any limit
    net (float[N, 4] x) => (float[N, 4] y)
    <float ten = {10}, int64[1] last = {1}>
    {
        near = Tanh(x)
        logits = Mul(near, ten)
        e = Exp(logits)
        sum = ReduceSum(e, last)
        y = Div(e, sum)
    }
    """
    yield from judged("NUM006", hazards, shown, "softmax", hint=_hint)


def _hint(hazard: Hazard) -> str:
    return (
        f"replace the formula by Softmax, or subtract the maximum of {hazard.operand.name!r} first"
    )
