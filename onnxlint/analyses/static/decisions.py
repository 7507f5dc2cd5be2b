"""Where a value is decided: operators that turn a difference of rounding into another answer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from msgspec import Struct

from onnxlint.model.graph.graph import Graph
from onnxlint.model.graph.nodes import Node, Value
from onnxlint.model.graph.operators import DECIDING
from onnxlint.model.graph.walk import Walk

DEEPEST = 4
"""Decisions on decisions that are followed: candidates, suppression, the best of the rest, classes.
A choice of ours."""

Agrees = Callable[[Value], bool | None]
"""Whether a value agrees within rounding in both runs; None where it was not seen."""


class Decisions(Struct, frozen=True):
    """The nearest decisions behind a value, and all else that it is made of.

    `read` is what was decided on, and what is picked by the decisions; from there on the value
    depends on nothing else.
    """

    nodes: tuple[Node, ...]
    read: tuple[Value, ...]

    @property
    def made(self) -> Iterator[Value]:
        """What the decisions are."""
        return (value for node in self.nodes for value in node.outputs if value is not None)


class Decided:
    """The decisions behind values of a graph."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._computed = graph.descendants(graph.inputs, by_numbers=True)

    def behind(self, value: Value) -> Decisions | None:
        """The nearest decisions behind a value; None where there is none."""
        nodes, between = self._nearest(value)
        if not nodes:
            return None
        after = self._graph.descendants([made for node in nodes for made in node.outputs if made])
        inside = {*nodes, *(node for node in between if node in after)}
        read = {
            read: None for node in inside for read in node.inputs
            if read is not None and read.producer not in inside and self._matters(read)
        }  # fmt: skip
        return Decisions(tuple(nodes), tuple(read))

    def _nearest(self, value: Value) -> tuple[list[Node], list[Node]]:
        """The deciding nodes that are met first on the way back, and those before them."""
        walk, nodes, between = Walk([value]), [], []
        met: set[Node] = set()
        for at in walk:
            node = at.producer
            if node is None or node in met or node.scope is not self._graph.main:
                continue
            met.add(node)
            if node.op in DECIDING and any(map(self._matters, filter(None, node.inputs))):
                nodes.append(node)
            else:
                between.append(node)
                walk.add(*node.inputs)
        return nodes, between

    def _matters(self, value: Value) -> bool:
        return value in self._computed and not value.is_input

    def seen_for(self, value: Value) -> list[Value]:
        """Every value that tells whether a difference of this one is a tie."""
        walk = Walk([(value, DEEPEST)])
        found: dict[Value, None] = {}
        for at, depth in walk:
            decisions = self.behind(at) if depth else None
            if decisions is not None:
                found |= dict.fromkeys((*decisions.made, *decisions.read))
                walk.add(*((read, depth - 1) for read in decisions.read))
        return list(found)

    def tie(self, value: Value, agrees: Agrees, depth: int = DEEPEST) -> Node | None:
        """The node that decides otherwise though what it decides on agrees; None if none does so.

        All else that the value is made of must agree too, or be decided by a tie itself.
        """
        decisions = self.behind(value) if depth else None
        if decisions is None:
            return None
        first: Node | None = None
        for read in decisions.read:
            agreed = agrees(read)
            if agreed is None:
                return None
            if not agreed:
                earlier = self.tie(read, agrees, depth - 1)
                if earlier is None:
                    return None
                first = first or earlier
        return first or _other(decisions.nodes, agrees)


def _other(nodes: Iterable[Node], agrees: Agrees) -> Node | None:
    """The first node whose decision is another one."""
    for node in nodes:
        if any(agrees(made) is False for made in node.outputs if made is not None):
            return node
    return None
