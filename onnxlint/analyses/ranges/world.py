"""What every evaluation of a model shares, and what every evaluation can be asked."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from onnxlint.analyses.ranges.forms import Forms
from onnxlint.analyses.ranges.numbering import Numbers
from onnxlint.analyses.static.shapes import Shapes
from onnxlint.model.graph.graph import Graph
from onnxlint.model.graph.nodes import Node, Scope, Value
from onnxlint.model.graph.traversal import flows_to, reach

if TYPE_CHECKING:
    from onnx import AttributeProto, TypeProto

    from onnxlint.analyses.ranges.range import Range

MOST_VISITS = 20
"""How often a node is evaluated on average at most: functions that call functions would cost by
the power of their depth. A choice: exporters call a function for each layer."""

MOST_FOLLOWED = 256
"""Nodes and values behind the condition of a branch that are evaluated again in it. A choice."""


@dataclass(eq=False)
class World:
    """One model; `leaves` are the ranges of its inputs, by name.

    `unknown` counts the nodes whose operator has no transfer function, by operator; `bodies` are
    the evaluations of each subgraph and function that hold in the end; `spent` counts nodes.
    """

    graph: Graph
    shapes: Shapes
    leaves: dict[str, Range]
    unknown: Counter[str] = field(default_factory=Counter)
    bodies: dict[Scope, list[Knowledge]] = field(default_factory=dict)
    spent: int = 0
    _unknown_nodes: set[Node] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.numbers = Numbers(self.graph)
        self.forms = Forms(self.graph, self.numbers)
        self.most = MOST_VISITS * sum(len(scope.nodes) for scope in self.graph.scopes) + 1000

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

    def follows(self, values: Iterable[Value]) -> set[Value]:
        """Values that hang on others, near by."""
        found = reach(values, flows_to, (), MOST_FOLLOWED)
        return {each for each in found if isinstance(each, Value)}

    def dims(self, value: Value | None) -> tuple[int | str | None, ...] | None:
        """The sizes of a value's axes; None where not even their number is known."""
        shape = self.shapes.of(value)
        return None if shape is None else shape.dims

    def element_type(self, value: Value | None) -> int | None:
        """The element type of a value, as onnx numbers them; also of elements of a sequence."""
        if value is None:
            return None
        shape = self.shapes.of(value)
        return _inner(self.shapes.type_of(value)) if shape is None else shape.element_type


def _inner(found: TypeProto | None) -> int | None:
    """The element type of tensors in a sequence or an optional value."""
    while found is not None:
        kind = found.WhichOneof("value")
        if kind == "tensor_type":
            return found.tensor_type.elem_type or None
        if kind not in ("sequence_type", "optional_type"):
            return None
        found = getattr(found, kind).elem_type
    return None


class Knowledge(ABC):
    """What is known of values: in the main graph, in a body, or under a condition."""

    world: World

    @abstractmethod
    def of(self, value: Value | None) -> Range:
        """What is known of a value."""

    @abstractmethod
    def inner(
        self, owns: Callable[[Value], bool], bound: Mapping[Value, Range],
        attributes: Mapping[str, AttributeProto] | None = None,
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
