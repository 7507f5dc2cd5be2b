"""ARC026 loss-in-model."""

from collections.abc import Iterator

from onnxlint import Finding, Graph, Node, Severity, Value, rule

LOSSES = ("SoftmaxCrossEntropyLoss", "NegativeLogLikelihoodLoss")

_MOVING = frozenset({"Cast", "Flatten", "Identity", "Reshape", "Squeeze", "Transpose", "Unsqueeze"})

_NEAR = 8
"""So many nodes before a loss are looked at."""


@rule("ARC026", "loss-in-model", severity=Severity.WARNING, ops=LOSSES)
def loss_in_model(graph: Graph) -> Iterator[Finding]:
    """A loss that is fed what it does not expect, or that an inference export does not need.

    Why: SoftmaxCrossEntropyLoss applies a softmax itself, so that one before it squeezes scores
    into [0, 1]: the loss cannot fall far, and gradients fade. NegativeLogLikelihoodLoss expects log
    probabilities, and a softmax gives probabilities. A loss summed over the batch grows with it:
    the learning rate then depends on the batch size. A loss that is fed well is an info: a model
    for inference needs neither it nor its labels.
    Fix: feed SoftmaxCrossEntropyLoss the scores, NegativeLogLikelihoodLoss a LogSoftmax; use
    `reduction="mean"`; export the model without its loss.

    Bad:
    net (float[N, 4] x, int64[N] labels) => (float loss)
    {
        p = Softmax(x)
        loss = SoftmaxCrossEntropyLoss(p, labels)
    }

    Bad:
    net (float[N, 4] x, int64[N] labels) => (float loss)
    {
        p = Softmax(x)
        loss = NegativeLogLikelihoodLoss(p, labels)
    }

    Bad:
    net (float[N, 4] x, int64[N] labels) => (float loss)
    {
        p = LogSoftmax(x)
        loss = NegativeLogLikelihoodLoss <reduction = "sum"> (p, labels)
    }

    Bad:
    # an info
    net (float[N, 4] x, int64[N] labels) => (float loss)
    {
        loss = SoftmaxCrossEntropyLoss(x, labels)
    }

    Good:
    net (float[N, 4] x) => (float[N, 4] y)
    {
        y = Softmax(x)
    }
    """
    for node in graph.nodes(*LOSSES):
        before = _before(node.input(0))
        found = None if before is None else _misfed(node, before)
        if found is not None:
            yield Finding(node, found)
        if node.attribute("reduction", "mean") == "sum":
            yield Finding(
                node, "loss is summed over the batch: its scale is that of the batch size"
            )
        elif found is None:
            yield Finding(node, "a loss is part of the model", severity=Severity.INFO)


def _misfed(node: Node, before: Node) -> str | None:
    """What is wrong with what a loss is fed by."""
    place = before.place
    if node.op == "SoftmaxCrossEntropyLoss" and before.op in ("Softmax", "Sigmoid"):
        return f"applies a softmax itself, and is fed by {place}"
    if node.op == "NegativeLogLikelihoodLoss" and before.op in ("Softmax", "Sigmoid", "Relu"):
        return f"expects log probabilities, and is fed by {place}"
    return None


def _before(value: Value | None) -> Node | None:
    """The node behind what only moves the numbers."""
    for _ in range(_NEAR):
        node = value.producer if value is not None else None
        if node is None or node.op not in _MOVING:
            return node
        value = node.input(0)
    return None
