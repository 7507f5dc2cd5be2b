"""ARC002 softmax-over-one."""

from collections.abc import Iterator

from onnxlint import Finding, Graph, Severity, Shapes, rule
from onnxlint_rules.arc._softmaxes import axes, is_prediction


@rule("ARC002", "softmax-over-one", severity=Severity.ERROR, ops=("Softmax", "LogSoftmax"))
def softmax_over_one(graph: Graph, shapes: Shapes) -> Iterator[Finding]:
    """A softmax over an axis with a single entry.

    Why: one entry always gets the whole probability, so the output is 1.0 (0.0 for a log-softmax)
    whatever the input. It stands where a sigmoid was meant, in a binary classifier with one logit,
    or runs over the wrong axis. A warning where the values are hidden: attention over one token
    exports like this too.
    Fix: use a sigmoid, or give the softmax the axis of the classes.

    Bad:
    net (float[N, 3] x) => (float[N, 1] y)
    <float[3, 1] w = {1, 2, 3}>
    {
        logit = MatMul(x, w)
        y = Softmax(logit)
    }

    Good:
    net (float[N, 3] x) => (float[N, 1] y)
    <float[3, 1] w = {1, 2, 3}>
    {
        logit = MatMul(x, w)
        y = Sigmoid(logit)
    }

    Good:
    <ir_version: 7, opset_import: ["" : 12]>
    # until opset 12 a softmax runs over all axes from `axis` on
    net (float[N, 8, 1] x) => (float[N, 8, 1] y)
    {
        y = Softmax <axis = 1> (x)
    }
    """
    for node in graph.nodes("Softmax", "LogSoftmax"):
        shape, over = shapes.of(node.input(0)), axes(node, shapes)
        if shape is None or over is None or any(shape.dim(axis) != 1 for axis in over):
            continue
        constant = 1.0 if node.op == "Softmax" else 0.0
        yield Finding(
            node,
            f"it runs over 1 entry, not 2 or more, so every output is {constant}",
            measured=1,
            limit=2,
            unit="entries",
            severity=Severity.ERROR if is_prediction(node) else Severity.WARNING,
        )
