"""ARC003 ambiguous-softmax-axis."""

from collections.abc import Iterator

from onnxlint import Finding, Graph, Severity, Shapes, rule
from onnxlint_rules.arc._softmaxes import axes

SOFTMAXES = ("Softmax", "LogSoftmax", "Hardmax")


@rule("ARC003", "ambiguous-softmax-axis", severity=Severity.WARNING, ops=SOFTMAXES)
def ambiguous_softmax_axis(graph: Graph, shapes: Shapes) -> Iterator[Finding]:
    """A softmax of an old opset that runs over several axes at once.

    Why: until opset 12 a softmax flattens its input to a matrix and normalises over every axis from
    `axis` (1 by default) on; from opset 13 on it is that axis alone. Importers mix the two up, with
    no error and other numbers (openvino issue 37823, tvm issues 19420 and 20183, onnx-mlir issue
    832, onnxruntime issues 24227 and 26391). Axes of size 1 make no difference and are left alone.
    Fix: export with opset 13 or newer; where several axes are meant, flatten them before.

    Bad:
    <ir_version: 7, opset_import: ["" : 11]>
    net (float[N, 4, 8] x) => (float[N, 4, 8] y)
    {
        y = Softmax(x)
    }

    Good:
    <ir_version: 7, opset_import: ["" : 11]>
    net (float[N, 4, 8] x) => (float[N, 4, 8] y)
    {
        y = Softmax <axis = 2> (x)
    }

    Good:
    <ir_version: 7, opset_import: ["" : 11]>
    # the classes of a network that pools over the whole image
    net (float[N, 1000, 1, 1] x) => (float[N, 1000, 1, 1] y)
    {
        y = Softmax(x)
    }
    """
    for node in graph.nodes(*SOFTMAXES):
        shape, over = shapes.of(node.input(0)), axes(node, shapes)
        if shape is None or over is None:
            continue
        flattened = [axis for axis in over if shape.dim(axis) != 1]
        if len(flattened) > 1:
            yield Finding(
                node,
                f"opset {node.scope.opsets.get('', 1)} lets it run over axes {over[0]} to "
                f"{over[-1]} of {shape} at once, opset 13 over axis {over[0]} alone",
                measured=len(flattened),
                limit=1,
                unit="axes",
            )
