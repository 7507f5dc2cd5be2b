"""WGT014 unfilled-statistics."""

from collections.abc import Iterator
from dataclasses import dataclass

from onnxlint import Finding, Graph, Node, Settings, Severity, Stage, Value, Weights, rule

_SCALE, _BIAS, _MEAN, _VARIANCE = 1, 2, 3, 4


@rule("WGT014", "unfilled-statistics", severity=Severity.WARNING, ops=("BatchNormalization",))
def unfilled_statistics(graph: Graph, weights: Weights, settings: Settings) -> Iterator[Finding]:
    """A batch normalisation whose running statistics are those it was created with, or all 0.

    Why: with mean and variance 0 every activation is multiplied by 1/√epsilon, 316 by default: a
    converter that found empty tensors wrote zeros (tensorflow-onnx issue 1075). Mean 0 and variance
    1 are what layers begin with: a trained model that still has them was trained without updating
    them, or lost them on the way, and normalises nothing. Frameworks begin a scale with 1 and a
    bias with 0; where those were trained while other normalisations of the model have statistics,
    the node may be a plain scaling, which is an info.
    Fix: export from the checkpoint that holds the running statistics (in PyTorch after
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
    # nobody trained it yet
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
    # of the batch itself
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
        message = f"running mean and variance are 0 in every channel{_count(zero)}"
        yield Finding(zero[0].node, message, 0, unit="variance")
    if fresh and settings.stage is Stage.TRAINED:
        some_have = len(found) > len(zero) + len(fresh)
        plain = [each for each in fresh if some_have and not each.untouched]
        kept = [each for each in fresh if each not in plain]
        for group, severity in ((kept, None), (plain, Severity.INFO)):
            if group:
                message = f"running mean 0 and variance 1, as created{_count(group)}"
                yield Finding(group[0].node, message, severity=severity)


@dataclass(frozen=True, slots=True)
class _Statistics:
    """The one number that mean and variance hold in all channels; None where channels differ."""

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
        _repeated(node.input(slot), graph, weights) for slot in (_SCALE, _BIAS, _MEAN, _VARIANCE)
    )
    return _Statistics(node, mean, variance, (scale, bias) == (1, 0))


def _repeated(value: Value | None, graph: Graph, weights: Weights) -> float | None:
    """The number that every element of a constant is."""
    tensor = graph.tensor(value)
    seen = None if tensor is None else weights.of(tensor)
    if seen is None or not seen.elements or seen.finite < seen.elements:
        return None
    return seen.minimum if seen.minimum == seen.maximum else None


def _count(found: list[_Statistics]) -> str:
    return f" ({len(found)} nodes)" if len(found) > 1 else ""
