"""PRD008 output-range."""

from collections.abc import Iterator

from onnxlint import Finding, NotApplicable, Outputs, Settings, Severity, rule


@rule("PRD008", "output-range", severity=Severity.ERROR)
def output_range(outputs: Outputs, settings: Settings) -> Iterator[Finding]:
    """An output outside its declared range.

    Why: the code after the model relies on the range: a price below zero, an angle beyond a full
    turn or a pixel above 255 breaks it, or is clipped silently. Ranges are declared as
    `range = [0, 1]` in the table `[outputs.NAME]`; whether probabilities lie in [0, 1] is judged by
    PRD003, without any declaration.
    Fix: end the model with an operator that keeps the range (Clip, Sigmoid, Softplus), scale the
    output back as it was scaled for training, or correct the declaration.

    Bad:
    # config: outputs.y.range = [0, 1]
    net (float[N, 2] x) => (float[N, 2] y)
    {
        y = Relu(x)
    }

    Good:
    # config: outputs.y.range = [0, 1]
    net (float[N, 2] x) => (float[N, 2] y)
    {
        y = Sigmoid(x)
    }
    """
    declared = {name: output.range for name, output in settings.outputs.items() if output.range}
    judged = [output for output in outputs if output.value.name in declared and output.bounds]
    if not judged:
        raise NotApplicable("the configuration declares no range for any output")
    for output in judged:
        (lowest, highest), (low, high) = declared[output.value.name], output.bounds or (0, 0)
        if low < lowest or high > highest:
            yield Finding(
                output,
                f"ranges from {low:.6g} to {high:.6g} (declared {lowest:g} to {highest:g})",
                measured=low if low < lowest else high,
                limit=lowest if low < lowest else highest,
                hint=f"end the model with an operator that keeps [{lowest:g}, {highest:g}] (Clip, "
                f"Sigmoid), or correct outputs.{output.value.name}.range",
            )
