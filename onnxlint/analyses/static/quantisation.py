"""Scales and zero points of a quantised model, and its layers of integers, however written."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import Any

from onnxlint.analyses.static.shapes import Shape, Shapes
from onnxlint.model.graph.graph import Graph
from onnxlint.model.graph.nodes import Node, Value
from onnxlint.model.graph.operators import CASTING, DEQUANTIZE, HANDING_ON, QUANTIZE
from onnxlint.model.graph.walk import WayBack

Slots = tuple[int | None, int | None, int | None, int | None]

_OPERANDS: Mapping[str, tuple[Slots, ...]] = {
    "QLinearConv": ((0, 1, 2, None), (3, 4, 5, 0), (None, 6, 7, None)),
    "QLinearMatMul": ((0, 1, 2, -2), (3, 4, 5, -1), (None, 6, 7, -2)),
    "ConvInteger": ((0, None, 2, None), (1, None, 3, 0)),
    "MatMulInteger": ((0, None, 2, -2), (1, None, 3, -1)),
    "com.microsoft::QGemm": ((0, 1, 2, None), (3, 4, 5, -1), (None, 7, 8, None)),
    "com.microsoft::QAttention": ((0, 3, 6, None), (1, 4, 7, -1)),
    "com.microsoft::MatMulIntegerToFloat": ((0, 2, 4, None), (1, 3, 5, -1)),
    "com.microsoft::DynamicQuantizeMatMul": ((1, 2, 3, -1),),
    "com.microsoft::QLinearWhere": ((1, 2, 3, None), (4, 5, 6, None), (None, 7, 8, None)),
    **dict.fromkeys(
        ("com.microsoft::QLinearAdd", "com.microsoft::QLinearMul"),
        ((0, 1, 2, None), (3, 4, 5, None), (None, 6, 7, None)),
    ),
    **dict.fromkeys(
        (
            "com.microsoft::QLinearAveragePool",
            "com.microsoft::QLinearGlobalAveragePool",
            "com.microsoft::QLinearLeakyRelu",
            "com.microsoft::QLinearReduceMean",
            "com.microsoft::QLinearSigmoid",
            "com.microsoft::QLinearSoftmax",
        ),
        ((0, 1, 2, None), (None, 3, 4, None)),
    ),
}
"""By operator: slots of a tensor (None: it is the output), of its scale and zero point, and the
axis along which each slice may have a scale of its own (None: one scale for the whole tensor)."""

QUANTISED_OPERATORS = QUANTIZE | DEQUANTIZE | {*_OPERANDS, "com.microsoft::QLinearConcat"}
"""All that have a scale."""

INTEGER_LAYERS: Mapping[str, tuple[int, int | None, int]] = {
    "ConvInteger": (0, 2, 1),
    "MatMulInteger": (0, 2, 1),
    "QLinearConv": (0, 2, 3),
    "QLinearMatMul": (0, 2, 3),
    "com.microsoft::DynamicQuantizeMatMul": (0, None, 1),
    "com.microsoft::MatMulIntegerToFloat": (0, 4, 1),
    "com.microsoft::QAttention": (0, 6, 1),
    "com.microsoft::QGemm": (0, 2, 3),
}
"""Slots of the data, of its zero point, and of the weights."""

FLOAT_LAYERS = ("Conv", "ConvTranspose", "Gemm", "MatMul")
"""Layers that an integer kernel replaces between DequantizeLinear and QuantizeLinear."""

PASSING = (HANDING_ON - CASTING) | {"MaxPool", "Pad"}
"""Hands on quantised values as they are: a Cast makes other ones of them. A maximum is one of the
values that it is taken of, and padding adds to them."""


@dataclass(frozen=True, slots=True)
class QuantisationParameters:
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


@dataclass(frozen=True, slots=True)
class QuantisedLayer:
    """A layer with constant quantised weights.

    `data` is what it multiplies them with as it is quantised, None where it stays float. `is_8_bit`
    says that the weights have 8 bits, and no scales for blocks of them.
    """

    node: Node
    data: Value | None
    zero_point: Value | None
    weights: Value
    is_8_bit: bool

    def dtype(self, shapes: Shapes) -> str | None:
        """The type of the data, told by its zero point where inference knows nothing."""
        known = shapes.of(self.data) or shapes.of(self.zero_point)
        return None if known is None else known.dtype


class Quantisation:
    """What is quantised in a model."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._quantisers, self._dequantisers = _Behind(QUANTIZE), _Behind(DEQUANTIZE)

    @classmethod
    def build(cls, graph: Graph) -> Quantisation:
        """Nothing is read yet."""
        return cls(graph)

    def quantiser(self, value: Value | None) -> Node | None:
        """The QuantizeLinear that a value comes from, past nodes that only move it."""
        return None if value is None else self._quantisers(value)

    def dequantiser(self, value: Value | None) -> Node | None:
        """The DequantizeLinear that a value comes from, past nodes that only move it."""
        return None if value is None else self._dequantisers(value)

    @cached_property
    def parameters(self) -> tuple[QuantisationParameters, ...]:
        """All scales and zero points of the model, node by node."""
        return tuple(_parameters(self._graph))

    @cached_property
    def layers(self) -> tuple[QuantisedLayer, ...]:
        """The layers with constant quantised weights.

        A float layer between DequantizeLinear nodes counts where its weights are quantised.
        """
        return (*self._integer_layers(), *self._float_layers())

    def _integer_layers(self) -> Iterator[QuantisedLayer]:
        for node in self._graph.nodes(*INTEGER_LAYERS):
            data, zero_point, weights = (_read(node, slot) for slot in INTEGER_LAYERS[node.op])
            if weights is not None and self._graph.tensor(weights) is not None:
                yield QuantisedLayer(node, data, zero_point, weights, is_8_bit=True)

    def _float_layers(self) -> Iterator[QuantisedLayer]:
        for node in self._graph.nodes(*FLOAT_LAYERS):
            dequantised = self.dequantiser(node.input(1))
            weights = None if dequantised is None else dequantised.input(0)
            stored = self._graph.tensor(weights)
            if dequantised is None or weights is None or stored is None:
                continue
            before = self.dequantiser(node.input(0))
            data, zero_point = (None if before is None else before.input(slot) for slot in (0, 2))
            blocks = dequantised.attribute("block_size", 0)
            is_8_bit = stored.dtype in ("int8", "uint8") and not blocks
            yield QuantisedLayer(node, data, zero_point, weights, is_8_bit)


