"""Scales and zero points of a quantised model, and its layers of integers, however written."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import TYPE_CHECKING

from msgspec import Struct

from onnxlint.analyses.static.quantisation_parameters import (
    QuantisationParameters,
    all_parameters,
    along_axis,
    operand,
)
from onnxlint.analyses.static.shapes import Shapes
from onnxlint.model.graph.graph import Graph
from onnxlint.model.graph.nodes import Node, Value
from onnxlint.model.graph.operators import (
    DEQUANTIZE,
    INTEGER_LAYERS,
    PRODUCTS,
    QUANTIZE,
    SAME_CODES,
    SCALE_SLOTS,
)
from onnxlint.model.graph.walk import WayBack

if TYPE_CHECKING:
    from onnxlint.types import Array


class QuantisedLayer(Struct, frozen=True):
    """A layer with constant quantised weights.

    `data` is what it multiplies them with as it is quantised, None where it stays float. `is_8_bit`
    says that the weights have 8 bits, and no scales for blocks of them; along `axis` each slice of
    the weights may have a scale of its own.
    """

    node: Node
    data: Value | None
    zero_point: Value | None
    weights: Value
    is_8_bit: bool
    axis: int

    @property
    def is_float(self) -> bool:
        """Whether it is a layer of real numbers, which stands between DequantizeLinear nodes."""
        return self.node.op in PRODUCTS

    def dtype(self, shapes: Shapes) -> str | None:
        """The type of the data, told by its zero point where inference knows nothing."""
        known = shapes.of(self.data) or shapes.of(self.zero_point)
        return None if known is None else known.dtype

    def slices(self, graph: Graph) -> int:
        """How many scales the weights may have: one for each slice along `axis`."""
        tensor = graph.tensor(self.weights)
        dims = () if tensor is None else tensor.dims
        return dims[self.axis] if -len(dims) <= self.axis < len(dims) else 1

    def code_counts(self, graph: Graph) -> Array | None:
        """How often the weights have each code of 8 bits, from the lowest to the highest.

        -128 counts as -127, where symmetric quantisation ends. None for codes of other widths.
        """
        return graph.ask(self.weights, _code_counts)


class Quantisation:
    """What is quantised in a model."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._origin = WayBack(_before_moving, lambda value: value)
        self._equal: dict[tuple[Value | None, Value | None], bool] = {}

    @classmethod
    def build(cls, graph: Graph) -> Quantisation:
        """Nothing is read yet."""
        return cls(graph)

    def origin(self, value: Value) -> Value:
        """What a value is before nodes that only move it, and pools and pads: see `SAME_CODES`."""
        return self._origin(value)

    def quantiser(self, value: Value | None) -> Node | None:
        """The QuantizeLinear that a value comes from, past nodes that only move it."""
        node = None if value is None else self.origin(value).producer
        return node if node is not None and node.op in QUANTIZE else None

    def dequantiser(self, value: Value | None) -> Node | None:
        """The DequantizeLinear that a value comes from, past nodes that only move it."""
        node = None if value is None else self.origin(value).producer
        return node if node is not None and node.op in DEQUANTIZE else None

    @cached_property
    def requantised(self) -> tuple[tuple[Node, bool], ...]:
        """The nodes that quantise what was just dequantised, and whether with equal parameters."""
        found = []
        for node in self._graph.nodes(*sorted(QUANTIZE)):
            data = node.input(0)
            before = None if data is None else self._graph.source(data).producer
            if before is not None and before.op in DEQUANTIZE:
                found.append((node, self.share_parameters(node, before)))
        return tuple(found)

    def share_parameters(self, one: Node, other: Node) -> bool:
        """Whether two QuantizeLinear or DequantizeLinear have the same scale and zero point."""
        alike = all(self._are_equal(one.input(slot), other.input(slot)) for slot in (1, 2))
        return alike and one.attribute("axis", 1) == other.attribute("axis", 1)

    def _are_equal(self, one: Value | None, other: Value | None) -> bool:
        """Whether two values are the same one, or constants of equal type and numbers."""
        import numpy as np

        if one is not other and (one, other) not in self._equal:
            a, b = self._graph.constant(one), self._graph.constant(other)
            known = a is not None and b is not None and a.dtype == b.dtype
            self._equal[one, other] = known and np.array_equal(a, b)  # type: ignore[arg-type]
        return one is other or self._equal[one, other]

    @cached_property
    def parameters(self) -> tuple[QuantisationParameters, ...]:
        """All scales and zero points of the model, node by node."""
        return tuple(all_parameters(self._graph))

    @cached_property
    def layers(self) -> tuple[QuantisedLayer, ...]:
        """The layers with constant quantised weights.

        A float layer between DequantizeLinear nodes counts where its weights are quantised.
        """
        return (*self._integer_layers(), *self._float_layers())

    def _integer_layers(self) -> Iterator[QuantisedLayer]:
        for node in self._graph.nodes(*INTEGER_LAYERS):
            slots = INTEGER_LAYERS[node.op]
            data, zero_point, weights = (operand(node, slot) for slot in slots)
            if weights is not None and self._graph.tensor(weights) is not None:
                axis = (
                    next(axis for slot, *_, axis in SCALE_SLOTS[node.op] if slot == slots[2]) or 0
                )
                yield QuantisedLayer(node, data, zero_point, weights, True, along_axis(node, axis))

    def _float_layers(self) -> Iterator[QuantisedLayer]:
        for node in self._graph.nodes(*PRODUCTS):
            dequantised = self.dequantiser(node.input(1))
            weights = None if dequantised is None else dequantised.input(0)
            stored = self._graph.tensor(weights)
            if dequantised is None or weights is None or stored is None:
                continue
            before = self.dequantiser(node.input(0))
            data, zero_point = (None if before is None else before.input(slot) for slot in (0, 2))
            blocks = dequantised.attribute("block_size", 0)
            is_8_bit = stored.dtype in ("int8", "uint8") and not blocks
            axis = dequantised.attribute("axis", 1)
            yield QuantisedLayer(node, data, zero_point, weights, is_8_bit, axis)


def _before_moving(value: Value) -> Value | None:
    node = value.producer
    return node.input(0) if node is not None and node.op in SAME_CODES else None


def _code_counts(codes: Array) -> Array | None:
    import numpy as np

    if codes.dtype.name not in ("int8", "uint8"):
        return None
    low, high = (-127, 127) if codes.dtype.name == "int8" else (0, 255)
    places = codes.astype(np.int16).clip(low, high) - low
    return np.bincount(places.reshape(-1), minlength=high - low + 1)
