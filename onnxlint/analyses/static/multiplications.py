"""How many multiplications with additions a node makes, by its operator and the sizes it meets."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import prod

from onnxlint.model.graph.nodes import Node, Value
from onnxlint.model.graph.operators import (
    CONVOLUTION_WEIGHT,
    LINEAR_MODELS,
    MATRIX_PRODUCTS,
    RECURRENT,
)

Dims = Callable[[Value | None], "tuple[int, ...] | None"]
"""Tells the sizes of a value; None where one of them is not known."""

_MS = "com.microsoft::"

_GEMMS = frozenset({"Gemm", f"{_MS}FusedGemm", f"{_MS}GemmFastGelu", f"{_MS}QGemm"})

_ATTENTIONS = frozenset({
    "Attention", f"{_MS}DecoderMaskedMultiHeadAttention", f"{_MS}GroupQueryAttention",
    f"{_MS}MultiHeadAttention",
})  # fmt: skip
"""Attention over query, key and value that were multiplied with their weights before."""

_PAST_SLOT: Mapping[str, int] = {
    "Attention": 4, f"{_MS}DecoderMaskedMultiHeadAttention": 5, f"{_MS}GroupQueryAttention": 3,
    f"{_MS}MultiHeadAttention": 6,
}  # fmt: skip
"""The input that holds the keys of positions before these."""

_PACKED_ATTENTIONS = frozenset({f"{_MS}Attention", f"{_MS}QAttention"})
"""The same with the weights of query, key and value in the node."""

_QUANTISED_LSTM = f"{_MS}DynamicQuantizeLSTM"

_COUNTED = (
    {*CONVOLUTION_WEIGHT, "ConvTranspose", "Einsum", _QUANTISED_LSTM}
    | {*MATRIX_PRODUCTS} | _GEMMS | RECURRENT | _ATTENTIONS | _PACKED_ATTENTIONS | LINEAR_MODELS
)  # fmt: skip


def is_product(op: str) -> bool:
    """Whether an operator is counted here."""
    return op in _COUNTED


def multiplications(node: Node, dims: Dims) -> int | None:
    """Their number in one run of the node; 0 for operators that are not counted, None if unknown.

    Counted are convolutions, products of matrices, recurrent layers and attention.
    """
    op = node.op
    if op in CONVOLUTION_WEIGHT:
        weight, out = dims(node.input(CONVOLUTION_WEIGHT[op])), dims(node.output)
        return None if weight is None or out is None else prod(out) * prod(weight[1:])
    if op == "ConvTranspose":
        weight, read = dims(node.input(1)), dims(node.input(0))
        return None if weight is None or read is None else prod(read) * prod(weight[1:])
    if op in MATRIX_PRODUCTS or op in _GEMMS:
        return _product(node, dims)
    if op == "Einsum":
        return _einsum(node, dims)
    if op in RECURRENT or op == _QUANTISED_LSTM:
        return _recurrent(node, dims)
    if op in _ATTENTIONS:
        return _attention(node, dims)
    if op in LINEAR_MODELS:
        return _linear(node, dims)
    return _packed_attention(node, dims) if op in _PACKED_ATTENTIONS else 0


def _product(node: Node, dims: Dims) -> int | None:
    first, out = dims(node.input(0)), dims(node.output)
    if not first or out is None:
        return None
    turned = node.attribute("transA", 0) and len(first) > 1
    return prod(out) * first[-2 if turned else -1]


def _einsum(node: Node, dims: Dims) -> int | None:
    """The product of the sizes of all letters; of a single operand, nothing is multiplied.

    Axes that an ellipsis stands for are counted from the last one.
    """
    equation = str(node.attribute("equation", "")).replace(" ", "")
    terms = equation.partition("->")[0].split(",")
    read = [dims(value) for value in node.inputs]
    if len(terms) != len(read) or len(read) < 2:
        return 0 if len(read) == 1 else None
    sizes: dict[str | int, int] = {}
    for term, shape in zip(terms, read, strict=True):
        letters = None if shape is None else _letters(term, len(shape))
        if shape is None or letters is None:
            return None
        for letter, size in zip(letters, shape, strict=True):
            sizes[letter] = max(size, sizes.get(letter, 0))
    return prod(sizes.values()) * (len(read) - 1)


def _letters(term: str, rank: int) -> list[str | int] | None:
    """What stands for each axis; None where the term has not as many."""
    before, dots, after = term.partition("...")
    covered = rank - len(before) - len(after)
    if covered < 0 or (covered and not dots):
        return None
    return [*before, *range(-covered, 0), *after]


def _recurrent(node: Node, dims: Dims) -> int | None:
    """Each step of each sample meets all weights of both directions."""
    read, weights, again = (dims(node.input(slot)) for slot in range(3))
    if read is None or weights is None or again is None:
        return None
    return prod(read[:2]) * (prod(weights) + prod(again))


def _attention(node: Node, dims: Dims) -> int | None:
    """Query by key, and what comes out of it by value: each element meets every position."""
    query, out, positions = dims(node.input(0)), dims(node.output), _positions(node, dims)
    if query is None or out is None or positions is None:
        return None
    is_packed = node.input(1) is None  # key and value stand beside the query
    return (prod(out if is_packed else query) + prod(out)) * positions


def _positions(node: Node, dims: Dims) -> int | None:
    """How many positions are attended to, those of the cache among them."""
    query, key = dims(node.input(0)), dims(node.input(1))
    if node.input(1) is None and query and len(query) in (3, 5):
        own = query[1]
    elif key and len(key) >= 3:
        own = key[1] if len(key) == 5 else key[-2]
    else:
        return None
    present = dims(node.outputs[1]) if len(node.outputs) > 1 and node.outputs[1] else None
    if present and len(present) == 4:
        return max(own, present[-2])
    cache = node.input(_PAST_SLOT[node.op])
    past = dims(cache)
    if cache is not None and not (past and len(past) == 4):
        return None
    return own + past[-2] if past else own


def _packed_attention(node: Node, dims: Dims) -> int | None:
    """The same with the weights of query, key and value in the node."""
    read, weight, out = dims(node.input(0)), dims(node.input(1)), dims(node.output)
    if read is None or weight is None or out is None or len(read) != 3:
        return None
    return prod(read) * weight[-1] + 2 * prod(out) * read[1]


def _linear(node: Node, dims: Dims) -> int | None:
    """Each row meets all weights."""
    read, weights = dims(node.input(0)), node.attribute("coefficients", [])
    if not read:
        return None
    return (read[0] if len(read) > 1 else 1) * len(weights)
