"""Which lengths the indices of an input must stay below, arithmetic on the way included."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from onnxlint.analyses.static.shapes import Shapes
from onnxlint.model.graph.graph import Graph
from onnxlint.model.graph.nodes import Node, Value
from onnxlint.model.graph.operators import INDEX_SLOTS, SAME_INDICES
from onnxlint.model.graph.walk import Walk

if TYPE_CHECKING:
    from onnxlint.runtime.feeds.input_slots import Bound

Dim = int | str
Dims = Callable[[Value | None], tuple[Dim | None, ...] | None]

MOST_STEPS = 64
"""Nodes between an input and what it indexes: casts, moves and sums. A choice of ours."""


def bounds_of(graph: Graph, shapes: Shapes, value: Value, dims: Dims) -> list[Bound]:
    """Every bound of the whole numbers of an input, in the order of the nodes."""
    found: dict[Bound, None] = {}
    affine = {value: (1, 0)}
    walk = Walk([value])
    for current in walk:
        if len(affine) > MOST_STEPS:
            break
        for node, slot in current.uses:
            found |= dict.fromkeys(_bounds(shapes, node, slot, affine[current], dims))
            changed = _affine(graph, node, slot, *affine[current])
            if changed is not None and node.output is not None:
                affine.setdefault(node.output, changed)
                walk.add(node.output)
    return list(found)


def _affine(graph: Graph, node: Node, slot: int, scale: int, shift: int) -> tuple[int, int] | None:
    """What the numbers are multiplied by and what is added, behind a node; None: it is unknown."""
    if node.op in SAME_INDICES:
        return (scale, shift) if slot == 0 or node.op == "Concat" else None
    if node.op not in ("Add", "Sub", "Mul") or slot > 1:
        return None
    number = graph.number(node.input(1 - slot))
    if not isinstance(number, int):
        return None
    if node.op == "Mul":
        return scale * number, shift * number
    if node.op == "Add":
        return scale, shift + number
    return (scale, shift - number) if slot == 0 else (-scale, number - shift)


def _bounds(
    shapes: Shapes, node: Node, slot: int, affine: tuple[int, int], dims: Dims
) -> Iterator[Bound]:
    from onnxlint.runtime.feeds.input_slots import Bound

    for size in _indexed(shapes, node, slot, dims):
        if size is not None:
            yield Bound(size, *affine)


def _indexed(shapes: Shapes, node: Node, slot: int, dims: Dims) -> Iterator[Dim | None]:
    """The sizes of the axes that a slot of a node indexes."""
    known = INDEX_SLOTS.get(node.op)
    if known is not None and known[0] == slot:
        axis = node.attribute(known[2], 0) if isinstance(known[2], str) else known[2]
        yield _dim(dims(node.input(known[1])), axis)
    elif node.op in ("GatherND", "ScatterND") and slot == 1:
        indexed, indices = dims(node.input(0)), dims(node.input(1))
        count = indices[-1] if indices else None
        first = node.attribute("batch_dims", 0)
        if indexed is not None and isinstance(count, int):
            yield from indexed[first : first + count]
    elif node.op == "com.microsoft::EmbedLayerNormalization" and slot in (1, 8):
        yield _dim(dims(node.input(4 if slot == 1 else 3)), 0)
    elif node.op == "MaxUnpool" and slot == 1:
        whole = dims(node.output) or ()
        if whole and all(isinstance(dim, int) for dim in whole):
            size = 1
            for dim in whole:
                size *= int(dim or 0)
            yield size
    elif node.op == "BitShift" and slot == 1:
        yield 8


def _dim(dims: tuple[Dim | None, ...] | None, axis: int | None) -> Dim | None:
    if dims is None or axis is None or not -len(dims) <= axis < len(dims):
        return None
    return dims[axis]
