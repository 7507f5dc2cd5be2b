"""ARC003 ambiguous-softmax-axis."""

from collections.abc import Iterator

from onnxlint import Finding, Graph, Severity, Shapes, rule
from onnxlint.model.graph.operators import SOFTMAXES
from onnxlint_rules.arc._softmaxes import axes

OPS = SOFTMAXES | {"Hardmax"}
"""Their `axis` changed its meaning at opset 13."""


@rule("ARC003", "ambiguous-softmax-axis", severity=Severity.WARNING, ops=OPS)
def ambiguous_softmax_axis(graph: Graph, shapes: Shapes) -> Iterator[Finding]:
    """A softmax before opset 13 that normalises over several axes together.

    Why: until opset 12 a softmax flattens its input to a matrix and normalises over every axis from
    `axis` (1 by default) on; from opset 13 on only over that axis. Importers confuse the two, which
    gives different values without an error (openvino issue 37823, tvm issues 19420 and 20183,
    onnx-mlir issue 832, onnxruntime issues 24227 and 26391). Axes of size 1 make no difference and
    are exempt.
    Fix: export with opset 13 or later; if several axes are meant, flatten them before.

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
    for node in graph.nodes(*sorted(OPS)):
        shape, over = shapes.of(node.input(0)), axes(node, shapes)
        if shape is None or over is None:
            continue
        flattened = [axis for axis in over if shape.dim(axis) != 1]
        if len(flattened) > 1:
            yield Finding(
                node,
                f"at opset {node.opset} this normalises axes {over[0]} to {over[-1]} of {shape} "
                f"together; from opset 13 on only axis {over[0]}",
                hint=f"export with opset 13 or later; if axes {over[0]} to {over[-1]} are meant "
                "together, flatten them before",
                measured=len(flattened),
                limit=1,
                unit="axes",
            )
