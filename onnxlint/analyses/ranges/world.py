"""What every evaluation of a model shares, and what every evaluation can be asked."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

from msgspec import Struct, field

from onnxlint.analyses.ranges.numbering import Numbers
from onnxlint.analyses.static.shapes import Shape, Shapes
from onnxlint.model.graph.graph import Graph
from onnxlint.model.graph.nodes import Node, Scope, Value
from onnxlint.model.graph.walk import postorder

if TYPE_CHECKING:
    from onnx import AttributeProto, TypeProto

    from onnxlint.analyses.ranges.forms import Forms
    from onnxlint.analyses.ranges.range import Range

MOST_VISITS = 40
"""How often a node is evaluated on average at most: functions that call functions would cost by
the power of their depth. A choice: exporters call a function for each layer."""

MOST_BETWEEN = 16
"""Values between the condition of a branch and what the branch reads that are evaluated again in
it. A choice."""


MOST_WRAPPED = 4
"""Sequences and optionals around a tensor that are looked through."""


class World(Struct, eq=False, dict=True):
    """One model; `leaves` are the ranges of its inputs, by name.

    `unknown` counts the nodes whose operator has no transfer function, by operator; `bodies` are
    the evaluations of each subgraph and function that hold in the end; `spent` counts nodes, and
    `malformed` are those that do not fit their operators.
    """

    graph: Graph
    shapes: Shapes
    leaves: dict[str, Range]
    unknown: Counter[str] = field(default_factory=Counter)
    bodies: dict[Scope, list[Knowledge]] = field(default_factory=dict)
    spent: int = 0
    malformed: list[Node] = field(default_factory=list)
    _unknown_nodes: set[Node] = field(default_factory=set)
    _captured: dict[Node, tuple[Value, ...]] = field(default_factory=dict)

    @cached_property
    def numbers(self) -> Numbers:
        """The formulas of its values."""
        return Numbers(self.graph)

    @cached_property
    def forms(self) -> Forms:
        """Its values as sums of others."""
        from onnxlint.analyses.ranges.forms import Forms

        return Forms(self.graph, self.numbers)

    @cached_property
    def most(self) -> int:
        """Nodes that may be evaluated, each time counted."""
        return MOST_VISITS * sum(len(scope.nodes) for scope in self.graph.scopes) + 1000

    @property
    def is_exhausted(self) -> bool:
        """Whether so many nodes were evaluated that the rest is left unknown."""
        return self.spent > self.most

    def met_unknown(self, node: Node) -> None:
        """Counts a node whose operator is not known, once."""
        if node not in self._unknown_nodes:
            self._unknown_nodes.add(node)
            self.unknown[node.op] += 1

    def is_half(self, value: Value | None) -> bool:
        """Whether a value is a float16."""
        shape = self.shapes.of(value)
        return shape is not None and shape.dtype == "float16"

    def is_single(self, value: Value) -> bool:
        """Whether a value holds one number."""
        dims = self.dims(value)
        return dims is not None and all(dim == 1 for dim in dims)

    def captured(self, node: Node) -> tuple[Value, ...]:
        """What the bodies of a node read of the scopes around them."""
        if node not in self._captured:
            for each in postorder([node], _nested_owners):
                if each not in self._captured:
                    self._captured[each] = tuple(self._captures(each))
        return self._captured[node]

    def _captures(self, node: Node) -> dict[Value, None]:
        found: dict[Value, None] = {}
        for scope in node.subgraphs:
            for value in self._read_in(scope):
                if value is not None and value.scope is not scope:
                    found[value] = None
        return found

    def _read_in(self, scope: Scope) -> Iterator[Value | None]:
        yield from scope.outputs
        for node in scope.nodes:
            yield from node.inputs
            yield from self._captured.get(node, ())

    def between(self, roots: Iterable[Value], ends: Iterable[Value]) -> set[Value]:
        """Values near by that hang on a root and that an end hangs on, both included.

        Not through nodes with bodies: those of a chain would cost by the power of its length.
        """
        among = dict.fromkeys(roots)
        ahead, met = list(ends), dict[Value, None]()
        while ahead and len(met) < MOST_BETWEEN:
            value = ahead.pop(0)
            if value not in met:
                met[value] = None
                node = value.producer
                if node is not None and value not in among and not _has_bodies(node):
                    ahead += [each for each in node.inputs if each is not None]
        grown = True
        while grown:
            size = len(among)
            for each in met:
                node = each.producer
                if node is None or _has_bodies(node):
                    continue
                if any(before in among for before in node.inputs if before is not None):
                    among[each] = None
            grown = len(among) > size
        return set(among)

    def dims(self, value: Value | None) -> tuple[int | str | None, ...] | None:
        """The sizes of a value's axes; None where not even their number is known."""
        shape = self.shapes.of(value)
        return None if shape is None else shape.dims

    def element_type(self, value: Value | None) -> int | None:
        """The element type of a value, as onnx numbers them; also of elements of a sequence."""
        if value is None:
            return None
        shape = self.shapes.of(value)
        if shape is not None or value is None:
            return None if shape is None else shape.element_type
        return _of_elements(self.shapes.type_of(value))


