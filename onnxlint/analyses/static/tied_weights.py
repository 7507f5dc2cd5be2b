"""Weights that are stored twice: an embedding, and the head that is tied to it."""

from __future__ import annotations

from functools import cached_property

from onnxlint.model.graph.graph import Graph
from onnxlint.model.graph.nodes import Value
from onnxlint.model.graph.operators import MATRIX_PRODUCTS

SMALLEST = 16
"""Elements from which matrices are equal by more than chance."""

_HEADS = frozenset({*MATRIX_PRODUCTS, "Gemm"})


class Twins:
    """Pairs of a table that is looked up and a matrix that multiplies, of the same numbers.

    PyTorch's older exporter stores the head that is tied to an embedding a second time, transposed.
    """

    def __init__(self, graph: Graph) -> None:
        self._graph = graph

    def first(self, source: Value) -> Value:
        """The table that a matrix is a copy of; any other value itself."""
        return self._tables.get(source, source)

    @cached_property
    def _tables(self) -> dict[Value, Value]:
        tables: dict[tuple[int, ...], list[Value]] = {}
        for source in self._matrices(frozenset({"Gather"}), 0):
            dims = self._dims(source)
            tables.setdefault(tuple(sorted(dims)), []).append(source)
        found: dict[Value, Value] = {}
        for source in self._matrices(_HEADS, 1) if tables else ():
            for table in tables.get(tuple(sorted(self._dims(source))), ()):
                if table is not source and self._is_same(table, source):
                    found[source] = table
        return found

    def _matrices(self, ops: frozenset[str], slot: int) -> list[Value]:
        """The stored matrices that such operators read in a slot."""
        read = (node.input(slot) for node in self._graph.nodes(*sorted(ops)))
        sources = dict.fromkeys(self._graph.source(value) for value in read if value is not None)
        return [source for source in sources if len(self._dims(source)) == 2]

    def _dims(self, source: Value) -> tuple[int, ...]:
        tensor = self._graph.tensor(source)
        if tensor is None or tensor.fill or tensor.size < SMALLEST:
            return ()
        return tensor.dims

    def _is_same(self, table: Value, matrix: Value) -> bool:
        """Whether one is the other, or the other transposed; the first row tells nearly all."""
        import numpy as np

        one, other = self._graph.constant(table), self._graph.constant(matrix)
        if one is None or other is None or one.dtype != other.dtype:
            return False
        for turned in (other, other.T):
            if one.shape == turned.shape and np.array_equal(one[0], turned[0]):
                return bool(np.array_equal(one, turned))
        return False
