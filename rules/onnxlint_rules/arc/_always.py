"""Results that an operator has for every input: of one value with itself, or with a constant."""

from __future__ import annotations

import math

from onnxlint import Graph, Node, Shapes, Value
from onnxlint.model.graph.operators import (
    CASTING,
    FINDING_NAN,
    MIRRORED,
    OF_ITSELF,
    OUTPUT_RANGES,
    WITHIN_FIRST,
)
from onnxlint.model.graph.traversal import NEAR, behind

SAME_RANGE = WITHIN_FIRST - CASTING - {"Dropout"}
"""Keeps the range of the first input: a Cast may wrap around, a Dropout in training scales."""

_ANY = -math.inf, math.inf


def of_itself(node: Node, shapes: Shapes) -> str | None:
    """What an operator gives that reads one value twice; None where that may be meant."""
    value = node.input(0)
    if value is None or node.input(1) is not value or node.op not in OF_ITSELF:
        return None
    shape = shapes.of(value)
    finds_nan = node.op in FINDING_NAN and (shape is None or shape.is_float)
    makes_zeros = node.op == "Sub" and shapes.is_integer(value)
    if finds_nan or makes_zeros or (node.op in ("Sub", "Mod") and _finds_infinity(node)):
        return None
    return OF_ITSELF[node.op]


def _finds_infinity(node: Node) -> bool:
    """Whether x - x is compared, or asked for NaN: so a graph asks for infinities."""
    readers = node.output.readers if node.output else ()
    return bool(readers) and all(reader.op in ("Equal", "IsNaN") for reader in readers)


def with_constant(node: Node, graph: Graph) -> tuple[str, str] | None:
    """What an operator gives, and the constant that leaves nothing else."""
    for slot in (0, 1):
        number = graph.number(node.input(1 - slot))
        if number is None or graph.tensor(node.input(slot)) is not None:
            continue
        found = _result(node.op, slot, number)
        if found is None and node.op in MIRRORED:
            found = _compared(node.op if slot == 0 else MIRRORED[node.op], node.input(slot), number)
        if found is not None:
            return found, f"{number:g}" if not isinstance(number, bool) else str(number).lower()
    return None


def _result(op: str, slot: int, number: float) -> str | None:
    """What the operator gives whose input `slot` is computed and whose other one is a number."""
    if number == 0 and (op == "Mul" or (op == "Div" and slot == 1)):
        return "0"
    if op == "Pow" and slot == 0 and number == 0:
        return "1"
    if (op == "Max" and number == math.inf) or (op == "Min" and number == -math.inf):
        return f"{number:g}"
    if op == "And" and not number:
        return "false"
    return "true" if op == "Or" and number else None


def _compared(op: str, value: Value | None, number: float) -> str | None:
    """What a comparison of a value of known range with a number always says."""
    low, high = _range(value)
    if (op == "Less" and low >= number) or (op == "LessOrEqual" and low > number):
        return "false"
    if (op == "Greater" and high <= number) or (op == "GreaterOrEqual" and high < number):
        return "false"
    if (op == "Less" and high < number) or (op == "Greater" and low > number):
        return "true"
    return None


def _range(value: Value | None) -> tuple[float, float]:
    """The range of a value's numbers, by the operator behind what only moves or averages them."""
    node = behind(value, OUTPUT_RANGES, SAME_RANGE, NEAR)
    return _ANY if node is None else OUTPUT_RANGES[node.op]
