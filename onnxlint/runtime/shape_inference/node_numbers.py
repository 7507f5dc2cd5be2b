"""The numbers that nodes keep while a model is expanded: in their metadata."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from onnx import NodeProto

NUMBER = "onnxlint.node"
"""The key of the metadata that tells the number of a node in the model as it was written."""


def number_of(node: NodeProto) -> int | None:
    """The number of a node of a sized model; None where inference put it in."""
    return next((int(entry.value) for entry in node.metadata_props if entry.key == NUMBER), None)
