"""Where values go in and out of subgraphs and functions, slot by slot."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from itertools import chain

from onnxlint.model.graph.nodes import Node, Scope, Value
from onnxlint.model.graph.operators import SIZE_OPS
from onnxlint.model.graph.traversal import Vertex, flows_to, reach
from onnxlint.model.graph.walk import postorder

Pair = tuple[Value, Value]


class Crossings:
    """What values of one scope become in another: edges that the graph itself keeps coarse.

    `onwards` leads from what is handed in or out to what it becomes, `backwards` the other way. A
    function has them for all of its calls together.
    """

    def __init__(self, nodes: Iterable[Node]) -> None:
        self.onwards: dict[Value, list[Value]] = {}
        self.backwards: dict[Value, list[Value]] = {}
        for node in nodes:
            for before, after in _pairs(node):
                self.onwards.setdefault(before, []).append(after)
                self.backwards.setdefault(after, []).append(before)

    def descendants(
        self, values: Iterable[Value], *, by_numbers: bool = False
    ) -> set[Node | Value]:
        """Those of the graph, through calls of functions, too."""
        step = self._flows_to if self.onwards else flows_to
        return reach(values, step, SIZE_OPS if by_numbers else ())

    def _flows_to(self, vertex: Vertex) -> Collection[Vertex | None]:
        onwards = self.onwards.get(vertex) if isinstance(vertex, Value) else None
        return [*flows_to(vertex), *onwards] if onwards else flows_to(vertex)


def _pairs(node: Node) -> Iterator[Pair]:
    called = node.called
    if called is not None:
        yield from _zipped(node.inputs, called.inputs)
        yield from _zipped(called.outputs, node.outputs)
        return
    for scope in node.subgraphs:
        if node.op == "If":
            yield from _zipped(scope.outputs, node.outputs)
        elif node.op == "Loop":
            yield from _zipped(node.inputs, scope.inputs)
            yield from _zipped(scope.outputs[1:], node.outputs)
        elif node.op == "Scan":
            yield from _zipped(node.inputs, scope.inputs)
            yield from _zipped(scope.outputs, node.outputs)
    yield from carried(node)


def carried(loop: Node) -> Iterator[Pair]:
    """What the body of a Loop or Scan hands to its next iteration, with what it reads there."""
    for body in loop.subgraphs:
        if loop.op == "Loop":
            yield from _zipped(body.outputs[1:], body.inputs[2:])
        elif loop.op == "Scan":
            scanned = loop.attribute("num_scan_inputs", len(body.inputs))
            yield from _zipped(body.outputs, body.inputs[: max(0, len(body.inputs) - scanned)])


def _zipped(before: Iterable[Value | None], after: Iterable[Value | None]) -> Iterator[Pair]:
    for one, other in zip(before, after, strict=False):
        if one is not None and other is not None:
            yield one, other


def in_order(main: Scope) -> Iterator[Node]:
    """All nodes of the main graph, those of what a node runs before it, each scope once."""
    if not main.shared.functions and not any(node.subgraphs for node in main.nodes):
        return iter(main.nodes)
    met: set[Scope] = {main}

    def inside(node: Node) -> Iterable[Node]:
        called = node.called
        inner = [scope for scope in (*node.subgraphs, *([called] if called else ()))
                 if scope not in met]  # fmt: skip
        met.update(inner)
        return chain.from_iterable(scope.nodes for scope in inner)

    return postorder(main.nodes, inside)
