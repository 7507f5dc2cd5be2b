"""PRD007 duplicate-outputs."""

from collections.abc import Iterator

from onnxlint import Finding, NotApplicable, Outputs, Severity, rule


@rule("PRD007", "duplicate-outputs", severity=Severity.WARNING)
def duplicate_outputs(outputs: Outputs) -> Iterator[Finding]:
    """Two outputs that are equal on every sample.

    Why: a caller that reads two results expects two pieces of information. Two heads with the same
    weights, or one head connected twice, cost their computation twice and hide that the second one
    is missing. Only outputs of varied floating-point values are compared: labels and flags are
    often equal by chance. Not reported: two names for one value, reshaped or not, which the graph
    shows and which is intended.
    Fix: give the second head its own weights, connect the intended one, or export one of the two.

    Bad:
    net (float[N, 2] x) => (float[N, 2] a, float[N, 2] b)
    <float[2, 2] v = {1, 2, 3, 4.5}, float[2, 2] w = {1, 2, 3, 4.5}>
    {
        a = MatMul(x, v)
        b = MatMul(x, w)
    }

    Good:
    # a copy by Identity is deliberate
    net (float[N, 2] x) => (float[N, 2] a, float[N, 2] b, float[N, 2] c)
    <float[2, 2] v = {1, 2, 3, 4.5}, float[2, 2] w = {1, 2, 3, 5.5}>
    {
        a = MatMul(x, v)
        b = MatMul(x, w)
        c = Identity(a)
    }
    """
    compared = [output for output in outputs if output.is_telling]
    if len(compared) < 2:
        raise NotApplicable("fewer than 2 outputs of varied floating-point values")
    for at, output in enumerate(compared):
        for earlier in compared[:at]:
            if output.origin.producer is not earlier.origin.producer and output.equals(earlier):
                yield Finding(
                    output,
                    f"bit-identical to output {earlier.value.name!r} on every sample, but computed "
                    "separately",
                    hint=f"give {output.value.name!r} weights of its own, or export only one of "
                    f"{earlier.value.name!r} and {output.value.name!r}",
                )
                break
