"""ARC026 loss-in-model."""

from collections.abc import Iterator

from onnxlint import Finding, Graph, Node, Severity, rule
from onnxlint.model.graph.operators import MOVING, UNEXPECTED_BY_LOSS
from onnxlint.model.graph.traversal import NEAR, behind


@rule("ARC026", "loss-in-model", severity=Severity.WARNING, ops=UNEXPECTED_BY_LOSS)
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
    for node in graph.nodes(*UNEXPECTED_BY_LOSS):
        found = _misfed(node)
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


def _misfed(node: Node) -> tuple[str, str] | None:
    """What is wrong with the input of a loss, and what to do."""
    before = behind(node.input(0), UNEXPECTED_BY_LOSS[node.op], MOVING, NEAR)
    if before is None:
        return None
    if node.op == "SoftmaxCrossEntropyLoss":
        message = f"applies a softmax itself, but reads the output of {before.place}"
        return message, f"remove {before.place}, so that the loss reads the logits"
    message = f"expects log-probabilities, but reads the output of {before.place}"
    return message, f"replace {before.place} by a LogSoftmax"
