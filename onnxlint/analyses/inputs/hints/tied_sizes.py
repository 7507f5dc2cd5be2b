"""Sizes of an input's dynamic axes that the graph tells: by constants, broadcasts, sums."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache

from msgspec import Struct, field

from onnxlint.analyses.inputs.hints.attributes import elements
from onnxlint.analyses.static.shapes import Shapes
from onnxlint.model.graph.graph import Graph
from onnxlint.model.graph.nodes import Node, Value
from onnxlint.model.graph.operators import (
    BROADCASTING,
    COLUMN_ATTRIBUTES,
    RECURRENT,
    SAME_SHAPE,
    VECTOR_SLOTS,
)

Dim = int | str
Dims = Callable[[Value | None], tuple[Dim | None, ...] | None]
Pair = tuple[Dim | None, Dim | None]


_CACHED = {
    "com.microsoft::MultiHeadAttention": (6, 7, "num_heads", "num_heads"),
    "com.microsoft::GroupQueryAttention": (3, 4, "num_heads", "kv_num_heads"),
    "Attention": (4, 5, "q_num_heads", "kv_num_heads"),
}
"""Slots of past keys and values, both [batch, heads, past, size], and the attributes of the number
of heads: of queries, and of keys."""


class Ties(Struct):
    """Sizes that symbols have, and symbols that are the same as others or sums of them."""

    sizes: dict[str, int] = field(default_factory=dict)
    same: dict[str, str] = field(default_factory=dict)

    def renamed(self, dim: Dim) -> Dim:
        """The symbol, or the sum, that stands for a symbol."""
        seen = set()
        while isinstance(dim, str) and dim in self.same and dim not in seen:
            seen.add(dim)
            dim = self.same[dim]
        return dim


def ties_of(graph: Graph, symbols: list[str], dims: Dims) -> Ties:
    """What the nodes of the main graph demand of the symbols, in the order of the inputs."""
    ties, inner, known = Ties(same=_totals(symbols)), dict[str, Dim](), dict.fromkeys(symbols, 2)
    for pair in _pairs(graph, dims):
        one, other = (inner.get(dim, dim) if isinstance(dim, str) else dim for dim in pair)
        if not _tie(ties, known, one, other) and not _tie(ties, known, other, one):
            _name(inner, known, one, other)
            _name(inner, known, other, one)
    return ties


def _tie(ties: Ties, known: Mapping[str, int], symbol: Dim | None, other: Dim | None) -> bool:
    """Keeps what an input's symbol has to be; whether the pair is done with."""
    if not isinstance(symbol, str) or symbol not in known or other in (None, 1, symbol):
        return False
    if isinstance(other, int):
        ties.sizes.setdefault(symbol, other)
        return True
    if other is None or not _is_told(other, known) or symbol in ties.same:
        return False
    if symbol in other or ties.renamed(other) == symbol:
        return False
    ties.same[symbol] = other
    return True


def _name(
    inner: dict[str, Dim], known: Mapping[str, int], symbol: Dim | None, other: Dim | None
) -> None:
    """Keeps what a symbol of no input stands for."""
    if not isinstance(symbol, str) or not isinstance(other, str):
        return
    if _is_told(other, known) and not _is_told(symbol, known):
        inner.setdefault(symbol, other)


def _totals(symbols: list[str]) -> dict[str, str]:
    """`total_sequence_length` is past and present, as onnxruntime-genai's builder names them."""
    found = {}
    for symbol in symbols:
        past, new = (symbol.replace("total_", part) for part in ("past_", ""))
        if symbol.isidentifier() and past != symbol and {past, new} <= {*symbols}:
            found[symbol] = f"{past} + {new}"
    return found


def _is_told(dim: str, known: Mapping[str, int]) -> bool:
    """Whether it is an input's symbol, or a sum or a product of such."""
    from onnxlint.runtime.feeds.input_slots import evaluate

    return dim in known or evaluate(dim, known) is not None


def _pairs(graph: Graph, dims: Dims) -> Iterator[Pair]:
    """Dims of values that a node wants to be equal; of broadcasts either may be 1."""
    for node in filter(_reads_values, graph.main.nodes):
        if node.op in BROADCASTING:
            yield from _aligned(tuple([dims(value) for value in node.inputs]))
        elif node.op in ("MatMul", "Gemm"):
            yield from _product(node, dims)
        elif node.op == "Concat":
            yield from _beside(node, dims)
        elif node.op in ("Conv", "ConvTranspose"):
            yield from _convolved(node, dims)
        elif node.op in RECURRENT:
            yield from _recurrent(node, dims)
        elif node.op in _CACHED:
            yield from _cached(node, dims)
        elif node.op.startswith("ai.onnx.ml::"):
            yield from _tabular(node, dims)
        elif node.op in VECTOR_SLOTS:
            yield from _vectors(node, dims)


def _reads_values(node: Node) -> bool:
    """Whether it reads more than initializers, whose sizes tie no others."""
    return any(value is not None and value.tensor_proto is None for value in node.inputs)


@lru_cache(maxsize=4096)
def _aligned(shapes: tuple[tuple[Dim | None, ...] | None, ...]) -> Sequence[Pair]:
    """Broadcast dims but ones are equal: along each axis one, a number if any, with the others."""
    pairs: list[Pair] = []
    columns: dict[int, list[Dim]] = {}
    for shape in shapes:
        for at, dim in enumerate(reversed(shape or ())):
            if dim is not None and dim != 1:
                columns.setdefault(at, []).append(dim)
    for dims in columns.values():
        first = next((dim for dim in dims if isinstance(dim, int)), dims[0])
        pairs += ((first, dim) for dim in dict.fromkeys(dims) if dim != first)
    return pairs


