"""WGT003 constant-weight."""

from collections.abc import Iterator

from onnxlint import Finding, Graph, Severity, Weights, rule


@rule("WGT003", "constant-weight", severity=Severity.WARNING)
def constant_weight(graph: Graph, weights: Weights) -> Iterator[Finding]:
    """A layer whose weights are one number over and over.

    Why: all its outputs are the same, and all get the same gradient, so that training never tells
    them apart. Either the weight was set to a constant instead of drawn at random, or the model
    was saved with a filler in place of its weights: where all layers hold constants, that is told
    once. Zero is all-zero-weight's. Left alone are layers of one output, depthwise convolutions,
    and sums and means (ones, or 1 / fan-in), which are written on purpose.
    Fix: draw the weights at random (Kaiming, Xavier), or load the trained ones before the export.

    Bad:
    net (float[N, 2] x) => (float[N, 2] y)
    <float[2, 2] w = {0.1, 0.1, 0.1, 0.1}>
    {
        y = MatMul(x, w)
    }

    Good:
    # the mean of two numbers, for both outputs
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
            f"{', …' * (len(numbers) > 3)}): it holds fillers, and no layer has learnt anything",
            measured=len(found),
            limit=0,
            unit="layers",
        )
        return
    for weight, number in found:
        yield Finding(
            weight,
            f"all {weight.tensor.size:,} weights are {number:g}",
            measured=1.0,
            limit=1.0,
            unit="fraction of weights",
        )
