"""ARC007 relu-before-output."""

from collections.abc import Iterator
from typing import Annotated

from onnxlint import Change, Finding, Graph, Layer, Layers, Node, Option, Severity, counted, rule
from onnxlint.model.graph.operators import MOVING, SOFTMAXES
from onnxlint.model.graph.traversal import followers
from onnxlint_rules.arc._softmaxes import is_prediction

CHOOSING = SOFTMAXES | {"ArgMax"}
"""Operators that read logits."""


@rule("ARC007", "relu-before-output", severity=Severity.WARNING, ops=("Relu",))
def relu_before_output(
    graph: Graph, layers: Layers, *,
    feature_multiple: Annotated[
        int, Option("multiples of this output width count as features", unit="values")
    ] = 32,
) -> Iterator[Finding]:  # fmt: skip
    """A ReLU over the logits of a classifier or the prediction of a regression.

    Why: the values of the last layer are the prediction, and after a ReLU none of them can be
    negative. Classes whose logits are below 0 cannot be distinguished, and an inactive ReLU passes
    no gradient, so a network that starts there never learns. The usual cause is a block of layer
    and ReLU that is used for the head, too. Certain if a softmax, log-softmax or argmax follows
    that is an output. A dense layer whose ReLU is the output is reported if its width is not a
    multiple of `feature_multiple`: feature extractors return 128 or 2048 values and end in a ReLU
    on purpose, as do the feature maps of a convolution. An info for a single value: counts, prices
    and ages are never negative.
    Fix: remove the activation after the last layer; a softplus or exp gives positive values with a
    gradient.

    Bad:
    net (float[N, 4] x) => (float[N, 3] y)
    <float[4, 3] w = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}, float[3] b = {1, 2, 3}>
    {
        h = Gemm(x, w, b)
        logits = Relu(h)
        y = Softmax(logits)
    }

    Bad:
    net (float[N, 4] x) => (float[N, 3] y)
    <float[4, 3] w = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}>
    {
        h = MatMul(x, w)
        y = Relu(h)
    }

    Good:
    net (float[N, 4] x) => (float[N, 3] y)
    <float[4, 3] w = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}>
    {
        active = Relu(x)
        logits = MatMul(active, w)
        y = Softmax(logits)
    }
    """
    for node in graph.nodes("Relu"):
        value, choice = node.input(0), _choice(node)
        if value is None or not (choice or is_prediction(node)):  # hardly any, of a million nodes
            continue
        trail = layers.trail(value)
        if trail.layer is None or trail.change > Change.AFFINE:
            continue
        count = trail.layer.outputs
        severity = Severity.WARNING if choice else _unsure(trail.layer, node, feature_multiple)
        if trail.alone and layers.readers(value) == 1 and severity is not None:
            where = f"before {choice.place}" if choice else "as a model output"
            yield Finding(
                node,
                f"clips the {counted(count, 'output')} of the last layer {trail.layer.node.place} "
                f"at 0, {where}",
                hint=f"remove this Relu so that {choice.place} reads the logits"
                if choice
                else "remove this Relu, or use Softplus or Exp where values must be positive",
                measured=count,
                limit=0,
                unit="values cut off at 0",
                severity=severity,
            )


def _choice(node: Node) -> Node | None:
    """The softmax or argmax that reads a ReLU and whose result is a prediction."""
    readers = (reader for reader, _ in followers(node.output, MOVING))
    return next((each for each in readers if each.op in CHOOSING and is_prediction(each)), None)


def _unsure(layer: Layer, node: Node, feature_multiple: int) -> Severity | None:
    """How likely a ReLU that is an output is a mistake."""
    if not is_prediction(node) or layer.kernel or layer.outputs % feature_multiple == 0:
        return None
    return Severity.WARNING if layer.outputs > 1 else Severity.INFO
