"""Where a model computes weights of attention, and how they are read off a run."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING

from msgspec import Struct

from onnxlint.model.graph.graph import Graph
from onnxlint.model.graph.nodes import Node, Value
from onnxlint.model.graph.operators import MOVING, SCORE_SHAPING
from onnxlint.model.graph.walk import Walk

if TYPE_CHECKING:
    from onnxlint.types import Array

PRODUCTS = frozenset({"MatMul", "Einsum", "com.microsoft::FusedMatMul"})

BEHIND = MOVING | {"Dropout", "Mul", "Where"}
"""What the weights go through on their way to the product with the values."""

LONGEST_WAY = 16
"""Values on such a way: exported models have up to ten."""

Numbers = Mapping[Value, "Array"]


class Attention(Struct, frozen=True):
    """A node that computes weights: `reads` are the values that tell them.

    `weights` gives an array of heads, queries and keys; None where the numbers do not fit.
    """

    node: Node
    reads: tuple[Value, ...]
    weights: Callable[[Numbers], Array | None]


def attentions(graph: Graph) -> Iterator[Attention]:
    """Those of the main graph, in the order of the file."""
    for node in graph.main.nodes:
        if node.op == "Softmax" and node.output is not None and _is_attention(graph, node):
            yield Attention(node, (node.output,), partial(_of_softmax, node.output))
        elif node.op in ("Attention", "com.microsoft::MultiHeadAttention"):
            fused = _Fused(graph, node)
            if fused.is_readable:
                yield Attention(node, fused.reads, fused.weights)


def _is_attention(graph: Graph, softmax: Node) -> bool:
    """Whether it stands between a product of two computed values, and another."""
    makers = (value.producer for value in _ahead(softmax.input(0)))
    readers = (reader for value in _behind(softmax.output) for reader in value.consumers)
    return any(map(partial(_multiplies, graph), makers)) and any(
        map(partial(_multiplies, graph), readers)
    )


def _ahead(value: Value | None) -> Iterator[Value]:
    """The scores as they are before they are scaled and masked."""
    walk = Walk([value])
    for each in islice(walk, LONGEST_WAY):
        yield each
        if each.producer is not None and each.producer.op in SCORE_SHAPING:
            walk.add(*each.producer.inputs)


def _behind(value: Value | None) -> Iterator[Value]:
    """The weights as they are where values are multiplied with them."""
    walk = Walk([value])
    for each in islice(walk, LONGEST_WAY):
        yield each
        walk.add(*(node.output for node in each.consumers if node.op in BEHIND))


def _multiplies(graph: Graph, node: Node | None) -> bool:
    """Whether a node multiplies two values that are computed."""
    if node is None or node.op not in PRODUCTS or len(node.inputs) < 2:
        return False
    return all(value is not None and graph.tensor(value) is None for value in node.inputs[:2])


def _of_softmax(output: Value, numbers: Numbers) -> Array | None:
    array = numbers.get(output)
    if array is None or array.ndim < 2 or not array.size:
        return None
    first: Array = array[(0,) * max(0, array.ndim - 3)]
    return first if first.ndim == 3 else first[None]


class _Fused:
    """An operator that computes the weights inside: they are computed again of what it reads."""

    def __init__(self, graph: Graph, node: Node) -> None:
        self._graph, self._node = graph, node
        is_standard = node.op == "Attention"
        self._mask = node.input(3) if is_standard else None
        self._causal = node.attribute("is_causal" if is_standard else "unidirectional", 0)
        heads = node.attribute("q_num_heads" if is_standard else "num_heads", 0)
        self._heads = heads, node.attribute("kv_num_heads", 0) if is_standard else heads
        self._shown = [node.input(slot) for slot in (0, 1)]
        known = {0, 1, 2, 3} if is_standard else {0, 1, 2}
        others = (at for at, value in enumerate(node.inputs) if value is not None)
        self.is_readable = (
            None not in self._shown
            and known.issuperset(others)
            and not node.attribute("softcap", 0.0)
        )

    @property
    def reads(self) -> tuple[Value, ...]:
        """Queries, keys and the mask, those that are computed."""
        read = (*self._shown, self._mask)
        return tuple(each for each in read if each is not None and each.tensor_proto is None)

    def weights(self, numbers: Numbers) -> Array | None:
        """Those of the first sample, a matrix for each head."""
        import numpy as np

        queries, keys = (
            self._by_head(numbers, value, heads)
            for value, heads in zip(self._shown, self._heads, strict=True)
        )
        if queries is None or keys is None or queries.shape[0] % keys.shape[0]:
            return None
        keys = np.repeat(keys, queries.shape[0] // keys.shape[0], axis=0)
        scale = self._node.attribute("scale", 0.0) or queries.shape[-1] ** -0.5
        scores = queries @ keys.transpose(0, 2, 1) * scale
        if self._causal:
            scores += np.triu(np.full(scores.shape[1:], -np.inf), 1)
        mask = self._masked(numbers, scores)
        return None if mask is None else _softmax(scores + mask)

    def _array(self, numbers: Numbers, value: Value | None) -> Array | None:
        if value is None:
            return None
        return numbers[value] if value in numbers else self._graph.constant(value)

    def _by_head(self, numbers: Numbers, value: Value | None, heads: int) -> Array | None:
        """The first sample of queries or keys: heads, positions, features."""
        import numpy as np

        array = self._array(numbers, value)
        if array is None or array.ndim not in (3, 4) or not array.size:
            return None
        first: Array = array[0].astype(np.float64)
        if first.ndim == 3:
            return first
        if heads < 1 or first.shape[1] % heads:
            return None
        by_head: Array = first.reshape(first.shape[0], heads, -1).transpose(1, 0, 2)
        return by_head

    def _masked(self, numbers: Numbers, scores: Array) -> Array | None:
        """What the mask adds to the scores; None where it does not fit them."""
        import numpy as np

        if self._mask is None:
            return np.zeros(())
        mask = self._array(numbers, self._mask)
        if mask is None or mask.ndim > 4:
            return None
        if mask.dtype == bool:
            mask = np.where(mask, 0.0, -np.inf)
        first = mask[0] if mask.ndim == 4 else mask
        try:
            return np.broadcast_to(first, scores.shape)
        except ValueError:
            return None


def _softmax(scores: Array) -> Array:
    """Along the keys; a row of which all are masked has no weights."""
    import numpy as np

    top = scores.max(axis=-1, keepdims=True)
    powers = np.exp(scores - np.where(np.isfinite(top), top, 0.0))
    sums = powers.sum(axis=-1, keepdims=True)
    weights: Array = np.divide(powers, sums, out=np.zeros_like(powers), where=sums > 0)
    return weights
