"""Values that are masked: large negative constants replace elements of them, or are added."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from functools import cached_property
from typing import ClassVar

from onnxlint.model.graph.crossings import in_order
from onnxlint.model.graph.graph import Graph
from onnxlint.model.graph.nodes import Node, Value
from onnxlint.model.graph.operators import MASKING, UNMASKING
from onnxlint.model.graph.walk import Walk

MASK_NUMBER = -1e4
"""A constant with a number as low makes masks: the least of those used is float16's -1e4."""

SUBTRACTED_NUMBER = 6.5e4
"""A constant as large makes masks where its multiples are subtracted, as XLNet's 1e30 and, in
float16, 65500."""

SMALL_CONSTANT = 1 << 24
"""Elements of a constant up to which it is searched for such a number."""


class MaskedValues:
    """Where masks are made, and how far they go."""

    effort: ClassVar = 0  # no rule runs later for it

    def __init__(self, graph: Graph) -> None:
        self._graph = graph

    @classmethod
    def build(cls, graph: Graph) -> MaskedValues:
        """Nothing is looked for yet."""
        return cls(graph)

    def foresee(self) -> Iterator[None]:
        """Looks for all of them."""
        _ = self.values
        yield

    @cached_property
    def values(self) -> set[Value]:
        """All of them."""
        masking = (node for node in self._graph.nodes() if node.op in MASKING)
        read = {value for node in masking for value in node.inputs if value is not None}
        sources = {*filter(self._makes_masks, read)}
        masked, nodes = set(sources), list(in_order(self._graph.main))
        onwards, count = self._graph.crossings.onwards, -1
        while count < len(masked):
            count = len(masked) if onwards else sys.maxsize  # without crossings once is enough
            for node in nodes:
                if node.op == "Attention" or not masked.isdisjoint(node.inputs):
                    masked.update(_masked_by(node, masked, sources))
            for value in [value for value in masked if value in onwards]:
                masked.update(onwards[value])
                sources.update(onwards[value] if value in sources else ())
        return masked

    def _makes_masks(self, value: Value) -> bool:
        walk = Walk([value])
        for source in walk:
            walk.add(*self._graph.crossings.backwards.get(source, ()))
            if self._holds_mask(source, value):
                return True
        return False

    def _holds_mask(self, value: Value, read: Value) -> bool:
        """Whether a constant, or what it is called where it is read, has a mask's numbers."""
        if value.producer is not None and value.producer.op == "ConstantOfShape":
            array = self._graph.fill(value.producer)
        else:
            tensor = self._graph.tensor(value)
            is_small = tensor is not None and tensor.size <= SMALL_CONSTANT
            array = self._graph.constant(value) if is_small else None
        if array is None or not array.size or array.dtype.kind != "f":
            return False
        if array.min() <= MASK_NUMBER:
            return True
        return bool(array.max() >= SUBTRACTED_NUMBER) and _is_subtracted(read)


def _masked_by(node: Node, masked: set[Value], sources: set[Value]) -> Iterator[Value]:
    """What a node gives that is masked, by what it reads."""
    read = masked.intersection(filter(None, node.inputs))
    if (node.op in MASKING and read) or (node.op not in UNMASKING and read - sources):
        yield from filter(None, node.outputs)
    elif node.op == "Attention":  # its scores, which it hands out with their mask
        yield from filter(None, node.outputs[3:])


def _is_subtracted(value: Value) -> bool:
    """Whether its multiples are taken off something."""
    products = [node.output for node in value.consumers if node.op == "Mul"]
    readers = [(product, node) for product in products if product for node in product.consumers]
    return any(node.op == "Sub" and node.input(1) is product for product, node in readers)
