"""Graph patterns in ONNX text: rules as data, and five-line rules in Python.

A pattern is searched from its last node backwards, along `Value.producer`: that takes a number of
steps that depends on the pattern alone for each node with the last line's operator, where a general
subgraph isomorphism, such as networkx's, would look at the whole graph for each.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cache, cached_property
from typing import Any

from msgspec import Struct, field

from onnxlint.model.file.tensors import Tensor
from onnxlint.model.graph.graph import Graph
from onnxlint.model.graph.nodes import FEW, STANDARD_DOMAINS, Node, Value
from onnxlint.model.graph.operators import COMMUTATIVE, CONSTANT_OPS
from onnxlint.model.graph.place import Place
from onnxlint.model.patterns.conditions import attribute_of, compared, holds
from onnxlint.model.patterns.parser import (
    Anything,
    Condition,
    Line,
    Literal,
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


class Match(Mapping[str, Value]):
    """One place where a pattern fits: the values by the pattern's names, and the nodes.

    A finding can point at it: it stands where its last node stands. A name that only an absent
    optional node reads is not in it.
    """

    def __init__(self, text: PatternText, found: _Found) -> None:
        self._found = found
        self._makers = text.makers
        self.last: Node = next(iter(found.taken))
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
        PatternError: the text is not a pattern; the message says where and why.
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
        made = [
            {name for name, lines in text.makers.items() if lines[0].least} for text in self.parsed
        ]
        return self.certain.intersection(*made)

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


class _Found(Struct):
    """What is known so far. Every step that adds to it takes that back before the next one."""

    values: dict[str, Value] = field(default_factory=dict)
    attributes: dict[str, Any] = field(default_factory=dict)
    nodes: dict[Line, Node] = field(default_factory=dict)
    taken: dict[Node, None] = field(default_factory=dict)


class _Again(Struct, frozen=True):
    """The operand of an optional node: made by one of the same lines once more, or handed on."""

    lines: tuple[Line, ...]
    count: int


class _Slots:
    """The slots of a node that no operand took yet, in their order; each can be taken and given."""

    def __init__(self, count: int) -> None:
        self._next = [*range(1, count + 1), 0]  # a ring, the last of which is before the first
        self._before = [count, *range(count)]

    def __iter__(self) -> Iterator[int]:
        """The slots, each of which is taken while it is looked at."""
        slot = self._next[-1]
        while slot != len(self._next) - 1:
            before, after = self._before[slot], self._next[slot]
            self._next[before], self._before[after] = after, before
            yield slot
            self._next[before], self._before[after] = slot, slot
            slot = after


class _Swapped(Struct, frozen=True):
    """Operands, from the one of a number on, that fit the values in the free slots in any order."""

    operands: tuple[Operand | _Again, ...]
    values: tuple[Value | None, ...]
    free: _Slots
    at: int = 0


_Goal = tuple[Operand | _Again, Value | None] | _Swapped
_Goals = tuple[_Goal, Any] | None
"""What is still to be shown: the first goal, and the others in the same form."""

_CONSTANT_OPS = CONSTANT_OPS | {"Identity"}
"""What a constant comes from, if not from an initializer."""


class _Need(Struct, frozen=True):
    """An operand that must be made by one of these lines or, without any, be a constant."""

    slot: int
    ops: frozenset[str]
    makers: tuple[Line, ...]


class _Search:
    """One pattern text in one graph."""

    def __init__(self, graph: Graph, text: PatternText) -> None:
        self._graph = graph
        self._text = text
        self._found = _Found()
        self._inputs = {*graph.inputs}
        self._operands: dict[Node, int] = {}
        self._fitting: dict[tuple[Line, Node, int], bool] = {}
        self._held: dict[tuple[Tensor, str, Literal], bool] = {}
        self._makers = text.makers
        self._group = {line: group for group in text.groups for line in group}
        self._needs = {line: [*self._needed(line)] for line in text.lines}
        self._least_depth = self._depth_of_lines()
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

    def _depth_of_lines(self) -> int:
        """How many nodes in a row the pattern needs at least."""
        depths: dict[Line, int] = {}
        for line in self._text.lines:
            ways = (
                [depths[each] for each in need.makers] for need in self._needs[line] if need.makers
            )
            depths[line] = 1 + max(map(min, ways), default=0)
        return min(depths[line] for line in self._text.groups[-1])

    @cached_property
    def _depths(self) -> dict[Node, int]:
        """How many nodes in a row end with each; none for one that stands before what it reads."""
        depths: dict[Node, int] = {}
        for node in self._graph.nodes():
            makers = [value.producer for value in node.inputs if value and value.producer]
            if all(maker in depths or maker.scope is not node.scope for maker in makers):
                depths[node] = 1 + max((depths.get(maker, 0) for maker in makers), default=0)
        return depths

    def _is_too_near(self, node: Node) -> bool:
        """Whether fewer nodes stand before a node than the pattern needs."""
        if self._least_depth <= FEW:
            return False
        return self._depths.get(node, self._least_depth) < self._least_depth

    def _may_fit(self, line: Line, node: Node, depth: int = 1) -> bool:
        """Whether the producers of a node's operands, and theirs, are what the line needs."""
        if len(node.inputs) <= FEW:
            return self._has_needed(line, node, depth)
        key = line, node, depth
        if key not in self._fitting:
            self._fitting[key] = self._has_needed(line, node, depth)
        return self._fitting[key]

    def _has_needed(self, line: Line, node: Node, depth: int) -> bool:
        if not line.more_operands and self._given(node) > len(line.operands):
            return False
        if node.op in COMMUTATIVE:
            needs = {(need.ops, need.makers): need for need in self._needs[line]}.values()
            return all(
                any(self._may_be(need, value, depth) for value in node.inputs) for need in needs
            )
        return all(self._may_be(need, node.input(need.slot), depth) for need in self._needs[line])

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

    def _given(self, node: Node) -> int:
        """How many inputs a node has without those that are omitted at the end."""
        if node not in self._operands:
            given = (slot + 1 for slot in reversed(range(len(node.inputs))) if node.inputs[slot])
            self._operands[node] = next(given, 0)
        return self._operands[node]

    def at(self, node: Node) -> Match | None:
        """The first match whose last node this is."""
        if self._is_too_near(node):
            return None
        self._found = _Found()
        ways = [self._take(line, node, 0, None) for line in reversed(self._text.groups[-1])]
        while ways:
            goals = next(ways[-1], _NO_WAY)
            if isinstance(goals, _NoWay):
                ways.pop()
            elif goals is not None:
                ways.append(self._step(*goals))
            elif all(map(self._is_private, self._private)):
                return Match(self._text, self._found)
        return None

    def _step(self, goal: _Goal, rest: _Goals) -> Iterator[_Goals]:
        """Every way to reach the first goal, with what is to be shown then."""
        if isinstance(goal, _Swapped):
            yield from _swap(goal, rest)
            return
        operand, value = goal
        if isinstance(operand, Anything):
            yield rest
        elif value is None or isinstance(operand, Omitted):
            if value is None and isinstance(operand, Omitted):
                yield rest
        elif isinstance(operand, Name):
            yield from self._name(operand.text, value, rest)
        elif isinstance(operand, _Again):
            yield from self._make(operand.lines, value, operand.count, rest)
        elif self._holds(value, "==", operand):
            yield rest

    def _name(self, name: str, value: Value, rest: _Goals) -> Iterator[_Goals]:
        """Lets a name stand for a value, and asks for what makes it."""
        known = name in self._found.values
        if not self._bind(name, value):
            return
        if known or name not in self._makers:
            yield rest
        else:
            yield from self._make(self._makers[name], value, 0, rest)
        if not known:
            del self._found.values[name]

    def _bind(self, name: str, value: Value | None) -> bool:
        """Lets a name stand for a value, if it may."""
        if name in self._found.values:
            return self._found.values[name] is value
        if value is None or not all(check(value) for check in self._checks.get(name, ())):
            return False
        self._found.values[name] = value
        return True

    def _make(
        self, lines: tuple[Line, ...], value: Value, count: int, rest: _Goals
    ) -> Iterator[_Goals]:
        """Lets lines that stand for `count` nodes already make a value: by one more, by none."""
        node, first = value.producer, lines[0]
        if node is not None and count < first.most and (first.least or node.output is value):
            for line in lines:
                yield from self._take(line, node, count, rest)
        if count >= first.least:
            yield (first.through, value), rest

    def _take(self, line: Line, node: Node, count: int, rest: _Goals) -> Iterator[_Goals]:
        """Lets a line stand for a node."""
        found = self._found
        if node.op not in line.ops or node in found.taken or not self._may_fit(line, node):
            return  # as most nodes do not: nothing else is looked at
        attributes = _named_attributes(line, node, found.attributes)
        if attributes is None:
            return
        is_first = line not in found.nodes
        known = {name for name in line.outputs if name in found.values}
        found.attributes |= attributes
        found.nodes.setdefault(line, node)
        found.taken[node] = None
        if count or all(self._bind(name, value) for name, value in _named(line, node)):
            again = None if line.least else _Again(self._group[line], count + 1)
            yield self._operand_goals(line, node, again, rest)
        for name in attributes:
            del found.attributes[name]
        if is_first:
            del found.nodes[line]
        del found.taken[node]
        for made in line.outputs if not count else ():
            if made is not None and made not in known:
                found.values.pop(made, None)

    def _operand_goals(self, line: Line, node: Node, again: _Again | None, rest: _Goals) -> _Goals:
        """What is to be shown of a node's operands, before what was to be shown anyway."""
        operands: tuple[Operand | _Again, ...] = line.operands
        if again is not None:
            operands = tuple(again if each is line.through else each for each in operands)
        values = node.inputs[: self._given(node)]
        values += [None] * (len(operands) - len(values))
        if node.op in COMMUTATIVE:
            return _Swapped(operands, tuple(values), _Slots(len(values))), rest
        for goal in reversed([*zip(operands, values, strict=False)]):
            rest = goal, rest
        return rest

    def _holds(self, value: Value, comparison: str, expected: Literal) -> bool:
        """Whether a constant compares so, which is looked up once for all that read it."""
        tensor = self._graph.tensor(value)
        if tensor is None:
            return False
        key = tensor, comparison, expected
        if key not in self._held:
            self._held[key] = holds(tensor, comparison, expected)
        return self._held[key]

    def _fulfils(self, condition: Condition) -> Callable[[Value], bool]:
        expected = condition.expected
        assert not isinstance(expected, Name)
        return lambda value: self._holds(value, condition.comparison, expected)

    def _is(self, told: Property) -> Callable[[Value], bool]:
        graph = self._graph
        checks: dict[str, Callable[[Value], bool]] = {
            "constant": lambda value: graph.tensor(value) is not None,
            "input": lambda value: value in self._inputs,
            "output": lambda value: value.is_output and value.scope is graph.main,
        }
        check = checks[told.property]
        return lambda value: check(value) is told.wanted

    def _is_private(self, told: Property) -> bool:
        value = self._found.values.get(told.subject)
        if value is None:
            return True
        inside = all(node in self._found.taken for node in value.consumers)
        return (inside and not value.is_output and not value.yielded_to) is told.wanted


