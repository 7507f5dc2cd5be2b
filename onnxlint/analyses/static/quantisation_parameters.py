"""Scales and zero points, as the nodes read them, and what they say of the tensors."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from typing import Any

from msgspec import Struct

from onnxlint.analyses.static.shapes import Shape, Shapes
from onnxlint.model.graph.graph import Graph
from onnxlint.model.graph.nodes import Node, Value
from onnxlint.model.graph.operators import (
    DEQUANTIZE,
    QUANTIZE,
    SCALE_SLOTS,
)


class QuantisedRange(Struct, frozen=True):
    """The least and the largest number that quantised integers stand for, and the step between."""

    low: float
    high: float
    step: float


class Miscount(Struct, frozen=True):
    """So many scales, zero points or dimensions of them (`what`) where others fit the tensor."""

    what: str
    count: int
    expected: int


class QuantisationParameters(Struct, frozen=True):
    """Scale and zero point of a tensor, as one node reads them.

    `data` is the tensor, None for the node's output. `axis` is where each slice may have a scale of
    its own, None where there is one for all; blocks along it share one where `block` is not 0.
    """

    node: Node
    data: Value | None
    scale: Value | None
    zero_point: Value | None
    axis: int | None
    block: int = 0

    @property
    def named(self) -> str:
        """The tensor, for people."""
        return "output" if self.data is None else f"tensor {self.data.name!r}"

    @property
    def quantised(self) -> Value | None:
        """The integers that the node computes with them; None where it only reads such."""
        return self.node.output if self.data is None or self.node.op in QUANTIZE else None

    def range(self, graph: Graph) -> QuantisedRange | None:
        """What the integers stand for; None where it is computed or differs between channels.

        Nor is it known of 4 bits and floats of 8.
        """
        import numpy as np

        scale, zero_point = graph.constant(self.scale), graph.constant(self.zero_point)
        if scale is None or scale.size != 1 or (self.zero_point is not None and zero_point is None):
            return None
        if zero_point is not None and zero_point.dtype.kind not in "iu":
            return None
        ends = np.iinfo(np.uint8 if zero_point is None else zero_point.dtype)
        zero = 0 if zero_point is None else int(zero_point.reshape(-1)[0])
        step = float(scale.reshape(-1)[0])
        return QuantisedRange((ends.min - zero) * step, (ends.max - zero) * step, step)

    def entries(self, rank: int, data: Shape | None) -> int | None:
        """How many entries parameters of this rank must have to fit the tensor of type `data`.

        None where that is unknown, and for a rank that the operators take differently.
        """
        if self.axis is None:
            return 1
        if data is None or data.dims is None:
            return None
        if not -len(data.dims) <= self.axis < len(data.dims):
            return 1 if len(data.dims) > 1 else None  # no such axis
        dims = data.dims if self.block else (data.dim(self.axis),)
        sizes = [size for size in dims if isinstance(size, int)]
        if not rank == len(dims) == len(sizes):
            return None
        if self.block:
            sizes[self.axis] = -(-sizes[self.axis] // self.block)
        return prod(sizes)

    def miscounts(self, shapes: Shapes) -> Iterator[Miscount]:
        """Where the number of scales or zero points does not fit the tensor."""
        data, counts = shapes.of(self.data), []
        is_plain = self.node.op in QUANTIZE | DEQUANTIZE
        for what, value in (("scales", self.scale), ("zero points", self.zero_point)):
            shape = shapes.of(value)
            dims = None if shape is None else shape.dims
            sizes = [size for size in dims or () if isinstance(size, int)]
            if dims is None or len(sizes) < len(dims):
                continue
            if len(sizes) > 1 and is_plain and not self.block:
                yield Miscount(f"dimensions in its {what}", len(sizes), 1)
            counts.append(prod(sizes))
            taken = self.entries(len(sizes), data)
            if taken is not None and counts[-1] not in (taken, 0 if self.block else 1):
                yield Miscount(what, counts[-1], taken)
        if len(counts) == 2 and counts[0] != counts[1] and is_plain:
            yield Miscount("zero points", counts[1], counts[0])

    def in_use(self, graph: Graph, scales: int) -> Any:
        """Which of so many scales belong to more than zeros: all, but of a constant's slices."""

        import numpy as np

        codes = graph.constant(self.data) if self.node.op in DEQUANTIZE else None
        if codes is None or self.axis is None or self.block:
            return np.ones(scales, bool)
        if scales > 1 and -codes.ndim <= self.axis < codes.ndim:
            codes = np.moveaxis(codes, self.axis, 0)
        if codes.size % scales:
            return np.ones(scales, bool)
        zeros = graph.constant(self.zero_point)
        zeros = np.zeros(1) if zeros is None else zeros
        if zeros.size not in (1, scales):
            return np.ones(scales, bool)
        with np.errstate(invalid="ignore"):  # NaN of a float8
            codes, zeros = codes.astype(np.float64), zeros.astype(np.float64)
        return (codes.reshape(scales, -1) != zeros.reshape(-1, 1)).any(axis=1)


def all_parameters(graph: Graph) -> Iterator[QuantisationParameters]:
    """All scales and zero points of a model, node by node."""
    for node in graph.nodes(*sorted(QUANTIZE), *sorted(DEQUANTIZE)):
        axis, block = node.attribute("axis", 1), node.attribute("block_size", 0)
        data, scale, zero_point = (node.input(slot) for slot in range(3))
        yield QuantisationParameters(node, data, scale, zero_point, axis, block)
    for node in graph.nodes(*SCALE_SLOTS):
        for *slots, axis in SCALE_SLOTS[node.op]:
            data, scale, zero_point = (operand(node, slot) for slot in slots)
            along = None if axis is None else along_axis(node, axis)
            yield QuantisationParameters(node, data, scale, zero_point, along)
    for node in graph.nodes("com.microsoft::QLinearConcat"):
        yield QuantisationParameters(node, None, node.input(0), node.input(1), None)
        for slot in range(2, len(node.inputs) - 2, 3):
            data, scale, zero_point = (node.input(slot + step) for step in range(3))
            yield QuantisationParameters(node, data, scale, zero_point, None)


def along_axis(node: Node, axis: int) -> int:
    """An axis of `SCALE_SLOTS`, at a node that may transpose its weights."""
    return -2 if axis == -1 and node.attribute("transB", 0) else axis


def operand(node: Node, slot: int | None) -> Value | None:
    """The value in a slot, where there is one."""
    return None if slot is None else node.input(slot)
