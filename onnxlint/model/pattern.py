"""Graph patterns in ONNX text: rules as data, and five-line rules in Python.

A pattern is searched from its last node backwards, along `Value.producer`: that takes a number of
steps that depends on the pattern alone for each node with the last line's operator, where a general
subgraph isomorphism, such as networkx's, would look at the whole graph for each.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from onnxlint.findings import Place
from onnxlint.model.conditions import attribute_of, compared, holds
from onnxlint.model.graph import STANDARD_DOMAINS, Graph, Node, Value
from onnxlint.model.pattern_text import (
    Anything,
    Condition,
    Line,
    Name,
    Omitted,
    Operand,
    PatternError,
    PatternText,
    Property,
    parse,
    suggestion,
)

__all__ = ["Match", "Pattern", "PatternError"]

COMMUTATIVE = frozenset({"Add", "Mul", "Sum", "Mean", "Max", "Min", "And", "Or", "Xor", "Equal",
                         "BitwiseAnd", "BitwiseOr", "BitwiseXor"})  # fmt: skip
"""Operators whose operands may be swapped."""


class Match(Mapping[str, Value]):
    """One place where a pattern fits: the values by the pattern's names, and the nodes.

    A finding can point at it: it stands where its last node stands. A name that only an absent
    optional node reads is not in it.
    """

    def __init__(self, text: PatternText, found: _Found) -> None:
        self._found = found
        self._makers = text.makers
        self.last: Node = found.taken[0]
        self.nodes: tuple[Node, ...] = tuple(
            sorted(found.taken, key=lambda node: (node.scope.path, node.index))
        )

    @property
    def place(self) -> Place:
        """The place of its last node."""
        return self.last.place

    def __getitem__(self, name: str) -> Value:
        return self._found.values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._found.values)

    def __len__(self) -> int:
        return len(self._found.values)

    def node(self, name: str) -> Node | None:
        """The node of the pattern that makes a value; None where none does, or an absent one."""
        lines = self._makers.get(name, ()) if self[name] else ()
        return next((self._found.nodes[line] for line in lines if line in self._found.nodes), None)

    def attribute(self, name: str) -> Any:
        """The attribute that the pattern gave a name: `n` for `Softmax<axis = n>(x)`."""
        return self._found.attributes[name]

    def __repr__(self) -> str:
        return f"<Match {dict(self)}>"


class Pattern:
    """A piece of a graph, in ONNX's own node syntax; `docs/patterns.md` shows all of it.

    Names that no line makes stand for any value. Several texts are alternatives.

    Raises:
        PatternError: the text is no pattern; the message says where and why.
    """

    def __init__(self, *texts: str) -> None:
        if not texts:
            raise PatternError("there is none")
        self.texts = texts
        self.parsed: tuple[PatternText, ...] = tuple(map(parse, texts))

    @property
    def ops(self) -> tuple[str, ...]:
        """The operators that its last line may have: without any of them there is no match."""
        last = (line for text in self.parsed for line in text.groups[-1])
        return tuple(dict.fromkeys(op for line in last for op in line.ops))

    @property
    def certain(self) -> set[str]:
        """The names that every match knows: of values, and of attributes."""
        return set.intersection(*(text.certain for text in self.parsed))

    @property
    def certain_nodes(self) -> set[str]:
        """The names of values that a node makes in every match."""
        return {
            name for name in self.certain
            if all(name in text.makers and text.makers[name][0].least for text in self.parsed)
        }  # fmt: skip

    def matches(self, graph: Graph) -> Iterator[Match]:
        """Where it fits, at most once for each node that its last line stands for.

        In every scope; a node in a subgraph sees the values around it. Of several ways to fit, the
        one with the operands in the order of the file is taken.
        """
        searches = [_Search(graph, text) for text in self.parsed]
        for node in graph.nodes(*self.ops):
            found = next(filter(None, (search.at(node) for search in searches)), None)
            if found is not None:
                yield found

    def misspelled(self) -> str | None:
        """What is said of an operator that onnx does not know, but knows one by a similar name."""
        lines = [line for text in self.parsed for line in text.lines]
        known = _known_operators()
        by_case = {name.lower(): name for name in known}
        for line in lines:
            for op in line.ops:
                near = by_case.get(op.lower())
                hint = f"; did you mean {near!r}?" if near else suggestion(op, known)
                if "::" not in op and op not in known and hint:
                    return f"line {line.number}: there is no operator {op!r}{hint}"
        return None


@dataclass(frozen=True, slots=True)
class _Found:
    """What is known so far; every step makes a new one, so that steps can be taken back."""

    values: Mapping[str, Value] = field(default_factory=dict)
    attributes: Mapping[str, Any] = field(default_factory=dict)
    nodes: Mapping[Line, Node] = field(default_factory=dict)
    taken: tuple[Node, ...] = ()


@dataclass(frozen=True, slots=True)
class _Again:
    """The operand of an optional node: made by one of the same lines once more, or handed on."""

    lines: tuple[Line, ...]
    count: int


@dataclass(frozen=True, slots=True)
class _Swapped:
    """Operands that fit these values in any order."""

    operands: tuple[Operand | _Again, ...]
    values: tuple[Value | None, ...]


_Goal = tuple[Operand | _Again, Value | None] | _Swapped
_Goals = tuple[_Goal, Any] | None
"""What is still to be shown: the first goal, and the others in the same form."""

_State = tuple[_Goals, _Found]


_CONSTANT_OPS = frozenset({"Constant", "ConstantOfShape", "Identity"})
"""What a constant comes from, if not from an initializer."""


@dataclass(frozen=True, slots=True)
class _Need:
    """An operand that must be made by one of these lines or, without any, be a constant."""

    slot: int
    ops: frozenset[str]
    makers: tuple[Line, ...]


class _Search:
    """One pattern text in one graph."""

    def __init__(self, graph: Graph, text: PatternText) -> None:
        self._graph = graph
        self._text = text
        self._makers = text.makers
        self._group = {line: group for group in text.groups for line in group}
        self._needs = {line: [*self._needed(line)] for line in text.lines}
        self._private = [told for told in text.properties if told.property == "private"]
        self._checks: dict[str, list[Callable[[Value], bool]]] = {}
        for condition in text.conditions:
            self._checks.setdefault(condition.subject, []).append(self._fulfils(condition))
        for told in text.properties:
            if told.property != "private":
                self._checks.setdefault(told.subject, []).append(self._is(told))

    def _needed(self, line: Line) -> Iterator[_Need]:
        """The operands of a line of which one look at their producer tells that they do not fit."""
        for slot, operand in enumerate(line.operands if line.least else ()):
            if isinstance(operand, Anything | Omitted):
                continue
            makers = self._makers.get(operand.text, ()) if isinstance(operand, Name) else ()
            if not isinstance(operand, Name):
                yield _Need(slot, _CONSTANT_OPS, ())
            elif makers and makers[0].least:
                yield _Need(slot, frozenset(op for each in makers for op in each.ops), makers)

    def _may_fit(self, line: Line, node: Node, depth: int = 1) -> bool:
        """Whether the producers of a node's operands, and theirs, are what the line needs."""
        for need in self._needs[line]:
            swapped = node.op in COMMUTATIVE
            values = node.inputs if swapped else node.inputs[need.slot : need.slot + 1]
            if not any(self._may_be(need, value, depth) for value in values):
                return False
        return True

    def _may_be(self, need: _Need, value: Value | None, depth: int) -> bool:
        if value is None:
            return False
        node = value.producer
        if node is None:
            return not need.makers and value.tensor_proto is not None
        if node.op not in need.ops:
            return False
        if not need.makers or not depth:
            return True
        return any(
            node.op in line.ops and self._may_fit(line, node, depth - 1) for line in need.makers
        )

    def at(self, node: Node) -> Match | None:
        """The first match whose last node this is."""
        last = self._text.groups[-1]
        ways = [self._take(line, node, 0, None, _Found()) for line in reversed(last)]
        while ways:
            state = next(ways[-1], None)
            if state is None:
                ways.pop()
                continue
            goals, found = state
            if goals is not None:
                ways.append(self._step(*goals, found))
            elif all(self._is_private(told, found) for told in self._private):
                return Match(self._text, found)
        return None

    def _step(self, goal: _Goal, rest: _Goals, found: _Found) -> Iterator[_State]:
        """Every way to reach the first goal, with what is to be shown then."""
        if isinstance(goal, _Swapped):
            yield from _swap(goal, rest, found)
            return
        operand, value = goal
        if isinstance(operand, Anything):
            yield rest, found
        elif value is None or isinstance(operand, Omitted):
            if value is None and isinstance(operand, Omitted):
                yield rest, found
        elif isinstance(operand, Name):
            yield from self._name(operand.text, value, rest, found)
        elif isinstance(operand, _Again):
            yield from self._make(operand.lines, value, operand.count, rest, found)
        elif holds(self._graph.tensor(value), "==", operand):
            yield rest, found

    def _name(self, name: str, value: Value, rest: _Goals, found: _Found) -> Iterator[_State]:
        """Lets a name stand for a value, and asks for what makes it."""
        known = name in found.values
        bound = self._bind(name, value, found)
        if bound is None:
            return
        if known or name not in self._makers:
            yield rest, bound
        else:
            yield from self._make(self._makers[name], value, 0, rest, bound)

    def _bind(self, name: str, value: Value | None, found: _Found) -> _Found | None:
        if name in found.values:
            return found if found.values[name] is value else None
        if value is None or not all(check(value) for check in self._checks.get(name, ())):
            return None
        return _Found({**found.values, name: value}, found.attributes, found.nodes, found.taken)

    def _make(
        self, lines: tuple[Line, ...], value: Value, count: int, rest: _Goals, found: _Found
    ) -> Iterator[_State]:
        """Lets lines that stand for `count` nodes already make a value: by one more, by none."""
        node, first = value.producer, lines[0]
        if node is not None and count < first.most and (first.least or node.output is value):
            for line in lines:
                yield from self._take(line, node, count, rest, found)
        if count >= first.least:
            yield ((first.through, value), rest), found

    def _take(
        self, line: Line, node: Node, count: int, rest: _Goals, found: _Found
    ) -> Iterator[_State]:
        """Lets a line stand for a node."""
        if node.op not in line.ops or node in found.taken or not _fits(line, node):
            return
        if not self._may_fit(line, node):
            return  # as most nodes do not: nothing else is looked at
        attributes = _named_attributes(line, node, found.attributes)
        if attributes is None:
            return
        bound: _Found | None = _Found(
            found.values, attributes, {line: node, **found.nodes}, (*found.taken, node)
        )
        for slot, name in enumerate(line.outputs) if count == 0 else ():
            if bound is not None and name is not None:
                value = node.outputs[slot] if slot < len(node.outputs) else None
                bound = self._bind(name, value, bound)
        if bound is not None:
            again = None if line.least else _Again(self._group[line], count + 1)
            yield _operand_goals(line, node, again, rest), bound

    def _fulfils(self, condition: Condition) -> Callable[[Value], bool]:
        expected = condition.expected
        assert not isinstance(expected, Name)
        return lambda value: holds(self._graph.tensor(value), condition.comparison, expected)

    def _is(self, told: Property) -> Callable[[Value], bool]:
        graph = self._graph
        checks: dict[str, Callable[[Value], bool]] = {
            "constant": lambda value: graph.tensor(value) is not None,
            "input": lambda value: value in graph.inputs,
            "output": lambda value: value.is_output and value.scope is graph.main,
        }
        check = checks[told.property]
        return lambda value: check(value) is told.wanted

    def _is_private(self, told: Property, found: _Found) -> bool:
        value = found.values.get(told.subject)
        if value is None:
            return True
        inside = all(node in found.taken for node in value.consumers)
        return (inside and not value.is_output and not value.yielded_to) is told.wanted