def _read(node: Node, slot: int | None) -> Value | None:
    return None if slot is None else node.input(slot)


class _Behind(WayBack[Node | None]):
    """Finds the node with one of some operators that a value comes from, past others."""

    def __init__(self, ops: Collection[str]) -> None:
        super().__init__(self._earlier, self._found)
        self._ops = ops

    def _earlier(self, value: Value) -> Value | None:
        node = value.producer
        moved = node is not None and node.op not in self._ops and node.op in PASSING
        return node.input(0) if node is not None and moved else None

    def _found(self, value: Value) -> Node | None:
        node = value.producer
        return node if node is not None and node.op in self._ops else None


def _parameters(graph: Graph) -> Iterator[QuantisationParameters]:
    for node in graph.nodes(*sorted(QUANTIZE), *sorted(DEQUANTIZE)):
        axis, block = node.attribute("axis", 1), node.attribute("block_size", 0)
        data, scale, zero_point = (node.input(slot) for slot in range(3))
        yield QuantisationParameters(node, data, scale, zero_point, axis, block)
    for node in graph.nodes(*_OPERANDS):
        for *slots, axis in _OPERANDS[node.op]:
            data, scale, zero_point = (_read(node, slot) for slot in slots)
            along = -2 if axis == -1 and node.attribute("transB", 0) else axis
            yield QuantisationParameters(node, data, scale, zero_point, along)
    for node in graph.nodes("com.microsoft::QLinearConcat"):
        yield QuantisationParameters(node, None, node.input(0), node.input(1), None)
        for slot in range(2, len(node.inputs) - 2, 3):
            data, scale, zero_point = (node.input(slot + step) for step in range(3))
            yield QuantisationParameters(node, data, scale, zero_point, None)
