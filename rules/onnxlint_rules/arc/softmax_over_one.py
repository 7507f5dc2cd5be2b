"""ARC002 softmax-over-one."""

from collections.abc import Iterator

from onnxlint import Finding, Graph, Severity, Shapes, rule
from onnxlint.model.graph.operators import SOFTMAXES
from onnxlint_rules.arc._softmaxes import axes, is_prediction


@rule("ARC002", "softmax-over-one", severity=Severity.ERROR, ops=SOFTMAXES)
def softmax_over_one(graph: Graph, shapes: Shapes) -> Iterator[Finding]:
    """A softmax over an axis of size 1.

    Why: a single entry always gets the whole probability, so the output is 1.0 (0.0 for a
    log-softmax) for every input. Either a sigmoid was meant, in a binary classifier with one logit,
    or the axis is wrong. A warning if the values are hidden: attention over one token is exported
    like this too.
    Fix: use a sigmoid, or set the axis of the softmax to that of the classes.

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
    # until opset 12 a softmax normalises all axes from `axis` on
    net (float[N, 8, 1] x) => (float[N, 8, 1] y)
    {
        y = Softmax <axis = 1> (x)
    }
    """
    for node in graph.nodes(*sorted(SOFTMAXES)):
        shape, over = shapes.of(node.input(0)), axes(node, shapes)
        if shape is None or over is None or any(shape.dim(axis) != 1 for axis in over):
            continue
        constant = 1.0 if node.op == "Softmax" else 0.0
        yield Finding(
            node,
            f"normalises over an axis of size 1, so every output is {constant}",
            hint=f"use a Sigmoid for a single logit, or set axis to that of the classes in {shape}",
            measured=1,
            limit=2,
            unit="entries",
            severity=Severity.ERROR if is_prediction(node) else Severity.WARNING,
        )
