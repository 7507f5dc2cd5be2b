"""Formerly experimental operators that the standard has removed and onnxruntime still runs."""

from onnxlint import Node
from onnxlint.model.graph.operators import FORMER

_LAST_OPSET = 9
"""The last that onnxruntime takes them in, and onnx's checker only with a warning."""


def was_experimental(node: Node) -> bool:
    """Whether a node's operator was experimental, and its opset is old enough for it."""
    return node.op in FORMER and node.opset <= _LAST_OPSET
