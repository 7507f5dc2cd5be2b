"""Conflicts that shape inference found, in words."""

from __future__ import annotations

from onnxlint import Node, Shapes
from onnxlint.analyses.static.inference_complaints import InferenceFailure
from onnxlint.model.graph.operators import BROADCASTING


def message_of(failure: InferenceFailure, shapes: Shapes) -> str:
    """The reason that onnx gives, with the types of the inputs."""
    inputs = ", ".join(str(shapes.of(value) or "?") for value in failure.node.inputs)
    where = f"{failure.inner_op} inside {failure.node.op}: " if failure.inner_op else ""
    return f"{where}{failure.reason} (inputs: {inputs})"


def advice(node: Node) -> str:
    """What to look at first, by what goes wrong at an operator most often."""
    match node.op:
        case "MatMul" | "Gemm":
            return "make the inner dimensions equal, e.g. transpose the second input"
        case "Concat":
            return f"make all sizes equal but those of axis {node.attribute('axis', 0)}"
        case "Reshape":
            return "make the new shape have as many elements as the input"
        case op if op in BROADCASTING:
            return "make the sizes equal, or 1 where an input should be broadcast"
    return f"compare the input shapes with the definition of {node.op}"
