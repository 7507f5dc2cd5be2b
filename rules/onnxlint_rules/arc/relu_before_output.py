"""ARC007 relu-before-output."""

from collections.abc import Iterator

from onnxlint import Change, Finding, Graph, Layer, Layers, Node, Severity, Walk, rule
from onnxlint_rules.arc._softmaxes import LAYOUTS, is_prediction

CHOOSING = ("Softmax", "LogSoftmax", "ArgMax")


@rule("ARC007", "relu-before-output", severity=Severity.WARNING, ops=("Relu",))
def relu_before_output(
    graph: Graph, layers: Layers, *, feature_multiple: int = 32
) -> Iterator[Finding]:
    """A ReLU over the logits of a classifier, or over the result of a regression.

    Why: the last layer's values are the prediction, and after a ReLU none of them can be negative.
    Classes whose logits are below 0 cannot be told apart, and where the ReLU is off no gradient
    flows, so a network that starts there never learns. The pattern comes from a block of layer and
    ReLU that is used for the head, too. Sure where a softmax, log-softmax or argmax follows that is
    an output. A dense layer whose ReLU is the output is told where its width is no multiple of
    `feature_multiple`: feature extractors give 128 or 2048 values, and end in a ReLU on purpose, as
    maps of a convolution do. An info where it is one value: counts, prices and ages are never
    negative.
    Fix: remove the activation behind the last layer; a softplus or exp gives positive values with a
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
        value = node.input(0)
        trail = None if value is None else layers.trail(value)
        if value is None or trail is None or trail.layer is None or trail.change > Change.AFFINE:
            continue
        if not trail.alone or layers.readers(value) > 1:
            continue
        choice = _choice(node)
        severity = Severity.WARNING if choice else _unsure(trail.layer, node, feature_multiple)
        if severity is not None:
            where = f"before {choice.place}" if choice else "and is an output"
            yield Finding(
                node,
                f"it cuts off what is below 0 in the {trail.layer.outputs} values of "
                f"{trail.layer.node.place}, the last layer, {where}",
                measured=trail.layer.outputs,
                limit=0,
                unit="values cut off at 0",
                severity=severity,
            )


def _choice(node: Node) -> Node | None:
    """The softmax or argmax that a ReLU feeds and whose result is a prediction."""
    walk = Walk([node])
    for current in walk:
        for follower in current.output.readers if current.output else ():
            if follower.op in CHOOSING and is_prediction(follower):
                return follower
            if follower.op in LAYOUTS and follower.input(0) is current.output:
                walk.add(follower)
    return None


def _unsure(layer: Layer, node: Node, feature_multiple: int) -> Severity | None:
    """How likely a ReLU that is an output is a mistake."""
    if not is_prediction(node) or layer.kernel or layer.outputs % feature_multiple == 0:
        return None
    return Severity.WARNING if layer.outputs > 1 else Severity.INFO
