"""The text of a pattern, taken apart: ONNX's node syntax with conditions and optional nodes."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping

from msgspec import Struct

from onnxlint.nearest import nearest

MOST_REPEATS = 16
"""Nodes that a line with `*` takes at most, so that a match costs the same in the longest chain."""

COMPARISONS = ("==", "!=", "<=", ">=", "=", "<", ">")

PROPERTIES = ("constant", "input", "output", "private")
"""What a `where` line can say of a value."""

_TOKEN = re.compile(
    r"""(?P<space>\s+|\#[^\n]*)
    |(?P<number>[-+]?(?:(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?|inf\b))
    |(?P<name>[A-Za-z_]\w*(?:\.\w+)*(?:::\w+)?)
    |(?P<string>"[^"\n]*")
    |(?P<mark>\.\.\.|==|!=|<=|>=|[=<>()\[\],|?*:])""",
    re.VERBOSE,
)

Number = int | float
Literal = Number | str | tuple[Number | str, ...]


class PatternError(ValueError):
    """A pattern that cannot be read: line and column, what is wrong, and what it should be."""


class Name(Struct, frozen=True):
    """A value by its name, or an attribute's: the same wherever the name stands."""

    text: str


class Anything(Struct, frozen=True):
    """`_`: any value, or none."""


class Omitted(Struct, frozen=True):
    """An optional operand that is left out."""


Operand = Name | Anything | Omitted | Literal


class Condition(Struct, frozen=True):
    """`subject comparison expected`, of an attribute or of the elements of a constant."""

    subject: str
    comparison: str
    expected: Literal | Name


class Property(Struct, frozen=True):
    """`subject is [not] property`."""

    subject: str
    property: str
    wanted: bool


class Line(Struct, frozen=True, eq=False):
    """One node of a pattern; `number` is its line in the text.

    It stands for `least` to `most` nodes in a row. Where it stands for none, its output is its
    operand `through`.
    """

    number: int
    outputs: tuple[str | None, ...]
    ops: tuple[str, ...]
    attributes: tuple[Condition, ...]
    operands: tuple[Operand, ...]
    more_operands: bool
    least: int
    most: int
    through: Operand

    @property
    def named(self) -> list[Name]:
        """The operands that have a name."""
        return [operand for operand in self.operands if isinstance(operand, Name)]

    @property
    def named_attributes(self) -> list[Name]:
        """The names that it gives to attributes."""
        return [each.expected for each in self.attributes if isinstance(each.expected, Name)]


class PatternText(Struct, frozen=True):
    """A pattern taken apart: groups of lines that are alternatives; the last is the anchor."""

    groups: tuple[tuple[Line, ...], ...]
    conditions: tuple[Condition, ...]
    properties: tuple[Property, ...]

    @property
    def lines(self) -> Iterator[Line]:
        """All lines, in the order of the text."""
        return (line for group in self.groups for line in group)

    @property
    def makers(self) -> dict[str, tuple[Line, ...]]:
        """For the name of each value that a line makes the lines of which one makes it."""
        return {name: group for group in self.groups for name in group[0].outputs if name}

    @property
    def certain(self) -> set[str]:
        """The names, of values and attributes, that every match knows.

        What an optional line alone reads is not among them, nor what one of several lines reads.
        """
        known: dict[str, set[str]] = {}
        names: set[str] = set()
        for group in self.groups:
            ways = [_known_through(line, known) for line in group]
            names = set.intersection(*ways).union(filter(None, group[0].outputs))
            known.update((name, names) for name in group[0].outputs if name)
        return names


def _known_through(line: Line, known: Mapping[str, set[str]]) -> set[str]:
    """The names that are known where a line fits, or hands on what it reads."""
    operands = line.named if line.least else [each for each in line.named if each is line.through]
    names = {name.text for name in line.named_attributes if line.least}
    return names.union(*(known.get(name.text, {name.text}) for name in operands))


def parse(text: str) -> PatternText:
    """Takes a pattern apart.

    Raises:
        PatternError: it cannot be read, or its lines do not hang together.
    """
    return _Parser(text).pattern()


class _Token(Struct, frozen=True):
    kind: str
    text: str
    line: int
    column: int


def _tokens(text: str) -> Iterator[_Token]:
    position, line, start = 0, 1, 0
    while position < len(text):
        column = position - start + 1
        found = _TOKEN.match(text, position)
        if found is None:
            raise PatternError(f"line {line}, column {column}: {text[position]!r} is unexpected")
        position = found.end()
        if found.lastgroup != "space":
            yield _Token(str(found.lastgroup), found[0], line, column)
        elif "\n" in found[0]:
            line += found[0].count("\n")
            start = text.rfind("\n", 0, position) + 1
    yield _Token("end", "", line, position - start + 1)


class _Parser:
    def __init__(self, text: str) -> None:
        self._tokens = list(_tokens(text))
        self._at = 0
        self._made: set[str] = set()
        self._read: set[str] = set()

    @property
    def _next(self) -> _Token:
        return self._tokens[self._at]

    def _take(self) -> _Token:
        token = self._next
        self._at += token.kind != "end"
        return token

    def _accept(self, *texts: str) -> str | None:
        """The next token if it is one of these marks or words."""
        if self._next.kind in ("mark", "name") and self._next.text in texts:
            return self._take().text
        return None

    def _expect(self, text: str, after: str) -> None:
        if self._accept(text) is None:
            raise self._error(f"expected {text!r} after {after}")

    def _error(self, problem: str, token: _Token | None = None) -> PatternError:
        found = token or self._next
        seen = f"found {found.text!r}" if found.text else "the pattern ends"
        told = problem if token else f"{problem}, {seen}"
        return PatternError(f"line {found.line}, column {found.column}: {told}")

    def pattern(self) -> PatternText:
        groups: list[list[Line]] = []
        conditions: list[Condition] = []
        properties: list[Property] = []
        subjects: list[_Token] = []
        while self._next.kind != "end":
            if self._next.text == "|" and groups:
                groups[-1].append(self._alternative(groups[-1][0]))
                continue
            if self._accept("where") is None:
                groups.append([self._line()])
                continue
            subjects.append(self._next)
            told = self._where()
            if isinstance(told, Property):
                properties.append(told)
            else:
                conditions.append(told)
        read = PatternText(tuple(map(tuple, groups)), tuple(conditions), tuple(properties))
        known = self._made | self._read
        for token in subjects:
            if token.text not in known:
                hint = suggestion(token.text, known)
                raise self._error(f"no node defines or reads {token.text!r}{hint}", token)
        _check(read)
        return read

    def _line(self) -> Line:
        start = self._next
        mark = self._accept("?", "*")
        outputs: list[str | None] = []
        own: set[str] = set()
        while not outputs or self._accept(","):
            token = self._next
            name = self._value_name("the name of an output")
            if name in self._made or name in own:
                raise self._error(f"{name!r} is defined twice; rename one of them", token)
            if name in self._read:
                raise self._error(f"{name!r} is read by a line above; put this one before", token)
            outputs.append(None if name == "_" else name)
            own.update(filter(None, outputs[-1:]))
        if mark is not None and (len(outputs) > 1 or outputs == [None]):
            raise self._error("an optional node has one output, with a name", start)
        most = MOST_REPEATS if mark == "*" else 1
        return self._node(start, tuple(outputs), 0 if mark else 1, most)

    def _alternative(self, first: Line) -> Line:
        """A line that begins with `|`: another way to make what the line above makes."""
        start = self._take()
        for number, name in enumerate(first.outputs):
            if number:
                self._expect(",", "an output")
            if self._accept(name or "_") is None:
                written = ", ".join(each or "_" for each in first.outputs)
                raise self._error(
                    f"an alternative must define the same output as the line above, {written}"
                )
        self._made.difference_update(filter(None, first.outputs))
        return self._node(start, first.outputs, first.least, first.most)

    def _node(self, start: _Token, outputs: tuple[str | None, ...], least: int, most: int) -> Line:
        """What stands from the equals sign on; what it makes and reads is known from then on."""
        self._expect("=", "the outputs")
        ops = [self._operator()]
        while self._accept("|"):
            ops.append(self._operator())
        attributes = tuple(self._attributes()) if self._accept("<") else ()
        self._expect("(", "operator and attributes" if attributes else "the operator")
        operands, more = self._operands()
        named = [operand for operand in operands if isinstance(operand, Name)]
        through = next((each for each in named if each.text in self._made), next(iter(named), None))
        if least == 0 and through is None:
            raise self._error("an optional node must read a value that it may hand on", start)
        self._made.update(filter(None, outputs))
        self._read.update(name.text for name in named)
        return Line(start.line, outputs, tuple(ops), attributes, operands, more, least, most,
                    through or Anything())  # fmt: skip

    def _value_name(self, what: str) -> str:
        token = self._next
        if token.kind != "name":
            raise self._error(f"expected {what}")
        if not token.text.isidentifier():
            problem = f"{token.text!r} is not a valid value name; use letters, digits and '_'"
            raise self._error(problem, token)
        return self._take().text

    def _operator(self) -> str:
        """An operator as a node has it: `Softmax`, `com.microsoft::Gelu`."""
        if self._next.kind != "name":
            raise self._error("expected an operator")
        written = self._take().text
        domain, _, op_type = written.replace("::", ".").rpartition(".")
        return op_type if domain in ("", "ai.onnx") else f"{domain}::{op_type}"

    def _attributes(self) -> Iterator[Condition]:
        while True:
            name = self._value_name("the name of an attribute")
            if self._accept(":"):  # the type that onnx's printer writes
                self._value_name("the type of an attribute")
            yield self._comparison(name)
            if self._accept(",") is None:
                break
        self._expect(">", "the attributes")

    def _comparison(self, subject: str) -> Condition:
        comparison = self._accept(*COMPARISONS)
        if comparison is None:
            raise self._error(f"expected a comparison like '=' or '!=' after {subject!r}")
        written = self._next
        if written.kind == "name":
            expected: Literal | Name = Name(self._value_name("a value"))
        else:
            expected = self._literal()
        equals = comparison in ("=", "==")
        if isinstance(expected, Name) and not equals:
            raise self._error(f"{comparison!r} cannot compare with a name, '=' can", written)
        if not equals and comparison != "!=" and not isinstance(expected, int | float):
            raise self._error(f"{comparison!r} needs a number on its right side", written)
        return Condition(subject, "==" if comparison == "=" else comparison, expected)

    def _literal(self) -> Literal:
        if self._accept("["):
            items: list[Number | str] = []
            while self._accept("]") is None:
                if items:
                    self._expect(",", "an element of the list")
                items.append(self._scalar())
            return tuple(items)
        return self._scalar()

    def _scalar(self) -> Number | str:
        if self._next.kind == "string":
            return self._take().text[1:-1]
        if self._next.kind != "number":
            raise self._error("expected a number, a text in double quotes or a list")
        text = self._take().text
        return int(text) if re.fullmatch(r"[-+]?\d+", text) else float(text)

    def _operands(self) -> tuple[tuple[Operand, ...], bool]:
        operands: list[Operand] = []
        if self._accept(")"):
            return (), False
        while True:
            if self._accept("..."):
                self._expect(")", "'...', which stands for all further operands")
                return tuple(operands), True
            operands.append(self._operand())
            if self._accept(")"):
                return tuple(operands), False
            self._expect(",", "an operand")

    def _operand(self) -> Operand:
        token = self._next
        if token.kind == "mark" and token.text in (",", ")"):
            return Omitted()
        if token.kind == "string" and token.text != '""':
            raise self._error("a text cannot be an operand; write the name of a value", token)
        if token.kind == "string":
            self._take()
            return Omitted()
        if token.kind == "number" or token.text == "[":
            return self._literal()
        name = self._value_name("a value, a number or ')'")
        return Anything() if name == "_" else Name(name)

    def _where(self) -> Condition | Property:
        subject = self._value_name("the name of a value after 'where'")
        if self._accept("is") is None:
            told, written = self._comparison(subject), self._tokens[self._at - 1]
            if isinstance(told.expected, str | Name):
                problem = "'where' only compares a value with a number or a list of numbers"
                raise self._error(problem, written)
            return told
        wanted = self._accept("not") is None
        found = self._next
        if self._accept(*PROPERTIES) is None:
            hint = suggestion(found.text, PROPERTIES)
            raise self._error(f"expected one of {', '.join(PROPERTIES)}{hint}")
        return Property(subject, found.text, wanted)


def _check(read: PatternText) -> None:
    """Whether the lines hang together: every one leads to the last, which is not optional."""
    if not read.groups:
        raise PatternError("contains no node; write e.g. 'b = Softmax(a)'")
    *above, last = read.groups
    if not last[0].least:
        raise PatternError(f"line {last[0].number}: the last node cannot be optional")
    needed = {name.text for line in last for name in line.named}
    for group in reversed(above):
        if needed.isdisjoint(group[0].outputs):
            made = ", ".join(name or "_" for name in group[0].outputs)
            raise PatternError(
                f"line {group[0].number}: no line after it reads {made}; "
                "every node must lead to the last one"
            )
        needed |= {name.text for line in group for name in line.named}


def suggestion(word: str, known: Collection[str]) -> str:
    """`; did you mean 'x'?`, where something near is known."""
    near = nearest(word, sorted(known))
    return f"; did you mean {near[0]!r}?" if near else ""
