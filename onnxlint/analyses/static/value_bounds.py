"""What weights and operators alone say of a value's numbers, whatever is fed."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from onnxlint.analyses.static import intervals
from onnxlint.analyses.static.intervals import Interval
from onnxlint.analyses.static.layers import Layer, Layers
from onnxlint.analyses.static.shapes import Shapes
from onnxlint.model.file.dtypes import is_float
from onnxlint.model.graph.graph import Graph
from onnxlint.model.graph.nodes import Node, Value
from onnxlint.model.graph.operators import (
    CHANNEL_WITHIN,
    OUTPUT_RANGES,
    TENSOR_WITHIN,
)
from onnxlint.settings import Settings

if TYPE_CHECKING:
    from onnxlint.types import Array

LARGEST_CONSTANT = 1 << 24
"""Elements of a constant that are weighed: more would take hundreds of megabytes."""

_DTYPES: Mapping[str, tuple[float, float]] = {
    "uint8": (0, 255),
    "bool": (0, 1),
    "int8": (-128, 127),
}


class Bounds:
    """The interval of a value by way of the constants between the inputs and it.

    Of an input only what its dtype and the configuration say is known. Sound, and often wide: a
    convolution over an unbounded input has no bound but where its weights are 0.
    """

    def __init__(self, graph: Graph, layers: Layers, shapes: Shapes, settings: Settings) -> None:
        self._graph, self._layers, self._shapes = graph, layers, shapes
        self._contracts = settings.inputs
        self._known: dict[Value, Interval] = {}

    @classmethod
    def build(cls, graph: Graph, layers: Layers, shapes: Shapes, settings: Settings) -> Bounds:
        """Looks at nothing yet."""
        return cls(graph, layers, shapes, settings)

    def of(self, value: Value) -> Interval:
        """The interval of a value of the main graph; an infinite one where nothing is known."""
        if value not in self._known:
            before = self._graph.ancestors([value])
            for node in self._graph.main.nodes:
                if node in before and node.output is not None and node.output not in self._known:
                    self._known[node.output] = self._after(node)
        return self._get(value)

    def least_rms(self, value: Value) -> float:
        """The root mean square of a value that is not undercut, whatever the input is."""
        found = self.of(value)
        channels = abs(found.low.clip(0) + found.high.clip(None, 0))
        return float((channels**2).mean() ** 0.5)

    def _get(self, value: Value | None) -> Interval:
        if value is None:
            return Interval.of()
        if value not in self._known:
            self._known[value] = self._leaf(value)
        return self._known[value]

    def _leaf(self, value: Value) -> Interval:
        array = self._constant(value)
        if array is not None:
            return intervals.of_constant(array, None)
        contract = self._contracts.get(value.name) if value.is_input else None
        if contract is not None and contract.range is not None:
            return Interval.of(*contract.range)
        shape = self._shapes.of(value) if value.is_input else None
        return Interval.of(*_DTYPES.get(shape.dtype, ())) if shape is not None else Interval.of()

    def _constant(self, value: Value | None) -> Array | None:
        tensor = self._graph.tensor(value)
        if tensor is None or not 0 < tensor.size <= LARGEST_CONSTANT:
            return None
        array = self._graph.constant(value)
        return array if array is not None and array.dtype.kind in "fiub" else None

    def _after(self, node: Node) -> Interval:
        maker = _MAKERS.get(node.op)
        if self._constant(node.output) is not None:
            return self._leaf(node.output)  # type: ignore[arg-type]  # it has a constant
        if maker is not None:
            return maker(self, node)
        read = self._get(node.input(0))
        if node.op in CHANNEL_WITHIN and not _changes(node):
            return read.with_zero() if node.op == "AveragePool" else read
        if node.op in TENSOR_WITHIN:
            return read.hull
        return Interval.of(*OUTPUT_RANGES.get(node.op, ()))

    def _beside(self, value: Value | None, axis: int | None) -> Interval:
        """A value's interval, a constant's along the axis of what it meets."""
        array = self._constant(value)
        return self._get(value) if array is None else intervals.of_constant(array, axis)

    def pair(self, node: Node) -> tuple[Interval, Interval]:
        """The intervals of both inputs."""
        one, other = self._get(node.input(0)), self._get(node.input(1))
        axis = one.axis if one.axis is not None else other.axis
        return self._beside(node.input(0), axis), self._beside(node.input(1), axis)

    def added(self, node: Node) -> Interval:
        """Add."""
        return intervals.added(*self.pair(node))

    def subtracted(self, node: Node) -> Interval:
        """Sub."""
        one, other = self.pair(node)
        return intervals.added(one, intervals.negated(other))

    def multiplied(self, node: Node) -> Interval:
        """Mul, and the square of a value."""
        found = intervals.multiplied(*self.pair(node))
        same = node.input(0) is node.input(1)
        return found.within(0, math.inf) if same else found

    def negated(self, node: Node) -> Interval:
        """Neg."""
        return intervals.negated(self._get(node.input(0)))

    def clipped(self, node: Node) -> Interval:
        """Clip with constant limits, of any opset."""
        low, high = node.attribute("min", -math.inf), node.attribute("max", math.inf)
        if node.input(1) is not None:
            low = self._graph.number(node.input(1))
        if node.input(2) is not None:
            high = self._graph.number(node.input(2))
        read = self._get(node.input(0))
        return read.within(-math.inf if low is None else low, math.inf if high is None else high)

    def rectified(self, node: Node) -> Interval:
        """Relu."""
        return self._get(node.input(0)).within(0, math.inf)

    def concatenated(self, node: Node) -> Interval:
        """Concat."""
        shape, axis = self._shapes.of(node.output), node.attribute("axis", 0)
        if axis >= 0:
            axis = axis - shape.rank if shape is not None and shape.rank else None
        return intervals.joined([self._get(value) for value in node.inputs], axis)

    def layer(self, node: Node) -> Interval:
        """A layer with constant weights, and the bias that it holds itself."""
        layer = self._layers.of(node)
        weights = self._matrix(layer) if layer is not None else None
        if layer is None or weights is None:
            return Interval.of()
        data, axis = self._get(layer.data), -1 - len(layer.kernel)
        if layer.kernel:
            data = data.with_zero()
        if data.axis != axis or len(data.low) != layer.inputs:
            data = data.hull
        return self._with_bias(node, intervals.weighed(data, *weights, axis))

    def _with_bias(self, node: Node, sums: Interval) -> Interval:
        if node.input(2) is None:
            return sums
        bias = self._constant(node.input(2))
        if bias is None:
            return Interval.of()
        if node.op == "Conv":
            return intervals.added(sums, Interval(bias, bias, sums.axis))
        scaled = bias * node.attribute("beta", 1.0)
        return intervals.added(sums, intervals.of_constant(scaled, sums.axis))

    def _matrix(self, layer: Layer) -> tuple[Array, Array] | None:
        """Positive and negative weights by output and input, where they are read plainly."""
        import numpy as np

        node, array = layer.node, self._constant(layer.node.input(1))
        if array is None or layer.groups != 1 or layer.data is not node.input(0):
            return None
        if node.op == "Conv":
            flat = array.astype(np.float64).reshape(*array.shape[:2], -1)
            return np.maximum(flat, 0).sum(-1), np.minimum(flat, 0).sum(-1)
        if array.ndim != 2:
            return None
        turned = node.op == "Gemm" and node.attribute("transB", 0)
        scale = node.attribute("alpha", 1.0) if node.op == "Gemm" else 1.0
        matrix = scale * (array if turned else array.T).astype(np.float64)
        return np.maximum(matrix, 0), np.minimum(matrix, 0)

    def divided(self, node: Node) -> Interval:
        """Div by a constant without a zero."""
        divisor = self._constant(node.input(1))
        if divisor is None or not divisor.all():
            return Interval.of()
        data = self._get(node.input(0))
        return intervals.multiplied(data, intervals.of_constant(1.0 / divisor, data.axis))

    def powered(self, node: Node) -> Interval:
        """Pow by an even number."""
        exponent = self._graph.number(node.input(1))
        even = exponent is not None and exponent % 2 == 0
        return Interval.of(0) if even else Interval.of()

    def normalised(self, node: Node) -> Interval:
        """BatchNormalization with running statistics."""
        import numpy as np

        stored = [self._constant(value) for value in node.inputs[1:5]]
        if len(stored) < 4 or any(node.outputs[1:]) or node.attribute("training_mode", 0):
            return Interval.of()
        if any(array is None for array in stored):
            return Interval.of()
        gain, shift, mean, variance = (
            array.astype(np.float64) for array in stored if array is not None
        )
        gain = gain / np.sqrt(np.maximum(variance + node.attribute("epsilon", 1e-5), 1e-300))
        data, shape = self._get(node.input(0)), self._shapes.of(node.output)
        axis = (
            data.axis if data.axis is not None else 1 - shape.rank if shape and shape.rank else None
        )
        if axis is None:
            return Interval.of()
        scaled = intervals.multiplied(data, Interval(gain, gain, axis))
        offset = shift - mean * gain
        return intervals.added(scaled, Interval(offset, offset, axis))


def _changes(node: Node) -> bool:
    """Whether it gives other numbers than it reads: a dropout that trains, a cast to integers."""
    if node.op == "Dropout":
        return node.input(2) is not None
    return node.op == "Cast" and not is_float(node.attribute("to", 1))


_MAKERS: Mapping[str, Callable[[Bounds, Node], Interval]] = {
    "Add": Bounds.added, "Sub": Bounds.subtracted, "Mul": Bounds.multiplied, "Neg": Bounds.negated,
    "Clip": Bounds.clipped, "Relu": Bounds.rectified, "Concat": Bounds.concatenated,
    "Div": Bounds.divided, "Pow": Bounds.powered, "BatchNormalization": Bounds.normalised,
    "Conv": Bounds.layer, "Gemm": Bounds.layer, "MatMul": Bounds.layer,
}  # fmt: skip
"""What the outputs of an operator may be, by what its inputs may be."""
