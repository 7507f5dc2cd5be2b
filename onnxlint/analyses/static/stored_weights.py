"""How a layer's weight is stored: the constant behind it, and where its output channels lie."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import prod

from msgspec import Struct

from onnxlint.model.file.tensors import Tensor
from onnxlint.model.graph.graph import Graph
from onnxlint.model.graph.nodes import Node, Value
from onnxlint.model.graph.operators import RESHAPING, SAME_CONSTANT

RESHAPES = RESHAPING - {"Flatten"}
"""Operators that leave the elements in their order; no exporter flattens a constant."""

LONGEST_WAY = 8
"""Nodes between a constant and its layer; a limit for graphs that run in circles."""


class Stored(Struct, frozen=True):
    """The constant that a layer reads, as it is stored and as the layer gets it.

    `axis` is that of the output channels in the stored tensor; None where they lie scattered.
    `quantised` is the DequantizeLinear on the way, and `quantised_axis` the channels' axis there.
    """

    value: Value
    tensor: Tensor
    dims: tuple[int, ...]
    axis: int | None
    quantised: Node | None = None
    quantised_axis: int | None = None


def stored(graph: Graph, node: Node, slot: int) -> Stored | None:
    """What is stored of a layer's weight; None where it is computed, or no matrix."""
    value = node.input(slot)
    way: list[Node] = []
    while value is not None and graph.tensor(value) is None and len(way) < LONGEST_WAY:
        maker = value.producer
        if maker is None or maker.op not in SAME_CONSTANT:
            return None
        way.append(maker)
        value = maker.input(0)
    tensor = graph.tensor(value)
    if value is None or tensor is None:
        return None
    value = graph.source(value)
    shapes = [tensor.dims, *_shapes_behind(graph, way[::-1], tensor.dims)]
    if len(shapes) <= len(way) or len(shapes[-1]) < 2:
        return None
    axis = channel_axis(node, slot, shapes[-1])
    quantised, quantised_axis = None, None
    for maker, after, before in zip(way, shapes[:0:-1], shapes[-2::-1], strict=True):
        axis = _axis_before(maker, axis, before, after)
        if maker.op == "DequantizeLinear":
            quantised, quantised_axis = maker, axis
    return Stored(value, tensor, shapes[-1], axis, quantised, quantised_axis)


def channel_axis(node: Node, slot: int, dims: Sequence[int]) -> int | None:
    """The axis of a layer's weight along which its output channels lie; None for a table."""
    if node.op in ("Conv", "DeformConv"):
        return 0
    if node.op == "ConvTranspose":
        grouped = node.attribute("group", 1) != 1
        return (0 if dims[1] == 1 else None) if grouped else 1
    if node.op == "Gemm":
        return 0 if node.attribute("transB", 0) else 1
    if node.op == "MatMul":
        return len(dims) - (1 if slot else 2)
    return 1 if node.op in ("LSTM", "GRU", "RNN") and len(dims) == 3 else None


def _shapes_behind(
    graph: Graph, way: list[Node], dims: tuple[int, ...]
) -> Iterator[tuple[int, ...]]:
    """The shape behind each node of the way; ends early where it is not known."""
    for node in way:
        after = _shape_after(graph, node, dims)
        if after is None or prod(after) != prod(dims) or min(after, default=0) < 0:
            return
        dims = after
        yield dims


def _shape_after(graph: Graph, node: Node, dims: tuple[int, ...]) -> tuple[int, ...] | None:
    if node.op == "Transpose":
        order = _order(node, len(dims))
        return None if order is None else tuple(dims[axis] for axis in order)
    if node.op not in RESHAPES:
        return dims
    if node.op == "Reshape":
        target = graph.integers(node.input(1))
        return None if target is None else _reshaped(dims, target)
    axes = graph.integers(node.input(1)) if node.input(1) else node.integers("axes")
    if axes is None:
        return None
    return _squeezed(dims, axes) if node.op == "Squeeze" else _unsqueezed(dims, axes)


def _order(node: Node, rank: int) -> list[int] | None:
    order = node.integers("perm")
    order = [*range(rank)][::-1] if order == [] else order
    return order if order is not None and sorted(order) == [*range(rank)] else None


def _reshaped(dims: tuple[int, ...], target: list[int]) -> tuple[int, ...]:
    sizes = [dims[at] if size == 0 and at < len(dims) else size for at, size in enumerate(target)]
    known = prod(size for size in sizes if size != -1)
    return tuple(prod(dims) // max(1, known) if size == -1 else size for size in sizes)


def _squeezed(dims: tuple[int, ...], axes: list[int]) -> tuple[int, ...]:
    gone = {axis % len(dims) for axis in axes if dims}
    return tuple(size for at, size in enumerate(dims) if (at not in gone if axes else size != 1))


def _unsqueezed(dims: tuple[int, ...], axes: list[int]) -> tuple[int, ...] | None:
    if not axes:
        return None
    rank = len(dims) + len(axes)
    new, kept = {axis % rank for axis in axes}, iter(dims)
    return tuple(1 if at in new else next(kept, 1) for at in range(rank))


def _axis_before(
    node: Node, axis: int | None, before: tuple[int, ...], after: tuple[int, ...]
) -> int | None:
    """The axis of the same elements before a node; None where it has not got one of its own."""
    if axis is None:
        return None
    if node.op == "Transpose":
        order = _order(node, len(before))
        return None if order is None else order[axis]
    if node.op not in RESHAPES:
        return axis
    ahead, size = prod(after[:axis]), after[axis]
    fits = (at for at, dim in enumerate(before) if dim == size and prod(before[:at]) == ahead)
    return next(fits, None)
