"""PRD005 input-insensitive."""

from collections.abc import Iterator
from typing import Annotated

from onnxlint import (
    Constancy,
    Finding,
    Option,
    Sensitivity,
    Severity,
    Stage,
    Variation,
    counted,
    rule,
)


@rule("PRD005", "input-insensitive", severity=Severity.ERROR, stages=(Stage.TRAINED,))
def input_insensitive(
    sensitivity: Sensitivity, constancy: Constancy, *,
    min_samples: Annotated[
        int, Option("samples of the user's data that make it an error", unit="samples")
    ] = 8,
) -> Iterator[Finding]:  # fmt: skip
    """An input without effect on any output that is computed from it.

    Why: a whole input is ignored. Its branch is dead, multiplied by zero or masked, or the input
    was swapped with another at export; every caller still has to supply it. Each input in turn gets
    other valid values while all others are held constant, and every output stays bit-identical.
    Inputs that act in steps (by a comparison, an index of a maximum, a branch) are not judged. An
    error on the user's data, from `min-samples` samples on, and for an input of more than one
    element per sample; else a warning. Outputs that no input changes are reported by PRD002 where
    they are predictions, or where the graph proves it.
    Fix: follow the input through the graph to the layer behind which its values no longer differ
    (ACT003, ACT007, WGT002 find dead and zero layers); compare with the framework's own output for
    two values of it.

    Bad:
    net (float[N, 4] x, float[N, 4] z) => (float[N, 2] y)
    <float[4, 2] w = {1, 2, 3, 4, 5, 6, 7, 8}, float nothing = {0}>
    {
        dead = Mul(z, nothing)
        h = Add(x, dead)
        y = MatMul(h, w)
    }

    Good:
    net (float[N, 4] x, float[N, 4] z) => (float[N, 2] y)
    <float[4, 2] w = {1, 2, 3, 4, 5, 6, 7, 8}, float little = {0.01}>
    {
        small = Mul(z, little)
        h = Add(x, small)
        y = MatMul(h, w)
    }
    """
    for output, tried in sensitivity.unmoved.items():
        if constancy.proof(output) is not None:
            continue
        names = ", ".join(repr(each.input.name) for each in tried)
        yield Finding(
            output,
            f"bit-identical whichever of the inputs {names} is changed"
            if len(tried) > 1
            else f"bit-identical when input {names} is changed",
            severity=_severity(sensitivity, tried, min_samples),
            hint=HINT.format("the inputs" if len(tried) > 1 else names),
        )
    for idle in sensitivity.idle:
        names = ", ".join(repr(output.name) for output in idle.outputs)
        yield Finding(
            idle,
            f"no effect: {counted(idle.variations, 'change')} on "
            f"{counted(idle.samples, 'sample')} left {names} bit-identical",
            severity=_severity(sensitivity, [idle], min_samples),
            hint=HINT.format(repr(idle.input.name)),
        )


HINT = "follow {} to the node behind which the values no longer differ (ACT003, ACT007, WGT002)"


def _severity(sensitivity: Sensitivity, tried: list[Variation], min_samples: int) -> Severity:
    """An error where the user's data shows it, and the input is no single column."""
    sure = all(each.samples >= min_samples and each.size > 1 for each in tried)
    return Severity.ERROR if sure and not sensitivity.synthetic else Severity.WARNING
