"""What the elements of an input are: bytes, measures, categories, text that is read as numbers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from msgspec.structs import replace

from onnxlint.analyses.inputs.hints.categories import NUMERIC_TEXT
from onnxlint.analyses.inputs.hints.columns import columns_of
from onnxlint.analyses.static.shapes import Shapes
from onnxlint.model.graph.graph import Graph
from onnxlint.model.graph.nodes import Node, Value
from onnxlint.model.graph.operators import CODE_SLOTS, LARGER_SLOT, OF_MAGNITUDE

if TYPE_CHECKING:
    from onnxlint.runtime.feeds.input_slots import Column, Slot

Uses = list[tuple[Node, int]]


def is_quantised(uses: Uses) -> bool:
    """Whether bytes are quantised numbers."""
    return any(at in CODE_SLOTS.get(node.op, ()) for node, at in uses)


def is_measured(graph: Graph, uses: Uses) -> bool:
    """Whether whole numbers become floats that are weighed, as pixels and counts are.

    Masks are not: they are taken from 1, or multiply what is not constant.
    """
    if not any(node.op in ("Cast", "CastLike") and at == 0 for node, at in uses):
        return False
    return any(
        (node.op in OF_MAGNITUDE and at == 0)
        or (node.op in ("Div", "Sub") and at == 0 and graph.constant(node.input(1)) is not None)
        for node, at in uses
    ) and not any(node.op == "Sub" and at == 1 for node, at in uses)


def with_columns(graph: Graph, shapes: Shapes, value: Value, slot: Slot, uses: Uses) -> Slot:
    """With what the model says of the values, where its meaning leaves room for it."""
    from onnxlint.runtime.feeds.input_slots import Meaning

    readers = (node for node, at in uses if node.op in ("MaxRoiPool", "RoiAlign") and at == 1)
    boxes = next((_boxes(shapes, node) for node in readers), None)
    if boxes is not None and len(slot.dims) == 2:
        return replace(slot, dims=(slot.dims[0], len(boxes)), columns=boxes)
    if slot.dtype == "bool" or (slot.bounds and slot.meaning is Meaning.INDEX):
        return slot
    if slot.meaning not in (Meaning.NOISE, Meaning.TEXT, Meaning.INDEX, Meaning.PIXEL):
        return slot
    limit = None if slot.dims not in ((), (1,)) else _limit(graph, uses)
    if limit is not None and slot.meaning is Meaning.NOISE:
        return replace(slot, columns=(limit,))
    width = slot.dims[-1] if slot.dims else None
    columns = columns_of(graph, shapes, value, width)
    if not columns and slot.meaning is Meaning.TEXT and _is_read_as_number(uses):
        from onnxlint.runtime.feeds.input_slots import Column

        return replace(slot, columns=(Column(_numerals(slot)),))
    return replace(slot, columns=_fitting(slot, columns))


LEAST_BOX = 4
"""Where the size of the image is free, boxes end this far from its edge, in its pixels."""


def _boxes(shapes: Shapes, node: Node) -> tuple[Column, ...]:
    """Boxes [left, top, right, bottom] within the image, behind the number of a MaxRoiPool's."""
    from onnxlint.runtime.feeds.input_slots import Column

    image = shapes.of(node.input(0))
    scale = node.attribute("spatial_scale", 1.0) or 1.0

    def ends(axis: int) -> tuple[Column, Column]:
        size = image.dim(axis) if image is not None else None
        end = max(1, size if isinstance(size, int) else LEAST_BOX) / scale
        return Column((0.0, end / 8, end / 4)), Column((end / 2, end * 3 / 4, end))

    (left, right), (top, bottom) = ends(-1), ends(-2)
    corners = (left, top, right, bottom)
    return corners if node.op == "RoiAlign" else (Column((0,)), *corners)


_SIDE = 0.2
"""A limit cuts off so much of a table, or nothing. A choice of ours."""


def _limit(graph: Graph, uses: Uses) -> Column | None:
    """A number that the entries of a table are compared with: most of them pass."""
    from onnxlint.runtime.feeds.input_slots import Column

    for node, at in uses:
        table = graph.constant(node.input(1 - at)) if node.op in LARGER_SLOT else None
        if table is None or table.size < 2 or table.dtype.kind not in "fiu":
            continue
        ends = sorted(map(float, table.reshape(-1)))
        inside = int((len(ends) - 1) * _SIDE)
        ordered = ends[::-1] if at == LARGER_SLOT[node.op] else ends
        return Column((ordered[0], ordered[inside]))
    return None


def _is_read_as_number(uses: Iterable[tuple[Node, int]]) -> bool:
    return any(node.op == "Cast" and at == 0 for node, at in uses)


def _numerals(slot: Slot) -> tuple[str, ...]:
    """Numbers as text; those that index something stay below its length."""
    from onnxlint.runtime.feeds.input_slots import resolved

    now = resolved(slot, {})
    fixed = any(isinstance(bound.size, int) for bound in slot.bounds)
    numbers = range(now.lowest, min(now.bound, now.lowest + len(NUMERIC_TEXT)))
    return tuple(map(str, numbers)) if fixed else NUMERIC_TEXT


def _fitting(slot: Slot, columns: Iterable[Column]) -> tuple[Column, ...]:
    """What is said with text for text alone, numbers for numbers; nothing if too little is left."""
    is_text = slot.dtype == "str"
    fitting = []
    for column in columns:
        kept = tuple(each for each in column.options if isinstance(each, str) is is_text)
        if not kept and (column.options or is_text):
            return ()
        fitting.append(replace(column, options=kept))
    return tuple(fitting)
