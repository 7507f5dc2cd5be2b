"""Which vertices data flows to and comes from, through subgraphs; what is reached on the way."""

from __future__ import annotations

from collections.abc import Callable, Collection, Container, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, TypeAlias

from onnxlint.model.graph.nodes import Node, Scope, Value
from onnxlint.model.graph.walk import Walk

Vertex: TypeAlias = Node | Value | tuple[Node]
"""A node alone in a tuple stands for all that its subgraphs hand out: so what they hand out and
what the node gives are as many edges together, not as many times each other."""

Step: TypeAlias = Callable[[Vertex], Collection[Vertex | None]]


def reach(
    start: Iterable[Vertex], step: Step, stop: Collection[str], most: int | None = None
) -> set[Node | Value]:
    """Every node and value that steps lead to from the given ones, themselves included.

    Nothing is looked for beyond operators of `stop`; `most` ends the search at so many vertices.
    """
    reached: set[Vertex | None] = set(start)
    pending = list(reached)
    reached.add(None)  # what stands in an omitted slot leads nowhere
    while pending and (most is None or len(reached) < most):
        current = pending.pop()
        if current is None or (stop and isinstance(current, Node) and current.op in stop):
            continue
        for vertex in step(current):
            if vertex not in reached:
                reached.add(vertex)
                pending.append(vertex)
    reached.discard(None)
    reached.difference_update([vertex for vertex in reached if type(vertex) is tuple])
    return reached  # type: ignore[return-value]


def swept(
    start: Iterable[Value], nodes: Iterable[Node], stop: Collection[str]
) -> set[Node | Value]:
    """What `reach` finds by `flows_to`; these are all nodes, in order, and none has subgraphs.

    Of what leads nearly everywhere this takes a fraction of the time.
    """
    reached: set[Any] = {*start}
    for node in nodes:
        if not reached.isdisjoint(node.inputs):
            reached.add(node)
            if node.op not in stop:
                reached.update(node.outputs)
                reached.discard(None)
    return reached


def swept_back(
    start: Iterable[Value], nodes: Sequence[Node], stop: Collection[str]
) -> set[Node | Value]:
    """The same by `comes_from`."""
    reached: set[Any] = {*start}
    for node in reversed(nodes):
        if not reached.isdisjoint(node.outputs):
            reached.add(node)
            if node.op not in stop:
                reached.update(node.inputs)
                reached.discard(None)
    return reached


def flows_to(vertex: Vertex) -> Collection[Vertex | None]:
    """The vertices that data flows to."""
    if isinstance(vertex, Value):
        if not vertex.yielded_to:
            return vertex.consumers
        return [*vertex.consumers, *((owner,) for owner in vertex.yielded_to)]
    if isinstance(vertex, tuple):
        return vertex[0].outputs
    if not vertex.subgraphs:
        return vertex.outputs
    return [*vertex.outputs, *(each for inner in vertex.subgraphs for each in inner.inputs)]


def flows_to_inside(scopes: set[Scope], vertex: Vertex) -> Collection[Vertex | None]:
    """Those of them that stand in these scopes."""
    return [
        after
        for after in flows_to(vertex)
        if after is not None and (after[0] if isinstance(after, tuple) else after).scope in scopes
    ]


def comes_from(vertex: Vertex) -> Collection[Vertex | None]:
    """The vertices that data comes from."""
    if isinstance(vertex, Node):
        return vertex.inputs
    if isinstance(vertex, tuple):
        return [value for subgraph in vertex[0].subgraphs for value in subgraph.outputs]
    if vertex.producer is not None:
        maker = vertex.producer
        return [maker, (maker,)] if maker.subgraphs else [maker]
    if vertex.is_input and vertex.scope.owner is not None:
        return [vertex.scope.owner]
    return ()


NEAR = 8
"""Nodes that a walk passes at most where a rule takes one for each of many nodes. A choice:
exporters put two or three between nodes that belong together, and walks without an end take time by
the square of the model's size."""


def behind(
    value: Value | None, ops: Container[str], through: Collection[str], most: int | None = None
) -> Node | None:
    """The node with one of `ops` that a value comes from, past nodes with an operator of `through`.

    Only first inputs are followed, past `most` nodes at most. None where another operator, an input
    or a constant stands there, or the way runs in a circle. Who asks for very many values gives
    `most`, or takes a `WayBack`.
    """
    nearest = None if value is None else value.producer
    if nearest is None or nearest.op in ops:
        return nearest
    if nearest.op not in through:
        return None
    makers = (at.producer for at in sources(value, through, most))
    return next((maker for maker in makers if maker is not None and maker.op in ops), None)


def sources(
    value: Value | None, through: Collection[str], most: int | None = None
) -> Iterator[Value]:
    """A value, and what it was before each node with an operator of `through`, by first inputs.

    `most` nodes are passed at most.
    """
    walk = Walk([value])
    for at in islice(walk, None if most is None else most + 1):
        yield at
        if at.producer is not None and at.producer.op in through:
            walk.add(at.producer.input(0))


def source(value: Value, through: Collection[str], most: int | None = None) -> Value:
    """What a value is behind nodes with an operator of `through`, the last that `sources` give."""
    *_, first = sources(value, through, most)
    return first


def followers(
    value: Value | None,
    through: Collection[str],
    most: int | None = None,
    *,
    by_any_input: bool = False,
) -> Iterator[tuple[Node, int]]:
    """The nodes that read a value, past nodes with an operator of `through`: each with its slot.

    Only first inputs lead on, or any, by all outputs. The nodes on the way are not given; what
    follows `most` values on the way is not looked at.
    """
    walk = Walk([value])
    for at in islice(walk, None if most is None else most + 1):
        for node, slot in at.uses:
            if node.op in through and (by_any_input or slot == 0):
                walk.add(*node.outputs)
            else:
                yield node, slot
