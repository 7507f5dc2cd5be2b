"""What attributes of a node hold, whatever a file writes into them."""

from __future__ import annotations

from typing import Any

from onnxlint.model.file.mapped_files import TensorError
from onnxlint.model.file.tensors import Tensor
from onnxlint.model.graph.nodes import Node


def elements(node: Node, name: str) -> list[Any]:
    """A list, or the elements of a tensor; none of what is neither, or cannot be read."""
    tensor = node.tensor(name)
    if tensor is None:
        found = node.attribute(name)
        return list(found) if isinstance(found, (list, tuple)) else []
    stored = Tensor(tensor, node.scope.shared.model.files, tuple(tensor.dims))
    try:
        return list(stored.array().reshape(-1).tolist())
    except TensorError:
        return []