def _swap(goal: _Swapped, rest: _Goals, found: _Found) -> Iterator[_State]:
    """The first of the operands is each of the values in turn."""
    if not goal.operands:
        yield rest, found
        return
    operand, *others = goal.operands
    for slot, value in enumerate(goal.values):
        left = _Swapped(tuple(others), goal.values[:slot] + goal.values[slot + 1 :])
        yield ((operand, value), (left, rest)), found


def _given(node: Node) -> list[Value | None]:
    """A node's inputs without those that are omitted at the end."""
    values = list(node.inputs)
    while values and values[-1] is None:
        values.pop()
    return values


def _fits(line: Line, node: Node) -> bool:
    """Whether a node has no more operands than its line."""
    return line.more_operands or len(_given(node)) <= len(line.operands)


def _operand_goals(line: Line, node: Node, again: _Again | None, rest: _Goals) -> _Goals:
    """What is to be shown of a node's operands, before what was to be shown anyway."""
    operands: tuple[Operand | _Again, ...] = line.operands
    if again is not None:
        operands = tuple(again if each is line.through else each for each in operands)
    values = _given(node)
    values += [None] * (len(operands) - len(values))
    if node.op in COMMUTATIVE:
        return _Swapped(operands, tuple(values)), rest
    for goal in reversed([*zip(operands, values, strict=False)]):
        rest = goal, rest
    return rest


def _named_attributes(line: Line, node: Node, known: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The attributes that have a name, with those of one node more; None where one is wrong."""
    for condition in line.attributes:
        value = attribute_of(node, condition.subject)
        expected: Any = condition.expected
        if value is None:
            return None
        if isinstance(expected, Name):
            known = {expected.text: value, **known}
            expected = known[expected.text]
        if not compared(value, condition.comparison, expected):
            return None
    return known


@cache
def _known_operators() -> frozenset[str]:
    from onnx import defs

    every = defs.get_all_schemas_with_history()
    return frozenset(schema.name for schema in every if schema.domain in STANDARD_DOMAINS)
