"""WGT008 negative-variance."""

from collections.abc import Iterator
from typing import Annotated

from onnxlint import Finding, Graph, Option, Severity, Weights, rule

DEFAULT_EPSILON = 1e-5
"""Of BatchNormalization, where the node has no attribute."""


@rule("WGT008", "negative-variance", severity=Severity.ERROR, ops=("BatchNormalization",))
def negative_variance(
    graph: Graph,
    weights: Weights,
    *,
    tiny_epsilon: Annotated[
        float, Option("epsilon below which a variance of 0 is reported")
    ] = 1e-12,
) -> Iterator[Finding]:
    """A batch normalisation with a negative variance, or a zero variance and almost no epsilon.

    Why: it divides by the root of the variance plus epsilon, which is NaN below zero and an
    overflow at zero. A running variance is never negative: the tensor is damaged, mean and variance
    were swapped, or a conversion failed. A variance of zero is a channel that was constant in
    training; the usual epsilon of 1e-5 makes it harmless, so it is not reported.
    Fix: export again from an intact checkpoint; in the file, assign the four tensors to the right
    slots.

    Bad:
    net (float[N, 2] x) => (float[N, 2] y)
    <float[2] s = {1, 1}, float[2] b = {0, 0}, float[2] mean = {0, 0}, float[2] var = {1, -0.5}>
    {
        y = BatchNormalization(x, s, b, mean, var)
    }

    Bad:
    net (float[N, 2] x) => (float[N, 2] y)
    <float[2] s = {1, 1}, float[2] b = {0, 0}, float[2] mean = {0, 0}, float[2] var = {1, 0}>
    {
        y = BatchNormalization <epsilon = 0.0> (x, s, b, mean, var)
    }

    Good:
    net (float[N, 2] x) => (float[N, 2] y)
    <float[2] s = {1, 1}, float[2] b = {0, 0}, float[2] mean = {-1, 0}, float[2] var = {1, 0}>
    {
        y = BatchNormalization(x, s, b, mean, var)
    }
    """
    for node in graph.nodes("BatchNormalization"):
        value, tensor = node.input(4), graph.tensor(node.input(4))
        seen = None if tensor is None or node.attribute("training_mode", 0) else weights.of(tensor)
        if value is None or seen is None or not seen.finite:
            continue
        epsilon = node.attribute("epsilon", DEFAULT_EPSILON)
        if seen.minimum < 0:
            message = f"variance is negative (minimum {seen.minimum:g})"
            hint = "check the order of scale, bias, mean and variance, or export again"
        elif seen.minimum == 0 and epsilon < tiny_epsilon:
            message = f"divides by sqrt(variance 0 + epsilon {epsilon:g})"
            hint = f"set epsilon to {DEFAULT_EPSILON:g}"
        else:
            continue
        yield Finding(node.place_of(value.name), message, seen.minimum, 0, "variance", hint=hint)
