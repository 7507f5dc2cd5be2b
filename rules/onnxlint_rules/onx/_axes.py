"""Attributes that name an axis of an input, and which axes there are."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from onnxlint import Graph, Node, Shapes
from onnxlint.model.graph.operators import AXIS_BETWEEN, AXIS_OF_FIRST, QDQ, REDUCTIONS
from onnxlint.model.patterns.conditions import attribute_of

LISTS = REDUCTIONS | {"Squeeze"}
"""Operators whose `axes`, as long as they are an attribute, are those of their first input."""

OPS = frozenset({*AXIS_OF_FIRST, *QDQ, *LISTS, *AXIS_BETWEEN})


class NamedAxis(Struct, frozen=True):
    """An axis that an attribute names, and the least and largest that there are."""

    attribute: str
    axis: int
    least: int
    most: int

    @property
    def is_there(self) -> bool:
        """Whether it is one of them."""
        return self.least <= self.axis <= self.most


def named_axes(node: Node, graph: Graph, shapes: Shapes) -> Iterator[NamedAxis]:
    """The axes that the attributes of a node name, where the rank is known."""
    rank = shapes.rank(node.input(0))
    if rank is None or (node.op in QDQ and not _per_axis(node, graph, shapes)):
        return
    most = rank if node.op in AXIS_BETWEEN else rank - 1
    least = -rank - 1 if node.op == "OneHot" else -rank
    name = "axes" if node.op in LISTS else "axis"
    found = node.integers("axes") if name == "axes" else attribute_of(node, "axis")
    for axis in found if isinstance(found, list) else [found]:
        if isinstance(axis, int):
            yield NamedAxis(name, axis, least, most)


def _per_axis(node: Node, graph: Graph, shapes: Shapes) -> bool:
    """Whether a scale has more than one number, so that the axis is read."""
    tensor = graph.tensor(node.input(1))
    if tensor is not None:
        return len(tensor.dims) > 0 and tensor.size > 1
    scales = shapes.dim(node.input(1), 0)
    return shapes.rank(node.input(1)) == 1 and isinstance(scales, int) and scales != 1
