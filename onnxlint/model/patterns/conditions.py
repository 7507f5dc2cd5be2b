"""What a pattern compares: attributes, with the defaults of their schemas, and constants."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from functools import cache
from typing import Any

from onnxlint.model.file.mapped_files import TensorError
from onnxlint.model.file.tensors import Tensor
from onnxlint.model.graph.nodes import Node, attribute_value
from onnxlint.model.graph.operator_schemas import schema_of
from onnxlint.model.patterns.parser import Literal

TOLERANCE = 1 / 256
"""By how much, relatively, numbers may differ that bfloat16 has to round: 1.414 finds the square
root of 2 in every floating point type, while 1 and 0.5 mean exactly these."""

_COMPARE: dict[str, Callable[[Any, Any], Any]] = {
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge
}  # fmt: skip


def holds(tensor: Tensor | None, comparison: str, expected: Literal) -> bool:
    """Whether every element of a constant compares so; of what is not a constant, none does."""
    if tensor is None or tensor.size == 0:
        return False
    if comparison == "!=":
        return not holds(tensor, "==", expected)
    if isinstance(expected, tuple):
        if tensor.size != len(expected):
            return False
        found = _elements(tensor)
        return len(found) == len(expected) and compared(found, comparison, expected)
    try:
        seen = False
        for block in tensor.blocks():  # the first block tells of nearly every weight
            seen = True
            whole = block.dtype.kind in "iub"
            if not all(_number(item, comparison, expected, whole) for item in _extremes(block)):
                return False
    except TensorError:
        return False
    return seen


def _extremes(block: Any) -> tuple[Any, Any]:
    """The least and greatest element: what holds for both, compared with a number, does for all.

    NaN comes out as NaN, of which nothing holds.
    """
    return block.min().item(), block.max().item()


def _elements(tensor: Tensor) -> list[Any]:
    try:
        return list(tensor.array().reshape(-1).tolist())
    except TensorError:
        return []


def compared(found: Any, comparison: str, expected: Any) -> bool:
    """Whether an attribute, or the elements of a constant, compare so.

    Of a list of numbers, compared with one number, all must.
    """
    if comparison == "!=":
        return not compared(found, "==", expected)
    if isinstance(expected, tuple | list):
        return (
            isinstance(found, tuple | list)
            and len(found) == len(expected)
            and all(compared(one, "==", other) for one, other in zip(found, expected, strict=True))
        )
    if isinstance(found, list) and found and isinstance(expected, int | float):
        return all(compared(one, comparison, expected) for one in found)
    if isinstance(found, int | float) and isinstance(expected, int | float):
        return _number(found, comparison, expected, isinstance(found, int))
    return comparison == "==" and type(found) is type(expected) and bool(found == expected)


def _number(found: Any, comparison: str, expected: Any, whole: bool) -> bool:
    if not isinstance(found, int | float) or not isinstance(expected, int | float):
        return False  # complex numbers and texts
    if comparison in _COMPARE:
        return bool(_COMPARE[comparison](found, expected))
    if whole or found == expected or _is_short(expected):
        return found == expected
    return math.isclose(found, expected, rel_tol=TOLERANCE)


def _is_short(number: float) -> bool:
    """Whether bfloat16 holds a number exactly, with its 8 significant bits."""
    return not math.isfinite(number) or (math.frexp(number)[0] * 256).is_integer()


def attribute_of(node: Node, name: str) -> Any:
    """An attribute, or the schema's default; None where a function's caller decides."""
    value = node.attribute(name)
    if value is not None:
        return value
    if any(attribute.name == name for attribute in node.attribute_list):
        return None
    version = node.scope.opsets.get(node.domain)
    if version is None or node.called is not None:
        return None
    return _default(node.domain, node.op_type, version, name)


@cache
def _default(domain: str, op_type: str, version: int, name: str) -> Any:
    schema = schema_of(domain, op_type, version)
    if schema is None or name not in schema.attributes:
        return None
    return attribute_value(schema.attributes[name].default_value, None)
