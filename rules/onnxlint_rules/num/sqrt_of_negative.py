"""NUM003 sqrt-of-negative."""

from collections.abc import Iterator

from onnxlint import Counterexamples, Finding, Hazard, Hazards, Severity, rule
from onnxlint_rules.num._judging import judged


@rule("NUM003", "sqrt-of-negative", severity=Severity.WARNING, ops=("Sqrt",))
def sqrt_of_negative(hazards: Hazards, shown: Counterexamples | None) -> Iterator[Finding]:
    """A square root whose operand may be negative.

    Why: it gives NaN. A variance as the mean of squares less the square of the mean is not negative
    in mathematics, but in float32: of 77 equal numbers it is in 42% of cases (measured with
    onnxruntime). A root of 0 itself is fine; division-by-zero (NUM002) reports what divides by it.
    One finding for each cause: what follows from it is not reported again. An error where a run
    within declared ranges shows it, or every input fails; a warning where a run on a synthetic
    sample shows it, or bounds of inputs that are known are met; else an info.
    Fix: compute the variance as the mean of squared differences, or limit the operand to 0 from
    below (Relu, Max).

    Bad:
    # config: inputs.x.range = [0, 100]
    net (float[N, 77] x) => (float[N, 1] y)
    <int64[1] last = {1}>
    {
        squares = Mul(x, x)
        of_squares = ReduceMean(squares, last)
        mean = ReduceMean(x, last)
        square = Mul(mean, mean)
        variance = Sub(of_squares, square)
        y = Sqrt(variance)
    }

    Good:
    # config: inputs.x.range = [0, 100]
    net (float[N, 77] x) => (float[N, 1] y)
    <int64[1] last = {1}>
    {
        mean = ReduceMean(x, last)
        away = Sub(x, mean)
        squares = Mul(away, away)
        variance = ReduceMean(squares, last)
        y = Sqrt(variance)
    }

    Good:
    # config: inputs.x.range = [-3, 3]
    net (float[N, 4] x) => (float[N, 4] y)
    {
        kept = Relu(x)
        y = Sqrt(kept)
    }
    """
    yield from judged("NUM003", hazards, shown, "root", hint=_hint)


def _hint(hazard: Hazard) -> str:
    return f"limit {hazard.operand.name!r} to 0 from below, with Relu or Max"
