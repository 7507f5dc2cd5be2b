"""Small integers and truth values that exporters compute from sizes, where these are known."""

from __future__ import annotations

from collections.abc import Callable
from operator import add, and_, eq, ge, gt, le, lt, mul, or_, sub
from typing import Any

from onnxlint.analyses.static.shapes import Shapes
from onnxlint.model.graph.graph import Graph
from onnxlint.model.graph.nodes import Node, Value
from onnxlint.model.graph.operators import COPYING, RESHAPING

_LARGEST = 64
"""Values with more elements are not shapes; a choice."""

_LARGEST_NUMBER = 2**63 - 1
"""The largest number of int64, in which sizes are computed."""

_DEEPEST = 32
"""Most nodes between a size and what is computed from it; a choice."""

_SAME = RESHAPING | COPYING | {"Cast"}
"""Same elements in the same order; of a Cast only what it does to integers is known here."""

_PAIRS: dict[str, Callable[[Any, Any], Any]] = {
    "Equal": eq, "Less": lt, "LessOrEqual": le, "Greater": gt, "GreaterOrEqual": ge,
    "And": and_, "Or": or_, "Add": add, "Sub": sub, "Mul": mul,
}  # fmt: skip
"""How two integers or truth values are folded; Div is left out, as it rounds."""


class ConstantFolding:
    """Values that are the same for every input, such as the size of an axis that is fixed.

    Known are small integers and truth values that are computed from constants and sizes. Each value
    is computed once: there may be any number of paths to it.
    """

    def __init__(self, graph: Graph, shapes: Shapes) -> None:
        self._graph, self._shapes = graph, shapes
        self._known: dict[tuple[Value, int], list[Any] | None] = {}

    @classmethod
    def build(cls, graph: Graph, shapes: Shapes) -> ConstantFolding:
        """Nothing is computed yet."""
        return cls(graph, shapes)

    def of(self, value: Value | None) -> Any:
        """The one number or truth value that a value always has; None where that is not known."""
        numbers = self._elements(value, _DEEPEST)
        return numbers[0] if numbers is not None and len(numbers) == 1 else None

    def _elements(self, value: Value | None, steps: int) -> list[Any] | None:
        if value is None or self._graph.source(value).is_input:  # also where it has a default
            return None
        if (value, steps) not in self._known:
            try:
                self._known[value, steps] = _kept(self._folded(value, steps))
            except (TypeError, IndexError):  # operands that the operator does not take
                self._known[value, steps] = None
        return self._known[value, steps]

    def _folded(self, value: Value, steps: int) -> list[Any] | None:
        tensor = self._graph.tensor(value)
        if tensor is not None and tensor.size <= _LARGEST:
            constant = self._graph.constant(value)
            return None if constant is None else constant.reshape(-1).tolist()
        node = value.producer
        if node is None or not steps or len(node.inputs) > _LARGEST:
            return None
        if node.op == "Shape":
            return _sizes(node, self._shapes)
        operands = [self._elements(operand, steps - 1) for operand in node.inputs]
        if node.op in _SAME:
            return operands[0] if operands else None
        known = [operand for operand in operands if operand is not None]
        return _computed(node, known) if known and len(known) == len(operands) else None


def _kept(numbers: list[Any] | None) -> list[Any] | None:
    """The elements while they are few, and as small as int64 holds."""
    if numbers is None or len(numbers) > _LARGEST:
        return None
    return [None if one is None or abs(one) > _LARGEST_NUMBER else one for one in numbers]


def _computed(node: Node, operands: list[list[Any]]) -> list[Any] | None:
    if node.op == "Not":
        return [None if one is None else not one for one in operands[0]]
    if node.op == "Concat":
        return [one for operand in operands for one in operand]
    if node.op == "Gather":
        return [_entry(operands[0], place) for place in operands[1]]
    return _pairs(_PAIRS[node.op], *operands) if node.op in _PAIRS else None


def _sizes(node: Node, shapes: Shapes) -> list[Any] | None:
    shape = shapes.of(node.input(0))
    if shape is None or shape.dims is None:
        return None
    sizes = shape.dims[node.attribute("start", 0) : node.attribute("end", len(shape.dims))]
    return [size if isinstance(size, int) else None for size in sizes]


def _entry(row: list[Any], place: Any) -> Any:
    return row[place] if place is not None and -len(row) <= place < len(row) else None


def _pairs(operator: Any, left: list[Any], right: list[Any]) -> list[Any] | None:
    if len(left) != len(right) and 1 not in (len(left), len(right)):
        return None
    size = max(len(left), len(right)) if left and right else 0
    rows = ((row * size if len(row) == 1 else row) for row in (left, right))
    return [None if a is None or b is None else operator(a, b) for a, b in zip(*rows, strict=True)]
