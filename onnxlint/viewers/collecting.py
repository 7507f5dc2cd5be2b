"""Reads off the analyses of a model what viewers are given."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec.structs import replace

from onnxlint.analyses import Analyses
from onnxlint.analyses.static.shapes import Shapes
from onnxlint.analyses.static.weights import Weights
from onnxlint.inspection.attributes import attribute_texts
from onnxlint.inspection.collecting import inspected, traced
from onnxlint.inspection.observing import observed_of, summed_up
from onnxlint.model.graph.crossings import in_order
from onnxlint.model.graph.graph import Graph
from onnxlint.model.graph.nodes import Node, Scope, Value
from onnxlint.viewers.histograms import health, of_run, of_stored
from onnxlint.viewers.picture import Picture, Room, Tensor, Vertex


def picture(analyses: Analyses, *, static_only: bool, time: bool = False) -> Picture:
    """The model that the analyses have."""
    model = inspected(analyses, "", static_only=static_only, time=time)
    drawn = _Drawn(analyses, static_only=static_only)
    vertices = tuple(map(drawn.vertex, drawn.numbers))
    rooms = tuple(map(drawn.room, drawn.rooms))
    return Picture(model=model, tensors=drawn.tensors, vertices=vertices, rooms=rooms)


def _rooms(graph: Graph, nodes: Iterable[Node]) -> dict[Scope, int]:
    """The scopes that run, by their numbers: the main graph is 0."""
    run = {graph.main, *(node.scope for node in nodes)}
    run |= {scope for node in nodes for scope in node.subgraphs}
    run |= {node.called for node in nodes if node.called is not None}
    return {scope: at for at, scope in enumerate(each for each in graph.scopes if each in run)}


class _Drawn:
    """A model under way: its values are numbered as they are met."""

    def __init__(self, analyses: Analyses, *, static_only: bool) -> None:
        self.graph = analyses.get(Graph)
        self.numbers = {node: at for at, node in enumerate(in_order(self.graph.main))}
        self.rooms = _rooms(self.graph, self.numbers)
        self._shapes, self._weights = analyses.get(Shapes), analyses.get(Weights)
        self._trace = None if static_only else traced(analyses)[0]
        self._values: dict[Value, int] = {}
        self._tensors: list[Tensor] = []

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        """Those that were met."""
        return tuple(self._tensors)

    def vertex(self, node: Node) -> Vertex:
        """A node."""
        bodies = ((scope.path.rpartition("/")[2], self.rooms[scope]) for scope in node.subgraphs)
        return Vertex(
            name=node.name,
            room=self.rooms[node.scope],
            inputs=tuple(self._number(value) for value in node.inputs),
            outputs=tuple(self._number(value) for value in node.outputs),
            attributes=attribute_texts(node),
            bodies=tuple(bodies),
            function=None if node.called is None else self.rooms[node.called],
        )

    def room(self, scope: Scope) -> Room:
        """A scope."""
        return Room(
            path=scope.path,
            inputs=self._all(scope.inputs),
            outputs=self._all(scope.outputs),
            initializers=self._all(scope.initializers),
            owner=None if scope.owner is None else self.numbers.get(scope.owner),
            name=_name(scope),
        )

    def _all(self, values: Iterable[Value]) -> tuple[int, ...]:
        return tuple(number for number in map(self._number, values) if number is not None)

    def _number(self, value: Value | None) -> int | None:
        if value is None:
            return None
        if value not in self._values:
            self._values[value] = len(self._tensors)
            self._tensors.append(self._tensor(value))
        return self._values[value]

    def _tensor(self, value: Value) -> Tensor:
        shape, made = self._shapes.of(value), value.producer
        is_stored = value.tensor_proto is not None or (made is not None and made.op == "Constant")
        drawn = Tensor(
            name=value.name,
            room=self.rooms[value.scope],
            origin=value.origin.value,
            producer=None if made is None else self.numbers.get(made),
            slot=value.slot,
            dtype=None if shape is None else shape.dtype,
            dims=None if shape is None else shape.dims,
            is_stored=is_stored,
        )
        return self._with_stored(drawn, value) if is_stored else self._with_observed(drawn, value)

    def _with_observed(self, drawn: Tensor, value: Value) -> Tensor:
        found = None if self._trace is None else observed_of(self._trace, value)
        if found is None:
            return drawn
        seen = found.statistics
        return replace(drawn, seen=summed_up(found), health=health(seen), histogram=of_run(seen))

    def _with_stored(self, drawn: Tensor, value: Value) -> Tensor:
        from onnxlint.analyses.trace.trace import Observed

        tensor = self.graph.tensor(value)
        seen = None if tensor is None else self._weights.of(tensor)
        if tensor is None or seen is None or not seen.elements:
            return drawn
        kinds, histogram = of_stored(tensor, seen)
        told = summed_up(Observed(value, seen))
        return replace(drawn, seen=told, health=kinds, histogram=histogram)


def _name(scope: Scope) -> str | None:
    function, graph = scope.function, scope.proto
    if function is not None:
        overload = f"::{function.overload}" if function.overload else ""
        return f"{function.domain}::{function.name}{overload}"
    return graph.name if graph is not None and graph.HasField("name") else None
