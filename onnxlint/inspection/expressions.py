"""Conditions on layers, as `--where` takes them: a part of Python's expressions, never run as such.

A condition is read into a tree by `ast`, checked against the names that there are and the kinds of
what they hold, and made into a function of facts. What is not known of a layer decides nothing:
`max > 1` is neither true nor false where nothing was observed.
"""

from __future__ import annotations

import ast
import io
import tokenize
import warnings
from collections.abc import Callable, Mapping
from typing import Any

from msgspec import Struct, field

from onnxlint.inspection import operations
from onnxlint.inspection.operations import Kind, told_kind
from onnxlint.model.patterns.parser import suggestion
from onnxlint.safety.printable import printable

LONGEST = 1000
"""Characters of a condition; a choice, twenty times what people type."""

DEEPEST = 40
"""Operators inside each other; a choice."""

Facts = Mapping[str, Any]
"""What is known of a layer, by name; None where it is not."""

Evaluate = Callable[[Facts], Any]

HOLDS = ("Conditions are made of names, numbers and texts in quotes with and, or, not, ==, !=, <, "
         "<=, >, >=, in, like, is None, +, -, *, /")  # fmt: skip


class ExpressionError(Exception):
    """A condition that cannot be read; the message says where and why."""


class Expression(Struct, frozen=True):
    """A condition, and the names that it asks for."""

    text: str
    names: frozenset[str]
    evaluate: Evaluate

    def holds(self, facts: Facts) -> bool | None:
        """Whether a layer meets it; None where too little is known."""
        found = self.evaluate(facts)
        return None if found is None else bool(found)


def parse(text: str, kinds: Mapping[str, Kind]) -> Expression:
    """Reads a condition over facts of these kinds.

    Raises:
        ExpressionError: it is none.
    """
    if len(text) > LONGEST:
        raise ExpressionError(f"{len(text):,} characters (limit {LONGEST:,})")
    line = " ".join(text.split("\n")).strip()
    reader = _Reader(kinds, *_with_like(line))
    body = reader.tree()
    evaluate, kind = reader.read(body)
    if kind is not Kind.TRUTH:
        raise reader.error(body, f"{told_kind(kind)} is no condition; compare it, e.g. 'max > 1'")
    return Expression(line, frozenset(reader.names), evaluate)


def _with_like(line: str) -> tuple[str, list[int]]:
    """The line as Python reads it: `in` in place of each `like`, and where those stood."""
    try:
        tokens = list(tokenize.generate_tokens(io.StringIO(line).readline))
    except (tokenize.TokenError, SyntaxError):
        return line, []  # the parser says why
    places = [
        each.start[1] for each in tokens if each.type == tokenize.NAME and each.string == "like"
    ]
    for at in places:
        line = f"{line[:at]}in  {line[at + 4 :]}"
    return line, places


