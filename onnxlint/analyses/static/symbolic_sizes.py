"""Which values grow with a dynamic dimension of the model's inputs, and how."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from functools import lru_cache
from math import prod

from msgspec import Struct

from onnxlint.analyses.static.shapes import Dim, Shapes
from onnxlint.model.graph.graph import Graph
from onnxlint.model.graph.nodes import Node, Value
from onnxlint.model.graph.operators import (
    AFFINE,
    ARITHMETIC,
    COPYING,
    ELEMENTWISE,
    GLOBAL_POOLS,
    LAYOUT,
    NORMALISATIONS,
    POOLS,
    SOFTMAXES,
)  # fmt: skip

_SAME_COUNT = ELEMENTWISE | LAYOUT | COPYING | NORMALISATIONS | SOFTMAXES
"""Operators whose output has as many elements as their first input."""

_BY_ROW = (AFFINE - {"Einsum"}) | POOLS | GLOBAL_POOLS | ARITHMETIC
"""Operators whose output has as many rows (entries of axis 0) as the inputs that have any; an
Einsum may put its rows anywhere."""


class SymbolicSize(Struct, frozen=True):
    """A size: `factor` times the dimension that `symbol` names."""

    symbol: str
    factor: Fraction


class SymbolicSizes:
    """The values of the main graph whose number of elements depends on one dynamic dimension.

    `symbols` are the names of all dynamic dimensions of the model's inputs.
    """

    def __init__(self, graph: Graph, shapes: Shapes) -> None:
        self._shapes = shapes
        self._counts: dict[Value, SymbolicSize] = {}
        types = filter(None, map(shapes.of, graph.inputs))
        self.symbols = {dim for shape in types for dim in shape.dims or () if isinstance(dim, str)}
        for value in graph.main.values.values():
            count = self._count(value)
            if count is not None:
                self._counts[value] = count

    @classmethod
    def build(cls, graph: Graph, shapes: Shapes) -> SymbolicSizes:
        """Follows the dynamic dimensions of the inputs through the graph."""
        return cls(graph, shapes)

    @property
    def counts(self) -> Mapping[Value, SymbolicSize]:
        """The number of elements of each such value."""
        return self._counts

    def _count(self, value: Value) -> SymbolicSize | None:
        free = self._free(value)
        if free is None:
            return None
        axis, symbol, others = free
        if symbol in self.symbols:
            return _of_symbol(symbol, others)
        node = value.producer
        first = None if node is None else node.input(0)
        if node is not None and node.op in _SAME_COUNT:
            return None if first is None else self._counts.get(first)
        if node is not None and node.op in _BY_ROW and axis == 0:
            rows = self._rows(node)
            return rows and SymbolicSize(rows.symbol, rows.factor * others)
        return None

    def _rows(self, node: Node) -> SymbolicSize | None:
        """How many rows the inputs of a node have that have no fixed shape; None if they differ."""
        rows = set()
        for value in filter(None, node.inputs):
            free, count = self._free(value), self._counts.get(value)
            if free is not None and free[0] == 0 and count is not None:
                rows.add(SymbolicSize(count.symbol, count.factor / free[2]))
            elif not self._is_fixed(value):
                return None
        return rows.pop() if len(rows) == 1 else None

    def _free(self, value: Value) -> _Free | None:
        """The only axis without a fixed size, its symbol, and the product of the other sizes."""
        shape = self._shapes.of(value)
        return None if shape is None or shape.dims is None else _free(shape.dims)

    def _is_fixed(self, value: Value) -> bool:
        shape = self._shapes.of(value)
        return shape is not None and all(isinstance(dim, int) for dim in shape.dims or (None,))


_Free = tuple[int, str | None, int]


@lru_cache(maxsize=4096)
def _free(dims: tuple[Dim, ...]) -> _Free | None:
    """As `SymbolicSizes._free`: of a million values, few differ in their dims."""
    free = [(axis, dim) for axis, dim in enumerate(dims) if not isinstance(dim, int)]
    others = prod(dim for dim in dims if isinstance(dim, int))
    return (*free[0], others) if len(free) == 1 and others > 0 else None


@lru_cache(maxsize=4096)
def _of_symbol(symbol: str, factor: int) -> SymbolicSize:
    return SymbolicSize(symbol, Fraction(factor))