class _NoWay:
    """Stands for the end of the ways, where None is that nothing is left to be shown."""


_NO_WAY = _NoWay()


def _swap(goal: _Swapped, rest: _Goals) -> Iterator[_Goals]:
    """The first of the operands is each of the values in turn."""
    if goal.at == len(goal.operands):
        yield rest
        return
    left = _Swapped(goal.operands, goal.values, goal.free, goal.at + 1)
    for slot in goal.free:
        yield (goal.operands[goal.at], goal.values[slot]), (left, rest)


def _named(line: Line, node: Node) -> Iterator[tuple[str, Value | None]]:
    """The names of a line's outputs, with the values that a node makes there."""
    for slot, name in enumerate(line.outputs):
        if name is not None:
            yield name, node.outputs[slot] if slot < len(node.outputs) else None


def _named_attributes(line: Line, node: Node, known: Mapping[str, Any]) -> dict[str, Any] | None:
    """The attributes of a node that a line gives a name first; None where one is wrong."""
    named: dict[str, Any] = {}
    for condition in line.attributes:
        value = attribute_of(node, condition.subject)
        expected: Any = condition.expected
        if value is None:
            return None
        if isinstance(expected, Name):
            if expected.text not in known:
                named.setdefault(expected.text, value)
            expected = known[expected.text] if expected.text in known else named[expected.text]
        if not compared(value, condition.comparison, expected):
            return None
    return named


@cache
def _known_operators() -> frozenset[str]:
    from onnx import defs

    every = defs.get_all_schemas_with_history()
    return frozenset(schema.name for schema in every if schema.domain in STANDARD_DOMAINS)
