"""Shapes, axes and scales that are inputs of free length: how many numbers they are."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from msgspec.structs import replace

from onnxlint.analyses.inputs.valid_operands import parameter
from onnxlint.analyses.static.shapes import Shapes
from onnxlint.model.graph.nodes import Node, Value

if TYPE_CHECKING:
    from onnxlint.runtime.feeds.input_slots import Slot


def counted(shapes: Shapes, value: Value, slot: Slot) -> Slot:
    """With as many numbers as an operator takes, and these; as it is where none takes them."""
    from onnxlint.runtime.feeds.input_slots import Meaning

    if len(slot.dims) != 1 or isinstance(slot.dims[0], int):
        return slot
    for node, at in value.uses:
        for count in _counts(shapes, node):
            given = parameter(shapes, node, at, count) if count > 0 else None
            if given is not None:
                return replace(slot, dims=(count,), meaning=Meaning.GIVEN, given=tuple(given))
    return slot


def _counts(shapes: Shapes, node: Node) -> Iterator[int]:
    """How many there may be, the likeliest first."""
    before, after = _rank(shapes, node.input(0)), _rank(shapes, node.output)
    match node.op:
        case "Expand" | "ConstantOfShape" | "Reshape":
            yield after if after is not None else before or 1
        case "Resize" | "Upsample" | "Tile":
            yield before or after or 1
        case "Squeeze" | "Unsqueeze":
            yield abs(before - after) if before and after is not None else 1
        case "Slice" | "CumSum":
            yield 1
        case _ if node.op.startswith("Reduce"):
            kept = node.attribute("keepdims", 1)
            yield 1 if kept or before is None or after is None else before - after
        case "Split":
            yield len(node.outputs)


def _rank(shapes: Shapes, value: Value | None) -> int | None:
    shape = shapes.of(value)
    return shape.rank if shape is not None else None
