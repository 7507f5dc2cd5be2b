"""How many multiplications with additions a node makes, by its operator and the sizes it meets."""

from __future__ import annotations

from collections.abc import Callable
from math import prod

from onnxlint.model.graph.nodes import Node, Value
from onnxlint.model.graph.operators import CONVOLUTION_WEIGHT, MATRIX_PRODUCTS, RECURRENT

Dims = Callable[[Value | None], "tuple[int, ...] | None"]
"""Tells the sizes of a value; None where one of them is not known."""

_MS = "com.microsoft::"

_GEMMS = frozenset({"Gemm", f"{_MS}FusedGemm", f"{_MS}GemmFastGelu", f"{_MS}QGemm"})

_ATTENTIONS = frozenset({
    "Attention", f"{_MS}GroupQueryAttention", f"{_MS}MultiHeadAttention",
})  # fmt: skip
"""Attention over query, key and value that were multiplied with their weights before."""


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
    if op in RECURRENT:
        return _recurrent(node, dims)
    if op in _ATTENTIONS:
        return _attention(node, dims)
    return _packed_attention(node, dims) if op == f"{_MS}Attention" else 0


def _product(node: Node, dims: Dims) -> int | None:
    first, out = dims(node.input(0)), dims(node.output)
    if not first or out is None:
        return None
    turned = node.attribute("transA", 0) and len(first) > 1
    return prod(out) * first[-2 if turned else -1]


def _einsum(node: Node, dims: Dims) -> int | None:
    """The product of the sizes of all letters; of a single operand, nothing is multiplied."""
    equation = str(node.attribute("equation", "")).replace(" ", "")
    terms = equation.partition("->")[0].split(",")
    read = [dims(value) for value in node.inputs]
    if "..." in equation or len(terms) != len(read) or len(read) < 2:
        return 0 if len(read) == 1 else None
    sizes: dict[str, int] = {}
    for term, shape in zip(terms, read, strict=True):
        if shape is None or len(shape) != len(term):
            return None
        for letter, size in zip(term, shape, strict=True):
            sizes[letter] = max(size, sizes.get(letter, 0))
    return prod(sizes.values()) * (len(read) - 1)


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
    return (prod(query) + prod(out)) * positions


def _positions(node: Node, dims: Dims) -> int | None:
    """How many positions are attended to, those of the cache among them."""
    key = dims(node.input(1))
    if not key or len(key) < 3:
        return None
    present = dims(node.outputs[1]) if len(node.outputs) > 1 and node.outputs[1] else None
    return max(key[-2], present[-2]) if present and len(present) == 4 else key[-2]


def _packed_attention(node: Node, dims: Dims) -> int | None:
    """The same with the weights of query, key and value in the node."""
    read, weight, out = dims(node.input(0)), dims(node.input(1)), dims(node.output)
    if read is None or weight is None or out is None or len(read) != 3:
        return None
    return prod(read) * weight[-1] + 2 * prod(out) * read[1]
