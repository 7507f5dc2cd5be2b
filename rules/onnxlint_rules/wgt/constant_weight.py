"""WGT003 constant-weight."""

from collections.abc import Iterator

from onnxlint import Finding, Graph, Severity, Weights, rule


@rule("WGT003", "constant-weight", severity=Severity.WARNING)
def constant_weight(graph: Graph, weights: Weights) -> Iterator[Finding]:
    """A layer whose weights all have the same value.

    Why: all its outputs are the same, and all receive the same gradient, so that training never
    tells them apart. Either the weight was set to a constant instead of drawn at random, or the
    model was saved with placeholders instead of its weights: if all layers are constant, this is
    reported once. Zero has the rule all-zero-weight. Exempt are layers with one output, depthwise
    convolutions, and sums and means (ones, or 1 / fan-in), which are intended.
    Fix: draw the weights at random (Kaiming, Xavier), or load the trained ones before the export.

    Bad:
    net (float[N, 2] x) => (float[N, 2] y)
    <float[2, 2] w = {0.1, 0.1, 0.1, 0.1}>
    {
        y = MatMul(x, w)
    }

    Good:
    # the mean of two values, for both outputs
    net (float[N, 2] x) => (float[N, 2] y)
    <float[2, 2] w = {0.5, 0.5, 0.5, 0.5}>
    {
        y = MatMul(x, w)
    }

    Good:
    net (float[N, 2] x) => (float[N, 2] y)
    <float[2, 2] w = {0.1, 0.1, 0.1, 0.2}>
    {
        y = MatMul(x, w)
    }
    """
    layers = [weight for weight in weights.layers() if not weight.is_table]
    found = []
    for weight in layers:
        number = weights.repeated(weight)
        plain = number is None or any(abs(number - n) < 1e-3 * n for n in (1, 1 / weight.fan_in))
        if number and not plain and weight.outputs > 1 and not weight.is_depthwise:
            found.append((weight, number))
    if len(found) > 1 and all(weights.repeated(weight) is not None for weight in layers):
        numbers = sorted({f"{number:g}" for _, number in found})
        yield Finding(
            graph.main,
            f"the weights of all {len(layers):,} layers are constant ({', '.join(numbers[:3])}"
            f"{', …' * (len(numbers) > 3)}): placeholder weights, not a trained model",
            measured=len(found),
            limit=0,
            unit="layers",
            hint="load the trained weights before the export",
        )
        return
    for weight, number in found:
        yield Finding(
            weight,
            f"all {weight.tensor.size:,} weights are {number:g}",
            measured=1.0,
            limit=1.0,
            unit="fraction of weights",
            hint="load the trained weights, or draw them at random (Kaiming, Xavier)",
        )
