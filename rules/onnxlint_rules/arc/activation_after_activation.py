"""ARC006 activation-after-activation."""

from collections.abc import Iterator

from onnxlint import Finding, Graph, Severity, rule
from onnxlint_rules.arc._softmaxes import Feeders

UNITS = ("Relu", "LeakyRelu", "PRelu", "Elu", "Selu", "Celu", "Gelu", "HardSwish", "Mish", "Swish")
SQUASHING = ("Sigmoid", "HardSigmoid", "Tanh")
POSITIVE = ("Relu", "Sigmoid", "HardSigmoid", "Softmax", "Softplus")
"""Activations that give no negative number."""


@rule("ARC006", "activation-after-activation", severity=Severity.WARNING, ops=(*UNITS, *SQUASHING))
def activation_after_activation(graph: Graph) -> Iterator[Finding]:
    """An activation over the output of an activation.

    Why: a ReLU changes nothing after a ReLU, a softmax or a sigmoid, and makes everything 0 after a
    log-softmax. A sigmoid after a ReLU gets no negative number, so it never gives less than 0.5. As
    a rule a layer between the two was lost, or a block that ends in an activation got another one.
    Pairs that have a meaning are left alone: a clip after a ReLU (ReLU6), a tanh after a softplus
    (Mish), a ReLU after a tanh. Sigmoids and softmaxes of each other have the rule
    repeated-softmax, a softmax over a ReLU has relu-before-output. A tanh after a ReLU is an info,
    as masks of 0 to 1 are made so.
    Fix: remove one of the two, or put the layer between them.

    Bad:
    net (float[N, 4] x) => (float[N, 4] y)
    {
        h = Relu(x)
        y = Relu(h)
    }

    Bad:
    net (float[N, 4] x) => (float[N, 2, 2] y)
    <int64[3] shape = {-1, 2, 2}>
    {
        h = Relu(x)
        square = Reshape(h, shape)
        y = Sigmoid(square)
    }

    Good:
    # ReLU6
    net (float[N, 4] x) => (float[N, 4] y)
    <float low = {0}, float high = {6}>
    {
        h = Relu(x)
        y = Clip(h, low, high)
    }
    """
    feeders = Feeders()
    for node in graph.nodes(*UNITS, *SQUASHING):
        inner, _ = feeders.of(node)
        told = None if inner is None else _judged(inner.op, node.op)
        if inner is not None and told is not None:
            reason, severity = told
            yield Finding(
                node,
                f"it is applied to the output of {inner.place}: 2 activations in a row, where 1 is "
                f"meant; {reason}",
                measured=2,
                limit=1,
                unit="activations in a row",
                severity=severity,
            )


def _judged(inner: str, outer: str) -> tuple[str, Severity | None] | None:
    """What a pair of activations does, and how grave it is; None where the pair is meant."""
    if outer == "Relu" and inner == "LogSoftmax":
        return "a log-softmax gives nothing above 0, so the result is 0 everywhere", Severity.ERROR
    if outer in UNITS and inner in POSITIVE:
        return f"{inner} gives no negative number, so little or nothing changes", None
    if outer in UNITS and inner in UNITS:
        return "negative numbers are damped twice", None
    if outer in ("Sigmoid", "HardSigmoid") and inner in ("Relu", "Tanh"):
        lowest = "0.5" if inner == "Relu" else "0.27"
        return f"of {inner} a sigmoid makes no less than {lowest}", None
    if outer == "Tanh" and inner == "Relu":
        return "the result is never negative", Severity.INFO
    if outer == "Tanh" and inner in SQUASHING:
        return "the range shrinks twice", None
    return None
