"""How the sizes of values grow with a symbolic size of the model's inputs."""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from math import prod

from onnxlint import Graph, Node, Shapes, Value

SAME_COUNT = frozenset({
    "Reshape", "Flatten", "Transpose", "Squeeze", "Unsqueeze", "Identity", "Cast", "Dropout",
    "Relu", "LeakyRelu", "PRelu", "Elu", "Selu", "Gelu", "Sigmoid", "HardSigmoid", "HardSwish",
    "Tanh", "Softplus", "Erf", "Exp", "Log", "Sqrt", "Abs", "Neg", "Clip", "Softmax", "LogSoftmax",
    "BatchNormalization", "InstanceNormalization", "LayerNormalization", "GroupNormalization",
})  # fmt: skip
"""Operators whose output has as many elements as their first input."""

BY_ROW = frozenset({
    "Gemm", "MatMul", "Conv", "MaxPool", "AveragePool", "GlobalAveragePool", "GlobalMaxPool",
    "Add", "Sub", "Mul", "Div",
})  # fmt: skip
"""Operators whose output has as many rows (entries of axis 0) as the inputs that have any."""


@dataclass(frozen=True)
class Growth:
    """A number: `factor` times the size that `symbol` stands for."""

    symbol: str
    factor: Fraction


class Growths:
    """The values of the main graph whose number of elements one symbol of an input decides."""

    def __init__(self, graph: Graph, shapes: Shapes) -> None:
        self._shapes = shapes
        self._counts: dict[Value, Growth] = {}
        types = filter(None, map(shapes.of, graph.inputs))
        self.symbols = {d for shape in types for d in shape.dims or () if isinstance(d, str)}
        for value in graph.main.values.values():
            count = self._count(value)
            if count is not None:
                self._counts[value] = count

    @property
    def counts(self) -> Mapping[Value, Growth]:
        """The number of elements of each such value."""
        return self._counts

    def _count(self, value: Value) -> Growth | None:
        free = self._free(value)
        if free is None:
            return None
        axis, symbol, others = free
        if symbol in self.symbols:
            return Growth(symbol, Fraction(others))
        node = value.producer
        first = None if node is None else node.input(0)
        if node is not None and node.op in SAME_COUNT:
            return None if first is None else self._counts.get(first)
        if node is not None and node.op in BY_ROW and axis == 0:
            rows = self._rows(node)
            return rows and Growth(rows.symbol, rows.factor * others)
        return None

    def _rows(self, node: Node) -> Growth | None:
        """How many rows the inputs of a node have that have no fixed shape; None if they differ."""
        rows = set()
        for value in filter(None, node.inputs):
            free, count = self._free(value), self._counts.get(value)
            if free is not None and free[0] == 0 and count is not None:
                rows.add(Growth(count.symbol, count.factor / free[2]))
            elif not self._is_fixed(value):
                return None
        return rows.pop() if len(rows) == 1 else None

    def _free(self, value: Value) -> tuple[int, int | str | None, int] | None:
        """The only axis without a fixed size, its symbol, and the product of the other sizes."""
        shape = self._shapes.of(value)
        if shape is None or shape.dims is None:
            return None
        free = [axis for axis, dim in enumerate(shape.dims) if not isinstance(dim, int)]
        others = prod(dim for dim in shape.dims if isinstance(dim, int))
        return (free[0], shape.dims[free[0]], others) if len(free) == 1 and others > 0 else None

    def _is_fixed(self, value: Value) -> bool:
        shape = self._shapes.of(value)
        return shape is not None and all(isinstance(dim, int) for dim in shape.dims or (None,))
