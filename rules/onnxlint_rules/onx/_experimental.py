"""Operators of ONNX's experimental days, which the standard has lost and onnxruntime still runs."""

from onnxlint import Node

FORMER = frozenset({
    "Affine", "Crop", "DynamicSlice", "ImageScaler", "ParametricSoftplus", "Scale", "ScaledTanh",
})  # fmt: skip
"""Those that onnxruntime 1.32 has kernels for; GRUUnit and GivenTensorFill have none."""

_LAST_OPSET = 9
"""The last that onnxruntime takes them in, and onnx's checker only with a warning."""


def was_experimental(node: Node) -> bool:
    """Whether a node's operator was experimental, and its opset is old enough for it."""
    return node.op in FORMER and node.scope.opsets.get("", 0) <= _LAST_OPSET
