"""Where constants arrive that are too large for float16."""

from collections.abc import Callable
from functools import cached_property

from onnxlint import (
    Graph,
    Node,
    Value,
    Walk,
)  # fmt: skip
from onnxlint.model.graph.operators import LARGE_VALUE_SLOTS

FLOAT16 = 10
"""Its number among ONNX's types."""


class Ways:
    """Where constants arrive with their magnitude unchanged, or added to other values."""

    def __init__(self, graph: Graph, halves: set[Node]) -> None:
        self._graph, self._halves = graph, halves

    @cached_property
    def to_float16(self) -> set[Value]:
        """What is cast to float16 in the end."""
        return self._to(lambda node: node in self._halves)

    @cached_property
    def to_softmax(self) -> set[Value]:
        """What a softmax reads in the end."""
        return self._to(lambda node: "Softmax" in node.op)

    def _to(self, is_end: Callable[[Node], bool]) -> set[Value]:
        walk = Walk(
            value
            for value in self._graph.values()
            if any(is_end(node) and not self._passes(node, value) for node in value.readers)
        )
        found = set()
        for value in walk:
            found.add(value)
            node = value.producer
            if node is not None and node.output is value:
                read = filter(None, node.inputs)
                walk.add(*(each for each in read if self._passes(node, each)))
        return found

    def _passes(self, node: Node, value: Value) -> bool:
        """Whether a node hands a value on."""
        slots = () if node in self._halves else LARGE_VALUE_SLOTS.get(node.op, ())
        return slots is None or any(node.input(slot) is value for slot in slots)
