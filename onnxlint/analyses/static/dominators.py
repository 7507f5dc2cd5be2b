"""The longest chain of values that everything passes on the way from an input to an output."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice, pairwise
from typing import NamedTuple

from msgspec import Struct

from onnxlint.analyses.static.shapes import Shapes
from onnxlint.model.graph.algorithms import immediate_dominators
from onnxlint.model.graph.graph import Graph
from onnxlint.model.graph.nodes import Node, Scope, Value
from onnxlint.model.graph.operators import (
    FLAT,
    FLOAT_SETTINGS,
    LAYERS,
    SAME_PLACE,
    SMOOTH_CLASSICS,
)
from onnxlint.model.graph.place import NotApplicable
from onnxlint.model.graph.walk import Walk

MAX_SOURCES = 8
"""Values tried as the start of the chain: a model with more inputs has them for its cache."""

MAX_OUTPUTS = 64
"""Outputs that are looked at."""

MAX_CUTS = 256
"""Deeper chains are cut at every second, third … place."""

MEASURED = ("float", "float16", "double")
"""Element types in which differences can be measured."""


class End(NamedTuple):
    """Where a way out is judged: before its activation. `after` is the last cut that reaches it."""

    value: Value
    after: int


class Chain(Struct, frozen=True):
    """Values one after the other that everything passes from `cuts[0]` to the first of `ends`.

    `layers[k]` are the nodes with weights between `cuts[k]` and the next cut, or that end. The
    other ends are outputs that leave the chain on the way. `flow` holds every vertex through which
    a small change of `cuts[0]` goes on as a change of the same kind.
    """

    cuts: list[Value]
    layers: list[list[Node]]
    ends: list[End]
    flow: set[Node | Value]


def longest_chain(graph: Graph, shapes: Shapes) -> Chain:
    """The chain with the most layers one after the other.

    Raises:
        NotApplicable: there is none with two.
    """
    slopes = _Slopes(graph, shapes)
    sources = islice(slopes.sources(), MAX_SOURCES)
    routes = [route for source in sources for route in slopes.routes(source)]
    longest = max(routes, key=lambda route: route.depth, default=None)
    if longest is None:
        raise NotApplicable(
            "no output depends smoothly on an input: rounding or decisions are between them"
        )
    if longest.depth < 2:
        raise NotApplicable("no path of two layers that all paths pass")
    chain = slopes.chain(longest)
    if any(isinstance(vertex, Node) and _drops(graph, vertex) for vertex in chain.flow):
        raise NotApplicable("a Dropout is active, so every run differs")
    return chain


class _Slopes:
    """Through which nodes and values of the main graph small changes go on."""

    def __init__(self, graph: Graph, shapes: Shapes) -> None:
        self._graph, self._shapes = graph, shapes
        self._reads = {node: list(_read(node)) for node in graph.main.nodes}
        self._is_layer = {node: self._has_weights(node) for node in graph.main.nodes}

    def sources(self) -> Iterator[Value]:
        """Float inputs, and the first floats that are looked up or made for other inputs."""
        floats: set[Value] = set()
        numbers = self._graph.descendants(self._graph.inputs, by_numbers=True)
        for value in self._graph.inputs:
            if self._is_measured(value):
                floats.add(value)
                yield value
        for node in self._graph.main.nodes:
            behind = not floats.isdisjoint(self._reads[node])
            for value in filter(None, node.outputs):
                if behind or (value in numbers and self._is_measured(value)):
                    floats.add(value)
                    if not behind:
                        yield value

    def routes(self, source: Value) -> Iterator[_Route]:
        """The chain to every output that the source reaches."""
        tree = self._dominators(source)
        for output in self._outputs(tree):
            if output is not source:
                yield self._route(tree, output)

    def chain(self, route: _Route) -> Chain:
        """All that is to be known of one route."""
        tree = route.tree
        cuts = route.cuts[:: -(-len(route.cuts) // MAX_CUTS)]
        numbers: dict[Node | Value, int] = {cut: number for number, cut in enumerate(cuts)}
        reached: dict[Node | Value, int] = {}
        for vertex in tree:  # in the order of the file
            before = (reached[value] for value in self._before(vertex, reached))
            reached[vertex] = numbers.get(vertex, max(before, default=0))
        sides = (value for value in self._outputs(tree) if value is not route.output)
        ends = [route.end, *(self._route(tree, value).end for value in sides)]
        pairs = pairwise([*cuts, route.end])
        return Chain(
            cuts=cuts,
            layers=[self._between(tree, *pair) for pair in pairs],
            ends=[End(value, reached[value]) for value in dict.fromkeys(ends)],
            flow=set(tree),
        )

    def _outputs(self, tree: _Tree) -> list[Value]:
        """The outputs that changes reach; what a ZipMap makes a list of counts as one."""
        values = (
            value.producer.input(0)
            if value.producer is not None and value.producer.op == "ai.onnx.ml::ZipMap"
            else value
            for value in self._graph.outputs
        )
        found = dict.fromkeys(v for v in values if v and v in tree and self._is_measured(v))
        return list(found)[:MAX_OUTPUTS]

    def _is_measured(self, value: Value) -> bool:
        shape = self._shapes.of(value)
        return shape is not None and shape.dtype in MEASURED

    def _may_be_float(self, value: Value) -> bool:
        shape = self._shapes.of(value)
        return shape is None or shape.is_float

    def _has_weights(self, node: Node) -> bool:
        if node.subgraphs or node.called:
            return any(inner.op_type in LAYERS for inner in _inner_nodes(node))
        return (node.op in (*LAYERS, "Einsum") or bool(node.domain)) and any(
            value not in self._graph.varying and self._is_matrix(value)
            for value in filter(None, node.inputs)
        )

    def _is_matrix(self, value: Value) -> bool:
        shape = self._shapes.of(value)
        return shape is not None and (shape.rank is None or shape.rank >= 2)

    def _dominators(self, source: Value) -> _Tree:
        """For everything that a change of the source reaches, what it must pass last before."""
        layers: dict[Node | Value, int] = {source: 0}
        edges: list[tuple[Node | Value, Node | Value]] = []
        for node in self._graph.main.nodes:
            before = [value for value in self._reads[node] if value in layers]
            if not before or not _has_slope(node):
                continue
            edges += [(value, node) for value in before]
            layers[node] = max(layers[value] for value in before) + self._is_layer[node]
            for value in filter(None, node.outputs):
                if self._may_be_float(value) and value not in layers:
                    layers[value] = layers[node]
                    edges.append((node, value))
        before_it = immediate_dominators(edges, source)
        return {vertex: _Vertex(before_it.get(vertex), count) for vertex, count in layers.items()}

    def _before(
        self, vertex: Node | Value, among: dict[Node | Value, int]
    ) -> Iterator[Node | Value]:
        if isinstance(vertex, Node):
            yield from (value for value in self._reads[vertex] if value in among)
        elif vertex.producer in among:
            yield vertex.producer

    def _dominating(self, tree: _Tree, value: Value) -> list[Value]:
        """The measurable values that everything passes on the way to a value, which is the last."""
        found: list[Value] = []
        vertex: Node | Value | None = value
        while vertex is not None:
            if isinstance(vertex, Value) and (vertex is value or self._is_measured(vertex)):
                found.append(vertex)
            vertex = tree[vertex].before
        return found[::-1]

    def _route(self, tree: _Tree, output: Value) -> _Route:
        """The source and the last good place before every layer; and where the last layer ends."""
        passed = self._dominating(tree, output)
        cuts, end, place, depth = passed[:1], passed[0], passed[0], 0
        for value, following in pairwise(passed):
            if not (value.producer and value.producer.op in SAME_PLACE):
                place = value
            if tree[following].layers > tree[value].layers:
                if place is not cuts[-1]:
                    cuts.append(place)
                end = place = following
                depth += 1
        return _Route(tree, output, cuts, end, depth)

    def _between(self, tree: _Tree, start: Value, end: Value) -> list[Node]:
        """The layers on the ways from one value to another."""
        found: set[Node] = set()
        walk = Walk([end])
        for at in walk:
            node = at.producer
            if node is None or node not in tree:
                continue
            if self._is_layer[node]:
                found.add(node)
            walk.add(*(each for each in self._reads[node] if each in tree and each is not start))
        return sorted(found, key=lambda node: node.index)


class _Vertex(NamedTuple):
    """What everything passes last before a vertex, and the layers on the way."""

    before: Node | Value | None
    layers: int


_Tree = dict[Node | Value, _Vertex]


class _Route(NamedTuple):
    """A way to an output: the cuts on it, where it is judged, and how many layers it passes."""

    tree: _Tree
    output: Value
    cuts: list[Value]
    end: Value
    depth: int


def _has_slope(node: Node) -> bool:
    if node.domain == "ai.onnx.ml":
        return node.op in SMOOTH_CLASSICS
    return node.op_type not in FLAT and not node.op_type.startswith(("QLinear", "DynamicQuant"))


def _read(node: Node) -> Iterator[Value]:
    """The values of the main graph that a node reads as data, also inside its subgraphs."""
    skipped = FLOAT_SETTINGS.get(node.op, ())
    yield from (v for slot, v in enumerate(node.inputs) if v is not None and slot not in skipped)
    for inner in _inner_nodes(node):
        yield from (v for v in inner.inputs if v is not None and v.scope is node.scope)
    for scope in _inner_scopes(node):
        yield from (value for value in scope.outputs if value.scope is node.scope)


def _inner_scopes(node: Node) -> Iterator[Scope]:
    """The scopes of its subgraphs and of functions that it calls, at any depth."""
    walk = Walk([*node.subgraphs, node.called])
    for scope in walk:
        yield scope
        for inner in scope.nodes:
            walk.add(*inner.subgraphs, inner.called)


def _inner_nodes(node: Node) -> Iterator[Node]:
    return (inner for scope in _inner_scopes(node) for inner in scope.nodes)


def _drops(graph: Graph, node: Node) -> bool:
    training = graph.constant(node.input(2)) if node.op == "Dropout" else None
    return training is not None and bool(training.any())
