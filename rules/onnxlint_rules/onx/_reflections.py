"""Padding by reflection, and how much of it an axis can give."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec import Struct

from onnxlint import Graph, Node, Shapes


class Reflection(Struct, frozen=True):
    """How much an end of an axis reflects, and how much there is: all but the edge."""

    axis: int
    wanted: int
    there: int


def too_wide(node: Node, graph: Graph, shapes: Shapes) -> Iterator[Reflection]:
    """The ends of fixed axes at which a Pad reflects more than there is.

    Negative pads cut an axis before the others reflect it.
    """
    shape, pads = shapes.of(node.input(0)), _pads(node, graph)
    if node.attribute("mode", "") != "reflect" or shape is None or shape.dims is None or not pads:
        return
    axes = _axes(node, graph, len(shape.dims))
    if axes is None or len(pads) != 2 * len(axes):
        return
    for axis, begin, end in zip(axes, pads, pads[len(axes) :], strict=False):
        size = shape.dim(axis)
        if isinstance(size, int) and size > 0:
            there = size + min(begin, 0) + min(end, 0) - 1
            if max(begin, end, 0) > there:
                yield Reflection(axis % len(shape.dims), max(begin, end), there)


def _pads(node: Node, graph: Graph) -> Sequence[int]:
    """Begins, then ends; before opset 11 an attribute, which opset 1 calls otherwise."""
    if len(node.inputs) > 1:
        return graph.integers(node.input(1)) or ()
    return node.integers("pads") or node.integers("paddings") or ()


def _axes(node: Node, graph: Graph, rank: int) -> Sequence[int] | None:
    """The axes that the pads are of; None where they are computed."""
    if node.input(3) is None:
        return range(rank)
    axes = graph.integers(node.input(3))
    return axes if axes and all(-rank <= axis < rank for axis in axes) else None
