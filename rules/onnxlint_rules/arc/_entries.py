"""How many entries a value has along an axis at least, padding and concatenation included."""

from __future__ import annotations

from sys import maxsize

from onnxlint import Graph, Node, Shapes, Value
from onnxlint.model.graph.operators import ELEMENTWISE, SOFTMAXES
from onnxlint.model.graph.traversal import sources

SAME_SIZES = ELEMENTWISE | SOFTMAXES
"""Operators that keep the sizes of their first input."""

_NEAR = 20
"""So many nodes before a TopK are checked: padding is near it."""


class Along:
    """Counts the entries of a Concat, once for all that read it."""

    def __init__(self, shapes: Shapes) -> None:
        self.shapes = shapes
        self._known: dict[tuple[Node, int], int] = {}

    def known(self, concat: Node, axis: int) -> int:
        """The entries of its parts along an axis, as far as they are known."""
        if (concat, axis) not in self._known:
            sizes = (self.shapes.dim(part, axis) for part in concat.inputs)
            self._known[concat, axis] = sum(size for size in sizes if isinstance(size, int))
        return self._known[concat, axis]


def fewest_entries(value: Value | None, axis: int, graph: Graph, along: Along) -> int:
    """How many entries a value has along an axis at least."""
    fewest, shapes = 0, along.shapes
    for at in sources(value, SAME_SIZES | {"Pad"}, _NEAR):
        size, rank, node = shapes.dim(at, axis), shapes.rank(at), at.producer
        if isinstance(size, int):
            return fewest + size
        if node is None:
            break
        if node.op == "Concat" and node.attribute("axis", 0) in (axis, axis - (rank or 0)):
            return fewest + along.known(node, axis)
        if node.op == "Pad":
            padding = _padding(node, axis, graph)
            if padding is None:  # the exporter computes it: it knows why it pads
                return maxsize
            fewest += padding
    return fewest


def _padding(node: Node, axis: int, graph: Graph) -> int | None:
    """How many entries a Pad adds to an axis; None where that is computed."""
    pads = graph.integers(node.input(1))
    if pads is None and node.input(1) is not None:
        return None
    sizes = (node.integers("pads") or []) if pads is None else pads
    if node.input(3) is not None or axis >= len(sizes) // 2:
        return None
    return int(sizes[axis] + sizes[axis + len(sizes) // 2])
