"""ARC026 loss-in-model."""

from collections.abc import Iterator

from onnxlint import Finding, Graph, Node, Severity, Value, rule
from onnxlint.model.graph.operators import MOVING

LOSSES = ("SoftmaxCrossEntropyLoss", "NegativeLogLikelihoodLoss")


_NEAR = 8
"""So many nodes before a loss are checked."""


@rule("ARC026", "loss-in-model", severity=Severity.WARNING, ops=LOSSES)
def loss_in_model(graph: Graph) -> Iterator[Finding]:
    """A loss with the wrong kind of input, or in a model for inference.

    Why: SoftmaxCrossEntropyLoss applies a softmax itself; another one before it compresses the
    scores to [0, 1], so the loss cannot fall far and gradients vanish. NegativeLogLikelihoodLoss
    expects log-probabilities, and a softmax returns probabilities. A loss that is summed over the
    batch grows with the batch, so the learning rate depends on its size. A loss with the right
    input is an info: a model for inference needs neither the loss nor its labels.
    Fix: connect SoftmaxCrossEntropyLoss to the logits, NegativeLogLikelihoodLoss to a LogSoftmax;
    use `reduction="mean"`; export the model without its loss.

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
            message, hint = found
            yield Finding(node, message, hint=hint)
        if node.attribute("reduction", "mean") == "sum":
            yield Finding(
                node,
                "loss is summed over the batch, so its scale depends on the batch size",
                hint='set reduction="mean"',
            )
        elif found is None:
            yield Finding(
                node,
                "a loss is part of the model",
                hint=f"for inference, export the model without {node.op} and its labels",
                severity=Severity.INFO,
            )


def _misfed(node: Node, before: Node) -> tuple[str, str] | None:
    """What is wrong with the input of a loss, and what to do."""
    place = before.place
    if node.op == "SoftmaxCrossEntropyLoss" and before.op in ("Softmax", "Sigmoid"):
        message = f"applies a softmax itself, but reads the output of {place}"
        return message, f"remove {place}, so that the loss reads the logits"
    if node.op == "NegativeLogLikelihoodLoss" and before.op in ("Softmax", "Sigmoid", "Relu"):
        message = f"expects log-probabilities, but reads the output of {place}"
        return message, f"replace {place} by a LogSoftmax"
    return None


def _before(value: Value | None) -> Node | None:
    """The node before those that only move the values."""
    for _ in range(_NEAR):
        node = value.producer if value is not None else None
        if node is None or node.op not in MOVING:
            return node
        value = node.input(0)
    return None
