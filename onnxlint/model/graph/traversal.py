"""Which vertices data flows to and comes from, through subgraphs; what is reached on the way."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from itertools import islice
from typing import TypeAlias

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


def behind(
    value: Value | None, ops: Collection[str], through: Collection[str], most: int | None = None
) -> Node | None:
    """The node with one of `ops` that a value comes from, past nodes with an operator of `through`.

    Only first inputs are followed, through `most` values. None where another operator, an input or
    a constant stands there, or the way runs in a circle. Who asks for very many values takes a
    `WayBack`.
    """
    for at in sources(value, through, most):
        if at.producer is not None and at.producer.op in ops:
            return at.producer
    return None


def sources(
    value: Value | None, through: Collection[str], most: int | None = None
) -> Iterator[Value]:
    """A value, and what it was before each node with an operator of `through`, by first inputs.

    No more than `most` of them.
    """
    walk = Walk([value])
    for at in islice(walk, most):
        yield at
        if at.producer is not None and at.producer.op in through:
            walk.add(at.producer.input(0))


def source(value: Value, through: Collection[str]) -> Value:
    """What a value is behind nodes with an operator of `through`, followed by first inputs."""
    *_, first = sources(value, through)
    return first


def followers(value: Value | None, through: Collection[str]) -> Iterator[tuple[Node, int]]:
    """The nodes that read a value, past nodes with an operator of `through`: each with its slot.

    Only first inputs lead on, by all outputs. The nodes on the way are not given.
    """
    walk = Walk([value])
    for at in walk:
        for node, slot in at.uses:
            if node.op in through and slot == 0:
                walk.add(*node.outputs)
            else:
                yield node, slot