def _product(node: Node, dims: Dims) -> Iterator[Pair]:
    left, right = dims(node.input(0)), dims(node.input(1))
    if not left or not right:
        return
    turned = node.op == "Gemm" and node.attribute("transA", 0)
    other = node.op == "Gemm" and node.attribute("transB", 0)
    if len(left) > 1 or not turned:
        yield left[0 if turned else -1], right[-1 if other or len(right) < 2 else -2]
    if node.op == "MatMul":
        yield from zip(reversed(left[:-2]), reversed(right[:-2]), strict=False)


def _beside(node: Node, dims: Dims) -> Iterator[Pair]:
    """All axes but the one that is joined are equal; that one is a sum."""
    shapes = [found for value in node.inputs if (found := dims(value))]
    made, at = dims(node.output), node.attribute("axis", 0)
    if made and len(shapes) == len(node.inputs) and -len(made) <= at < len(made):
        parts = [shape[at] for shape in shapes if len(shape) == len(made)]
        if len(parts) == len(shapes) and None not in parts:
            yield made[at], " + ".join(map(str, parts))
    for other in shapes[1:]:
        if len(other) != len(shapes[0]):
            return
        axis = node.attribute("axis", 0) % len(other)
        yield from (
            pair for at, pair in enumerate(zip(shapes[0], other, strict=True)) if at != axis
        )


LEAST_KERNEL = 3
"""A kernel of dynamic size is made so wide: the usual one."""


def _convolved(node: Node, dims: Dims) -> Iterator[Pair]:
    image, kernel, made = dims(node.input(0)), dims(node.input(1)), dims(node.output)
    if not image or not kernel or len(image) != len(kernel) or len(image) < 3:
        return
    groups = node.attribute("group", 1)
    if node.op == "ConvTranspose":
        yield image[1], kernel[0]
    elif isinstance(kernel[1], int):
        yield image[1], kernel[1] * groups
    elif isinstance(image[1], int):
        yield kernel[1], image[1] // groups
    if node.op == "Conv" and made and len(made) > 1 and isinstance(made[1], int):
        yield kernel[0], made[1]
    declared = node.integers("kernel_shape") or [LEAST_KERNEL] * (len(kernel) - 2)
    yield from zip(kernel[2:], declared, strict=False)


def _recurrent(node: Node, dims: Dims) -> Iterator[Pair]:
    """Widths from W [directions, gates, width] and R [directions, gates, units]."""
    sequence, weight, units = (dims(node.input(slot)) for slot in (0, 1, 2))
    if sequence and weight and len(weight) == 3:
        yield sequence[-1], weight[2]
    batch_first = node.attribute("layout", 0)
    for slot in (5, 6):
        state = dims(node.input(slot))
        if not state or len(state) != 3 or not units or len(units) != 3:
            continue
        yield state[2], units[2]
        yield state[1 if batch_first else 0], units[0]
        if sequence and len(sequence) == 3:
            yield state[0 if batch_first else 1], sequence[0 if batch_first else 1]


def _cached(node: Node, dims: Dims) -> Iterator[Pair]:
    """Past keys and values are as long as each other, and have the size of a head."""
    key_slot, value_slot, of_queries, of_keys = _CACHED[node.op]
    query, key, value = (
        dims(node.input(0)),
        dims(node.input(key_slot)),
        dims(node.input(value_slot)),
    )
    if not key or not value or len(key) != 4 or len(value) != 4:
        return
    heads = node.attribute(of_queries, 0)
    heads_kept = node.attribute(of_keys, 0) or heads
    if node.op_type == "GroupQueryAttention":
        yield key[2], 0  # it takes several samples of several steps with an empty cache only
    yield key[2], value[2]
    if heads_kept:
        yield key[1], heads_kept
        yield value[1], heads_kept
    if query and len(query) == 3 and isinstance(query[2], int) and heads:
        packed = node.input(1) is None
        size = query[2] // (heads + 2 * heads_kept if packed else heads)
        yield key[3], size
        yield value[3], size
    if query:
        yield key[0], query[0]
        yield value[0], query[0]


def _tabular(node: Node, dims: Dims) -> Iterator[Pair]:
    """The width of a table, from lists with one entry for each column."""
    table = dims(node.input(0))
    if not table or len(table) < 2:
        return
    for name, parts in COLUMN_ATTRIBUTES.get(node.op_type, ()):
        found = len(elements(node, name))
        count = len(elements(node, parts)) if parts else 1
        if found > 1 and count and not found % count:
            yield table[-1], found // count
            return
    if node.op_type.startswith("TreeEnsemble"):
        features = node.integers("nodes_featureids")
        if features:
            yield table[-1], max(features) + 1


def _vectors(node: Node, dims: Dims) -> Iterator[Pair]:
    whole = dims(node.input(0))
    for slot, axis in VECTOR_SLOTS[node.op]:
        vector = dims(node.input(slot))
        if whole and vector and len(vector) == 1 and len(whole) > 1:
            yield whole[axis], vector[0]


MOST_BACK = 32
"""Elementwise operators in a row behind an input that are looked past. A choice of ours."""


def dims_by(shapes: Shapes, inputs: Mapping[Value, tuple[Dim, ...]]) -> Dims:
    """The dims of a value, those of inputs with the symbols that they were given."""

    def dims(value: Value | None) -> tuple[Dim | None, ...] | None:
        for _ in range(MOST_BACK):
            if value is None or value in inputs:
                break
            shape = shapes.of(value)
            found = shape.dims if shape is not None else None
            producer = value.producer
            whole = found is not None and None not in found
            if whole or producer is None or producer.op not in SAME_SHAPE:
                return found
            value = producer.input(0)
        return None if value is None else inputs.get(value)

    return dims
