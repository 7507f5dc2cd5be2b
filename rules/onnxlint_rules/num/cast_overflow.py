"""NUM009 cast-overflow."""

from collections.abc import Iterator

from onnxlint import Counterexamples, Finding, Hazard, Hazards, Severity, rule
from onnxlint_rules.num._judging import judged


@rule("NUM009", "cast-overflow", severity=Severity.WARNING, ops=("Cast", "CastLike"))
def cast_overflow(hazards: Hazards, shown: Counterexamples | None) -> Iterator[Finding]:
    """A cast of numbers that the target type may not be able to hold.

    Why: out of range the result is undefined for floats (onnxruntime gives -2147483648 for 3e9 as
    int32, other devices other numbers), and modulo 2^n for integers; float16 tells integers apart
    up to 2048 only, so that positions beyond collapse in pairs. Observed casts out of range are
    cast-out-of-range (ACT016); this rule is about what inputs may still bring.
    One finding for each cause: what follows from it is not reported again. An error where a run
    within declared ranges shows it, or every input fails; a warning where a run on a synthetic
    sample shows it, or bounds of inputs that are known are met; else an info.
    Fix: limit the operand to the range of the target type (Clip), or cast to a wider type.

    Bad:
    # config: inputs.x.range = [0, 1]
    net (float[N, 4] x) => (uint8[N, 4] y)
    <float scale = {256}>
    {
        wide = Mul(x, scale)
        y = Cast <to = 2> (wide)
    }

    Good:
    # config: inputs.x.range = [0, 1]
    net (float[N, 4] x) => (uint8[N, 4] y)
    <float scale = {255}>
    {
        wide = Mul(x, scale)
        y = Cast <to = 2> (wide)
    }
    """
    yield from judged("NUM009", hazards, shown, "cast", hint=_hint)


def _hint(hazard: Hazard) -> str:
    return f"limit {hazard.operand.name!r} with Clip, or cast it to a wider type"
