"""What the operators of conditions do, also with what is not known: None."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Iterable
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Any


class Kind(StrEnum):
    """What a fact or a part of a condition is."""

    NUMBER = "a number"
    TEXT = "a text"
    TRUTH = "true or false"
    LIST = "a list"


def told_kind(kind: Kind) -> str:
    """A kind as the subject of a sentence."""
    return kind.value


UNARY: dict[type[ast.unaryop], Callable[[Any], Any]] = {
    ast.Not: operator.not_, ast.USub: operator.neg, ast.UAdd: operator.pos,
}  # fmt: skip

ARITHMETIC: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul,
    ast.Div: lambda one, other: one / other if other else None,
}  # fmt: skip

_EQUALITY: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq, ast.NotEq: operator.ne,
}  # fmt: skip
_ORDER: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Lt: operator.lt, ast.LtE: operator.le, ast.Gt: operator.gt, ast.GtE: operator.ge,
}  # fmt: skip


def comparing(
    operation: ast.cmpop, one: Kind, other: Kind, *, like: bool
) -> Callable[[Any, Any], Any] | str:
    """How two kinds are compared; a sentence where they are not."""
    if isinstance(operation, (ast.In, ast.NotIn)):
        found = _like(one, other) if like else _inside(one, other)
        if isinstance(found, str) or isinstance(operation, ast.In):
            return found
        return lambda element, whole: not found(element, whole)
    if one is not other:
        return f"{told_kind(one)} is compared with {told_kind(other)}"
    if type(operation) in _EQUALITY:
        return _EQUALITY[type(operation)]
    if one is not Kind.NUMBER:
        return f"only numbers have an order; {told_kind(one)} is compared by == or !="
    return _ORDER[type(operation)]


def _like(one: Kind, other: Kind) -> Callable[[Any, Any], bool] | str:
    if one is not Kind.TEXT or other is not Kind.TEXT:
        return "'like' compares a text with a pattern, e.g. op like 'Conv*'"
    return fnmatchcase


def _inside(one: Kind, other: Kind) -> Callable[[Any, Any], bool] | str:
    searched = {Kind.TEXT: (Kind.TEXT, Kind.LIST), Kind.NUMBER: (Kind.LIST,)}
    if other not in searched.get(one, ()):
        return ("'in' looks for a text in a text, or for a number or text in a list, e.g. "
                "op in ['Conv', 'Gemm']")  # fmt: skip
    return lambda element, whole: element in whole


def lifted(operation: Callable[..., Any], *operands: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """The operation on what the operands give; None where one is not known."""

    def evaluate(facts: Any) -> Any:
        values = [operand(facts) for operand in operands]
        return None if any(value is None for value in values) else operation(*values)

    return evaluate


def every(parts: Iterable[bool | None]) -> bool | None:
    """Whether all hold: one that does not decides, whatever is not known of the others."""
    known: bool | None = True
    for part in parts:
        if part is False:
            return False
        known = None if part is None else known
    return known


def some(parts: Iterable[bool | None]) -> bool | None:
    """Whether one holds, whatever is not known of the others."""
    known: bool | None = False
    for part in parts:
        if part:
            return True
        known = None if part is None else known
    return known
