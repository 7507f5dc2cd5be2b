"""Which column of which input a column of a table is, past what assembles and scales features."""

from __future__ import annotations

import math
from collections.abc import Callable

from msgspec import Struct
from msgspec.structs import replace

from onnxlint.analyses.static.shapes import Shapes
from onnxlint.model.graph.graph import Graph
from onnxlint.model.graph.nodes import Node, Value
from onnxlint.model.graph.operators import COPYING, KEEPING_NAN, RESHAPING, SAME_SHAPE, SCALING

MOST_STEPS = 1_000
"""Nodes on the way to one input; a choice, ten times what pipelines have."""

FLOATS = (1, 11)
"""float32 and float64 among ONNX's types."""


class FeatureColumn(Struct, frozen=True):
    """Column `at` of an input of the model.

    On the way, `is_filled` says, missing values were replaced, `is_scaled` that it was computed
    with.
    """

    value: Value
    at: int
    is_filled: bool = False
    is_scaled: bool = False


class FeatureColumns:
    """Follows columns of tables, values of two axes, back to the inputs of the model."""

    def __init__(self, graph: Graph, shapes: Shapes) -> None:
        self._graph, self._shapes = graph, shapes
        ways: dict[str, Callable[[Node, FeatureColumn], FeatureColumn | None]] = {
            **dict.fromkeys(KEEPING_NAN, self._scaled),
            **dict.fromkeys(COPYING, self._same),
            **dict.fromkeys(RESHAPING, self._reshaped),
            "Cast": self._cast,
            "Concat": self._joined,
            "Gather": self._gathered,
            "Split": self._split,
            "ai.onnx.ml::ArrayFeatureExtractor": self._extracted,
            "ai.onnx.ml::FeatureVectorizer": self._joined,
            "ai.onnx.ml::Imputer": self._imputed,
        }
        self._ways = ways

    @classmethod
    def build(cls, graph: Graph, shapes: Shapes) -> FeatureColumns:
        """Follows nothing yet."""
        return cls(graph, shapes)

    def of(self, value: Value | None, at: int) -> FeatureColumn | None:
        """Where column `at` of a value comes from; None where it is made of anything else."""
        column = None if value is None else FeatureColumn(value, at)
        for _ in range(MOST_STEPS):
            if column is None:
                return None
            node = column.value.producer
            if node is None:
                return column if column.value in self._graph.inputs else None
            way = self._ways.get(node.op)
            column = None if way is None else way(node, column)
        return None

    def width(self, value: Value | None, steps: int = MOST_STEPS) -> int | None:
        """How many columns a value has; also where no shape is inferred, as behind a Scaler."""
        size = self._shapes.dim(value, 1)
        if isinstance(size, int) or value is None or value.producer is None or not steps:
            return size if isinstance(size, int) else None
        node, steps = value.producer, steps - 1
        if node.op in SCALING | SAME_SHAPE:
            return self.width(self._table(node), steps)
        if self._joins(node):
            sizes = self._sizes(node, steps)
            return None if None in sizes else sum(filter(None, sizes))
        return None

    def _joins(self, node: Node) -> bool:
        is_concat = node.op == "Concat" and node.attribute("axis") in (1, -1)
        return is_concat or node.op == "ai.onnx.ml::FeatureVectorizer"

    def _sizes(self, node: Node, steps: int = MOST_STEPS) -> list[int | None]:
        told = node.integers("inputdimensions") or []
        if len(told) == len(node.inputs):
            return [*told]
        return [self.width(each, steps) for each in node.inputs]

    def _table(self, node: Node) -> Value | None:
        """What a node computes with that is not a constant; None where several are not."""
        others = [each for each in node.inputs if each and self._graph.tensor(each) is None]
        return others[0] if len(others) == 1 else None

    def _same(self, node: Node, column: FeatureColumn) -> FeatureColumn | None:
        value = node.input(0)
        return replace(column, value=value) if value is not None else None

    def _scaled(self, node: Node, column: FeatureColumn) -> FeatureColumn | None:
        value = self._table(node)
        is_table = value is not None and self._shapes.rank(value) in (None, 2)
        return replace(column, value=value, is_scaled=True) if value and is_table else None

    def _cast(self, node: Node, column: FeatureColumn) -> FeatureColumn | None:
        return self._same(node, column) if node.attribute("to", 0) in FLOATS else None

    def _imputed(self, node: Node, column: FeatureColumn) -> FeatureColumn | None:
        """What it replaces is NaN, or a code such as -1."""
        is_filled = math.isnan(node.attribute("replaced_value_float", 0.0))
        found = self._same(node, column)
        return found and replace(found, is_filled=found.is_filled or is_filled)

    def _joined(self, node: Node, column: FeatureColumn) -> FeatureColumn | None:
        if not self._joins(node):
            return None
        before = 0
        for value, size in zip(node.inputs, self._sizes(node), strict=True):
            is_last = value is node.inputs[-1]
            if value is not None and (is_last or (size is not None and column.at < before + size)):
                return replace(column, value=value, at=column.at - before)
            if size is None:
                return None
            before += size
        return None

    def _picked(
        self, value: Value | None, column: FeatureColumn, chosen: list[int] | None
    ) -> FeatureColumn | None:
        if value is None or chosen is None or not 0 <= column.at < len(chosen):
            return None
        at, width = chosen[column.at], self.width(value)
        at += width or 0 if at < 0 else 0
        return replace(column, value=value, at=at) if at >= 0 else None

    def _gathered(self, node: Node, column: FeatureColumn) -> FeatureColumn | None:
        if node.attribute("axis", 0) not in (1, -1) or self._shapes.rank(node.input(0)) != 2:
            return None
        return self._picked(node.input(0), column, self._graph.integers(node.input(1)))

    def _extracted(self, node: Node, column: FeatureColumn) -> FeatureColumn | None:
        return self._picked(node.input(0), column, self._graph.integers(node.input(1)))

    def _split(self, node: Node, column: FeatureColumn) -> FeatureColumn | None:
        if node.attribute("axis", 0) not in (1, -1):
            return None
        before = 0
        for output in node.outputs:
            if output is column.value:
                return self._same(node, replace(column, at=column.at + before))
            size = self.width(output)
            if size is None:
                return None
            before += size
        return None

    def _reshaped(self, node: Node, column: FeatureColumn) -> FeatureColumn | None:
        """Rows stay what they are: of one column, or of as many as before."""
        value = node.input(0)
        rank, width = self._shapes.rank(value), self.width(column.value)
        if width == 1 and rank == 1:
            return self._same(node, column)
        is_same = rank == 2 and width is not None and width == self.width(value)
        return self._same(node, column) if is_same else None
