"""The steps of a model, past the glue between them, and the values that one hands to another."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import cached_property

from msgspec import Struct

from onnxlint.inspection.wiring import Wiring
from onnxlint.model.graph.graph import Graph
from onnxlint.model.graph.nodes import Node, Scope, Value
from onnxlint.model.graph.place import NotApplicable


class Port(Struct, frozen=True):
    """An input or output of a graph."""

    kind: str
    value: Value


class Wire(Struct, frozen=True):
    """A value that a step reads of another; `sizes`: only its sizes, by way of glue."""

    source: int
    target: int
    value: Value
    sizes: bool = False


class Wires:
    """Steps by number, scope by scope; what is between them; and the glue that each is served by.

    A graph is shown with its inputs and outputs; of a subgraph only with those that are read.
    """

    def __init__(self, graph: Graph, wiring: Wiring) -> None:
        self._graph, self._wiring = graph, wiring
        self.steps: list[Node | Port] = []
        self.of_scope: dict[Scope, list[int]] = {}
        self._of_node: dict[Node, int] = {}
        self._of_input: dict[Value, int] = {}
        by_scope: defaultdict[Scope, list[Node]] = defaultdict(list)
        for node in wiring.nodes:
            by_scope[node.scope].append(node)
        for scope in graph.scopes:
            if scope is graph.main or scope in by_scope:
                self._add(scope, sorted(by_scope[scope], key=lambda node: node.index))

    def _add(self, scope: Scope, nodes: Sequence[Node]) -> None:
        first = len(self.steps)
        for value in scope.inputs:
            if value.tensor_proto is None and (scope.owner is None or value.consumers):
                self._of_input[value] = len(self.steps)
                self.steps.append(Port("input", value))
        for node in nodes:
            if not self._wiring.is_glue(node):
                self._of_node[node] = len(self.steps)
                self.steps.append(node)
        self.steps += [Port("output", value) for value in scope.outputs]
        self.of_scope[scope] = [*range(first, len(self.steps))]

    def number(self, of: Node | Value) -> int | None:
        """The step that is a node or its owner in the picture, or that gives a value."""
        if isinstance(of, Node):
            return self._of_node.get(of, self._owners.get(of))
        if of.producer is not None:
            return self._of_node.get(of.producer)
        return self._of_input.get(of)

    @cached_property
    def wires(self) -> list[Wire]:
        """All of them, in the order of the steps that read."""
        return [wire for number in range(len(self.steps)) for wire in self._wires(number)]

    def _wires(self, number: int) -> Iterator[Wire]:
        for value, sizes in self._read(self.steps[number]):
            source = self.number(value)
            if source is not None and source != number:
                yield Wire(source, number, value, sizes)

    def _read(self, step: Node | Port) -> Iterator[tuple[Value, bool]]:
        if isinstance(step, Node):
            yield from self._wiring.inputs(step)
        elif step.kind == "output":
            yield step.value, False

    @cached_property
    def _owners(self) -> dict[Node, int]:
        """The first step that reads what each node of glue prepares."""
        owners: dict[Node, int] = {}
        for node in reversed(self._wiring.nodes):
            if node in self._of_node:
                continue
            readers = (reader for value in node.outputs if value for reader in value.readers)
            found = (self._of_node.get(reader, owners.get(reader)) for reader in readers)
            owner = next((step for step in found if step is not None), None)
            if owner is not None:
                owners[node] = owner
        return owners

    @cached_property
    def glue(self) -> dict[int, list[Node]]:
        """The nodes that compute sizes or prepare constants for each step, in the file's order."""
        serving: defaultdict[int, list[Node]] = defaultdict(list)
        for node, owner in reversed(self._owners.items()):
            serving[owner].append(node)
        return serving

    @cached_property
    def unused(self) -> set[int]:
        """The steps that no output of the model or of a function depends on.

        An input or output of a subgraph is none of them: its form is prescribed.
        """
        try:
            live = self._graph.live
        except NotApplicable:  # it is not known what an output needs
            return set()
        return {
            number for number, step in enumerate(self.steps)
            if (step if isinstance(step, Node) else step.value) not in live
            and (isinstance(step, Node) or step.value.scope.owner is None)
        }  # fmt: skip
