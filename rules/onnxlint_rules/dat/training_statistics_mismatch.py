"""DAT009 training-statistics-mismatch."""

from collections.abc import Iterator
from typing import Annotated

from onnxlint import Finding, Graph, Node, NotApplicable, Option, Severity, Trace, rule


@rule("DAT009", "training-statistics-mismatch", severity=Severity.WARNING,
      ops=("BatchNormalization",))  # fmt: skip
def training_statistics_mismatch(
    graph: Graph,
    trace: Trace,
    *,
    max_ratio: Annotated[
        float, Option("factor between the RMS of the data and that of training", "factor")
    ] = 4.0,
) -> Iterator[Finding]:
    """Data on a different scale than a first batch normalisation saw in training.

    Why: its running mean and variance are those of the training data after the layers before it.
    Pixels of 0…255 in a network that was trained on normalised ones are some fifty times as large
    there, and the answer is always the same class (onnx issue 1440). The RMS over all channels is
    compared with the one that the running statistics imply, at those batch normalisations that have
    none before them, and only on the user's data. The limit is a choice: normalised pixels and
    pixels of 0…1 differ by about 2, and are not reported.
    Fix: prepare the samples as in training (scale, mean and standard deviation, order of the
    channels), or put the preprocessing into the graph.

    Bad:
    # data: x = [[[200.0, 180.0], [220.0, 90.0]], [[130.0, 250.0], [40.0, 210.0]]]
    net (float[N, 2, 2] x) => (float[N, 2, 2] y)
    <float[2] s = {1, 1}, float[2] b = {0, 0}, float[2] mean = {0.1, -0.2}, float[2] var = {1, 0.8}>
    {
        y = BatchNormalization(x, s, b, mean, var)
    }

    Good:
    # data: x = [[[1.0, -0.4], [0.3, 1.7]], [[-1.2, 0.1], [-0.6, 0.9]]]
    net (float[N, 2, 2] x) => (float[N, 2, 2] y)
    <float[2] s = {1, 1}, float[2] b = {0, 0}, float[2] mean = {0.1, -0.2}, float[2] var = {1, 0.8}>
    {
        y = BatchNormalization(x, s, b, mean, var)
    }

    Good:
    # the second one sees the output of the first one, which is judged
    # data: x = [[[100.4, 99.0], [98.3, 101.7]], [[101.2, 99.1], [99.6, 100.9]]]
    net (float[N, 2, 2] x) => (float[N, 2, 2] y)
    <float[2] s = {9, 9}, float[2] b = {0, 0}, float[2] mean = {100, 100}, float[2] var = {1, 1.2},
     float[2] zero = {0, 0}, float[2] one = {1, 1}>
    {
        h = BatchNormalization(x, s, b, mean, var)
        y = BatchNormalization(h, s, b, zero, one)
    }
    """
    if trace.synthetic:
        raise NotApplicable("needs data (--data): synthetic inputs have an arbitrary scale")
    for node in trace.first_normalisations():
        seen, expected = trace.of(node.input(0)), _expected(graph, node)
        if seen is None or expected is None or not seen.statistics.finite:
            continue
        observed = (seen.statistics.variance + seen.statistics.mean**2) ** 0.5
        ratio = max(observed, expected) / max(min(observed, expected), 1e-12)
        if ratio > max_ratio:
            yield Finding(
                node,
                f"input RMS {observed:.3g}, running statistics imply {expected:.3g}: "
                f"factor {ratio:.3g} (limit {max_ratio:g})",
                measured=ratio,
                limit=max_ratio,
                unit="times",
                hint="scale and centre the samples as in training",
            )


def _expected(graph: Graph, node: Node) -> float | None:
    """The RMS over all channels that its running statistics imply."""
    import numpy as np

    mean, variance = graph.constant(node.input(3)), graph.constant(node.input(4))
    if mean is None or variance is None or node.attribute("training_mode", 0):
        return None
    power = float(np.mean(variance.astype(np.float64) + mean.astype(np.float64) ** 2))
    return power**0.5 if power > 0 else None
