"""Value numbering: values that are computed alike have the same number, and so are the same."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING

from onnxlint.model.graph.graph import Graph
from onnxlint.model.graph.nodes import Node, Value
from onnxlint.model.graph.walk import postorder

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable

LONGEST_COMPARED = 64
"""Elements of constants that are compared by their numbers; longer ones are the same when they are
one initializer. A choice: what stands beside a value in a formula is short."""


class Numbers:
    """A number for each value; the same for what the same operators make of the same values."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._known: dict[Value, int] = {}
        self._keys: dict[Hashable, int] = {}
        self._next = count()

    def of(self, value: Value) -> int:
        """The number of a value; every value has one."""
        if value not in self._known:
            for each in postorder([value], self._before):
                if each not in self._known:
                    self._known[each] = self._numbered(each)
        return self._known[value]

    def same(self, one: Value | None, other: Value | None) -> bool:
        """Whether both values hold the same numbers, element by element."""
        if one is None or other is None:
            return False
        return one is other or self.of(one) == self.of(other)

    def _before(self, value: Value) -> Iterable[Value]:
        node = value.producer
        if node is None or value in self._known:
            return ()
        return (each for each in node.inputs if each is not None and each not in self._known)

    def _numbered(self, value: Value) -> int:
        key = self._key(value)
        if key is None:
            return next(self._next)
        if isinstance(key, int):
            return key
        if key not in self._keys:
            self._keys[key] = next(self._next)
        return self._keys[key]

    def _key(self, value: Value) -> Hashable | None:
        """What tells a value from others; a number where it is a copy; None where nothing does."""
        node = value.producer
        tensor = self._graph.tensor(value)
        if tensor is not None and tensor.size <= LONGEST_COMPARED:
            array = self._graph.constant(value)
            if array is not None:
                return (str(array.dtype), array.shape, array.tobytes())
        if node is None or node.is_random or node.subgraphs:
            return None
        if node.op == "Identity" and node.inputs and node.inputs[0] is not None:
            return self._known.get(node.inputs[0])
        read = tuple(-1 if each is None else self._known.get(each, -2) for each in node.inputs)
        if -2 in read or not read:  # a circle; or nothing is read, and a constant is it alone
            return None
        return (node.op, node.opset, _attributes(node), value.slot, read)


def _attributes(node: Node) -> tuple[bytes, ...]:
    return tuple(sorted(each.SerializeToString() for each in node.attribute_list))