class _Reader(Struct):
    kinds: Mapping[str, Kind]
    line: str
    likes: list[int]
    names: set[str] = field(default_factory=set)
    depth: int = 0

    def tree(self) -> ast.expr:
        """The tree of the whole line."""
        if not self.line:
            raise ExpressionError(f"the condition is empty. {HOLDS}")
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", SyntaxWarning)  # of '\d', which matches itself
                return ast.parse(self.line, mode="eval").body
        except SyntaxError as error:
            at = min(max(error.offset or 1, 1), len(self.line))
            raise ExpressionError(f"{self._where(at)}: not readable. {HOLDS}") from error
        except (ValueError, RecursionError, MemoryError) as error:
            raise ExpressionError(f"not readable. {HOLDS}") from error

    def _where(self, column: int) -> str:
        rest = self.line[column - 1 :][:20].strip()
        return f"column {column} ({printable(rest)!r})" if rest else f"column {column}"

    def error(self, node: ast.expr, told: str) -> ExpressionError:
        """What is wrong at a part of the condition."""
        return ExpressionError(f"{self._where(self._column(node.col_offset) + 1)}: {told}")

    def _column(self, offset: int | None) -> int:
        """The character at a byte of the line."""
        return len(self.line.encode()[:offset].decode(errors="replace"))

    def read(self, node: ast.expr) -> tuple[Evaluate, Kind]:
        """A part as a function of facts, and the kind of what it gives."""
        reading = getattr(self, f"_{type(node).__name__.lower()}", None)
        if reading is None:
            raise self.error(node, f"not part of a condition. {HOLDS}")
        self.depth += 1
        if self.depth > DEEPEST:
            raise self.error(node, f"more than {DEEPEST} operators inside each other")
        found: tuple[Evaluate, Kind] = reading(node)
        self.depth -= 1
        return found

    def _name(self, node: ast.Name) -> tuple[Evaluate, Kind]:
        name = node.id
        if name in ("true", "false"):
            truth = name == "true"
            return lambda _: truth, Kind.TRUTH
        if name not in self.kinds:
            near = suggestion(name, self.kinds) or f"; there are {', '.join(self.kinds)}"
            raise self.error(node, f"no fact is called {printable(name)!r}{near}")
        self.names.add(name)
        return lambda facts: facts.get(name), self.kinds[name]

    def _constant(self, node: ast.Constant) -> tuple[Evaluate, Kind]:
        value: Any = node.value
        if isinstance(value, bool):
            return lambda _: value, Kind.TRUTH
        if isinstance(value, (int, float)):
            try:
                number = float(value)
            except OverflowError as error:
                raise self.error(node, "number too large") from error
            return lambda _: number, Kind.NUMBER
        if isinstance(value, str):
            return lambda _: value, Kind.TEXT
        raise self.error(node, f"not part of a condition. {HOLDS}")

    def _list(self, node: ast.List | ast.Tuple | ast.Set) -> tuple[Evaluate, Kind]:
        parts = [self.read(each) for each in node.elts]
        for each, (_, kind) in zip(node.elts, parts, strict=True):
            if kind not in (Kind.NUMBER, Kind.TEXT):
                raise self.error(each, f"{told_kind(kind)} in a list of numbers or texts")
        evaluates = [evaluate for evaluate, _ in parts]
        return lambda facts: [evaluate(facts) for evaluate in evaluates], Kind.LIST

    _tuple = _set = _list

    def _unaryop(self, node: ast.UnaryOp) -> tuple[Evaluate, Kind]:
        wanted = Kind.TRUTH if isinstance(node.op, ast.Not) else Kind.NUMBER
        operation = operations.UNARY.get(type(node.op))
        if operation is None:
            raise self.error(node, f"not an operator of conditions. {HOLDS}")
        operand = self._of_kind(node.operand, wanted)
        return operations.lifted(operation, operand), wanted

    def _binop(self, node: ast.BinOp) -> tuple[Evaluate, Kind]:
        operation = operations.ARITHMETIC.get(type(node.op))
        if operation is None:
            raise self.error(node, f"not an operator of conditions. {HOLDS}")
        sides = (self._of_kind(side, Kind.NUMBER) for side in (node.left, node.right))
        return operations.lifted(operation, *sides), Kind.NUMBER

    def _of_kind(self, node: ast.expr, wanted: Kind) -> Evaluate:
        evaluate, kind = self.read(node)
        if kind is not wanted:
            raise self.error(node, f"{told_kind(kind)} where {told_kind(wanted)} is needed")
        return evaluate

    def _boolop(self, node: ast.BoolOp) -> tuple[Evaluate, Kind]:
        parts = [self._of_kind(each, Kind.TRUTH) for each in node.values]
        joined = operations.every if isinstance(node.op, ast.And) else operations.some
        return lambda facts: joined(evaluate(facts) for evaluate in parts), Kind.TRUTH

    def _compare(self, node: ast.Compare) -> tuple[Evaluate, Kind]:
        """One comparison, or a chain such as `0 < max < 1`, of which each part must hold."""
        sides = [node.left, *node.comparators]
        parts = [
            self._comparison(one, operator, other)
            for one, operator, other in zip(sides, node.ops, sides[1:], strict=False)
        ]
        return lambda facts: operations.every(part(facts) for part in parts), Kind.TRUTH

    def _comparison(self, one: ast.expr, operator: ast.cmpop, other: ast.expr) -> Evaluate:
        if isinstance(operator, (ast.Is, ast.IsNot)):
            return self._is_none(one, other, negated=isinstance(operator, ast.IsNot))
        (left, kind), (right, other_kind) = self.read(one), self.read(other)
        operation = operations.comparing(operator, kind, other_kind, like=self._likes(one, other))
        if isinstance(operation, str):
            raise self.error(one, operation)
        return operations.lifted(operation, left, right)

    def _likes(self, one: ast.expr, other: ast.expr) -> bool:
        start, end = self._column(one.end_col_offset), self._column(other.col_offset)
        return any(start <= at < end for at in self.likes)

    def _is_none(self, one: ast.expr, other: ast.expr, *, negated: bool) -> Evaluate:
        evaluate, _ = self.read(one)
        if not isinstance(other, ast.Constant) or other.value is not None:
            raise self.error(other, "'is' only asks whether something is None; use ==")
        return lambda facts: (evaluate(facts) is None) is not negated
