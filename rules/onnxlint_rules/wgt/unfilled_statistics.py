"""WGT014 unfilled-statistics."""

from collections.abc import Iterator
from typing import Any

from msgspec import Struct

from onnxlint import Finding, Graph, Node, Settings, Severity, Stage, Weights, rule

_SCALE, _BIAS, _MEAN, _VARIANCE = 1, 2, 3, 4


@rule("WGT014", "unfilled-statistics", severity=Severity.WARNING, ops=("BatchNormalization",))
def unfilled_statistics(graph: Graph, weights: Weights, settings: Settings) -> Iterator[Finding]:
    """A batch normalisation with its initial running statistics, or all 0.

    Why: with mean and variance 0 every activation is multiplied by 1/√epsilon, 316 by default: a
    converter that found empty tensors wrote zeros (tensorflow-onnx issue 1075). Mean 0 and variance
    1 are what layers start with: a trained model that still has them was trained without updating
    them, or lost them, and normalises nothing. Frameworks start a scale with 1 and a bias with 0;
    if those were trained while other normalisations of the model have statistics, the node may be a
    plain scaling, which is an info.
    Fix: export from the checkpoint that contains the running statistics (in PyTorch after
    `model.eval()`; in TensorFlow with the moving averages restored).

    Bad:
    net (float[N, 2] x) => (float[N, 2] y)
    <float[2] s = {1, 2}, float[2] b = {0, 1}, float[2] mean = {0, 0}, float[2] var = {0, 0}>
    {
        y = BatchNormalization <epsilon = 0.001> (x, s, b, mean, var)
    }

    Bad:
    net (float[N, 2] x) => (float[N, 2] y)
    <float[2] s = {1.5, 2}, float[2] b = {0, 1}, float[2] mean = {0, 0}, float[2] var = {1, 1}>
    {
        y = BatchNormalization(x, s, b, mean, var)
    }

    Good:
    # not trained yet
    # stage: init
    net (float[N, 2] x) => (float[N, 2] y)
    <float[2] s = {1, 1}, float[2] b = {0, 0}, float[2] mean = {0, 0}, float[2] var = {1, 1}>
    {
        y = BatchNormalization(x, s, b, mean, var)
    }

    Good:
    # one constant channel, and one of unit variance
    net (float[N, 3] x) => (float[N, 3] y)
    <float[3] s = {1, 1, 2}, float[3] b = {0, 0, 0}, float[3] mean = {0, 0, 0.2},
     float[3] var = {0, 1, 0.9}>
    {
        y = BatchNormalization(x, s, b, mean, var)
    }

    Good:
    # statistics of the batch itself
    net (float[N, 2] x) => (float[N, 2] y)
    <float[2] s = {1, 2}, float[2] b = {0, 1}, float[2] mean = {0, 0}, float[2] var = {1, 1}>
    {
        y, m, v = BatchNormalization <training_mode = 1> (x, s, b, mean, var)
    }
    """
    found = [each for node in graph.nodes("BatchNormalization")
             if (each := _statistics(node, graph, weights)) is not None]  # fmt: skip
    zero = [each for each in found if (each.mean, each.variance) == (0, 0)]
    fresh = [each for each in found if (each.mean, each.variance) == (0, 1)]
    if zero:
        message = "running mean and variance are 0 in every channel"
        yield _finding(zero, message, measured=0, unit="variance")
    if fresh and settings.stage is Stage.TRAINED:
        some_have = len(found) > len(zero) + len(fresh)
        plain = [each for each in fresh if some_have and not each.untouched]
        kept = [each for each in fresh if each not in plain]
        for group, severity in ((kept, None), (plain, Severity.INFO)):
            if group:
                message = "running mean 0 and variance 1, as initialised"
                yield _finding(group, message, severity=severity)


class _Statistics(Struct, frozen=True):
    """The value that mean and variance have in all channels; None where channels differ."""

    node: Node
    mean: float | None
    variance: float | None
    untouched: bool


def _statistics(node: Node, graph: Graph, weights: Weights) -> _Statistics | None:
    if node.attribute("training_mode", 0) or len([each for each in node.outputs if each]) > 1:
        return None
    if graph.tensor(node.input(_MEAN)) is None or graph.tensor(node.input(_VARIANCE)) is None:
        return None
    scale, bias, mean, variance = (
        weights.uniform(graph.tensor(node.input(slot)))
        for slot in (_SCALE, _BIAS, _MEAN, _VARIANCE)
    )
    return _Statistics(node, mean, variance, (scale, bias) == (1, 0))


def _finding(found: list[_Statistics], message: str, **rest: Any) -> Finding:
    hint = "export from the checkpoint with the running statistics, after model.eval()"
    return Finding.of_nodes([each.node for each in found], message, hint=hint, **rest)
