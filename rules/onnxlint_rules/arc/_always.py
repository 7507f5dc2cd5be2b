"""Results that an operator has for every input: of one value with itself, or with a constant."""

from __future__ import annotations

import math
from collections.abc import Mapping

from onnxlint import Graph, Node, Shapes, Value
from onnxlint.model.graph.operators import CASTING, HANDING_ON
from onnxlint.model.graph.traversal import NEAR, behind

OF_ITSELF: Mapping[str, str] = {
    "Sub": "0", "Div": "1", "Xor": "false", "Less": "false", "Greater": "false", "Equal": "true",
    "LessOrEqual": "true", "GreaterOrEqual": "true", "Mod": "0", "BitwiseXor": "0",
}  # fmt: skip
"""What becomes of a value and itself, but for NaN and infinities."""

FINDS_NAN = frozenset({"Equal", "LessOrEqual", "GreaterOrEqual"})
"""x == x is how a graph asks for NaN."""

FINDS_INFINITY = frozenset({"Equal", "IsNaN"})
"""x - x is how a graph asks for infinities, where one of these reads it."""

RANGES: Mapping[str, tuple[float, float]] = {
    "Relu": (0, math.inf), "Abs": (0, math.inf), "Exp": (0, math.inf), "Sqrt": (0, math.inf),
    "Softplus": (0, math.inf), "Sigmoid": (0, 1), "HardSigmoid": (0, 1), "Softmax": (0, 1),
    "Hardmax": (0, 1), "Tanh": (-1, 1), "Softsign": (-1, 1), "Erf": (-1, 1), "Sin": (-1, 1),
    "Cos": (-1, 1), "LogSoftmax": (-math.inf, 0), "ReduceL1": (0, math.inf),
    "ReduceL2": (0, math.inf), "ReduceSumSquare": (0, math.inf), "Sign": (-1, 1),
}  # fmt: skip
"""The range of an operator's output, ends included."""

SAME_RANGE = (HANDING_ON - CASTING - {"Dropout"}) | {
    "GlobalAveragePool", "GlobalMaxPool", "MaxPool", "ReduceMax", "ReduceMean", "ReduceMin",
}  # fmt: skip
"""Keeps the range of the first input: a Cast may wrap around, a Dropout in training scales."""

_ANY = -math.inf, math.inf

_TURNED = {"Less": "Greater", "Greater": "Less", "LessOrEqual": "GreaterOrEqual",
           "GreaterOrEqual": "LessOrEqual"}  # fmt: skip


def of_itself(node: Node, shapes: Shapes) -> str | None:
    """What an operator gives that reads one value twice; None where that may be meant."""
    value = node.input(0)
    if value is None or node.input(1) is not value or node.op not in OF_ITSELF:
        return None
    shape = shapes.of(value)
    finds_nan = node.op in FINDS_NAN and (shape is None or shape.is_float)
    makes_zeros = node.op == "Sub" and shapes.is_integer(value)
    if finds_nan or makes_zeros or (node.op in ("Sub", "Mod") and _finds_infinity(node)):
        return None
    return OF_ITSELF[node.op]


def _finds_infinity(node: Node) -> bool:
    readers = node.output.readers if node.output else ()
    return bool(readers) and all(reader.op in FINDS_INFINITY for reader in readers)


def with_constant(node: Node, graph: Graph) -> tuple[str, str] | None:
    """What an operator gives, and the constant that leaves nothing else."""
    for slot in (0, 1):
        number = graph.number(node.input(1 - slot))
        if number is None or graph.tensor(node.input(slot)) is not None:
            continue
        found = _result(node.op, slot, number)
        if found is None and node.op in _TURNED:
            found = _compared(node.op if slot == 0 else _TURNED[node.op], node.input(slot), number)
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
    node = behind(value, RANGES, SAME_RANGE, NEAR)
    return _ANY if node is None else RANGES[node.op]