def _of_elements(found: TypeProto | None) -> int | None:
    """The element type of what a sequence or an optional holds."""
    for _ in range(MOST_WRAPPED):
        kind = found.WhichOneof("value") if found is not None else None
        if found is None or kind is None:
            return None
        if kind == "tensor_type":
            return found.tensor_type.elem_type or None
        if kind not in ("sequence_type", "optional_type"):
            return None
        found = getattr(found, kind).elem_type
    return None


def _has_bodies(node: Node) -> bool:
    """Whether it is costly to evaluate again."""
    return bool(node.subgraphs) or node.called is not None


def _owners(scope: Scope) -> Iterator[Node]:
    return (node for node in scope.nodes if node.subgraphs)


def _nested_owners(node: Node) -> Iterator[Node]:
    return (inner for scope in node.subgraphs for inner in _owners(scope))


class Knowledge(ABC):
    """What is known of values: in the main graph, in a body, or under a condition.

    Attributes:
        world: what all of them share.
        around: what is asked of values that are not its own.
        types: those that only it knows, inside a function.
        depth: bodies that it stands in.
        assumed: conditions that it stands under.
        is_dropped: it belongs to a round of a loop that a later one includes.
    """

    world: World
    around: Knowledge | None
    types: dict[Value, Shape]
    depth: int
    assumed: int
    is_dropped: bool

    @property
    def lineage(self) -> Iterator[Knowledge]:
        """It, and those around it."""
        here: Knowledge | None = self
        while here is not None:
            yield here
            here = here.around

    @abstractmethod
    def shape_of(self, value: Value | None) -> Shape | None:
        """The type of a value, as far as it is known here."""

    @abstractmethod
    def typed(self, value: Value | None, shape: Shape | None) -> None:
        """Takes note of a type that only this knows."""

    @abstractmethod
    def dims(self, value: Value | None) -> tuple[int | str | None, ...] | None:
        """The sizes of a value's axes; None where not even their number is known."""

    @abstractmethod
    def element_type(self, value: Value | None) -> int | None:
        """The element type of a value, as onnx numbers them."""

    @abstractmethod
    def of(self, value: Value | None) -> Range:
        """What is known of a value."""

    @abstractmethod
    def learning(self, value: Value) -> Iterator[None]:
        """Finds out what is to be known of a value, node by node."""

    @abstractmethod
    def inner(
        self, owns: Callable[[Value], bool], bound: Mapping[Value, Range],
        attributes: Mapping[str, AttributeProto] | None = None, depth: int | None = None,
    ) -> Knowledge:  # fmt: skip
        """The knowledge of a body, or of what hangs on a branch's condition, inside this one."""

    @abstractmethod
    def assuming(self, owns: Callable[[Value], bool], bound: Mapping[Value, Range]) -> Knowledge:
        """What would be known if some values had these ranges; it is only asked, not kept."""

    @abstractmethod
    def transferred(self, node: Node, read: list[Range | None]) -> list[Range]:
        """What a node gives when it reads this."""

    @abstractmethod
    def attribute(self, node: Node, name: str, default: Any = None) -> Any:
        """An attribute of a node, of its caller where it refers to one."""

    @abstractmethod
    def resolved(self, given: AttributeProto) -> AttributeProto | None:
        """An attribute, or what it refers to; None where that is not known."""

    def is_decided(self, node: Node, name: str) -> bool:
        """Whether an attribute is known here."""
        found = node.attributes.get(name)
        return found is None or self.resolved(found) is not None
