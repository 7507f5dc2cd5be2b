"""Operands laid out in heads, caches, grids and blocks, whose sizes depend on one another."""

from __future__ import annotations

from collections.abc import Iterator

from onnxlint import Node, Shapes
from onnxlint.analyses.static.shapes import Dim, Shape

Wanted = tuple[int, str, tuple[Dim, ...]]
"""A slot, the name of its operand, and the sizes that it has to have."""

Sizes = tuple[Dim, ...]

Misfit = tuple[str, str]
"""What is wrong with the sizes of a node, and what to do about it."""


def attention(node: Node, shapes: Shapes) -> Iterator[Wanted]:
    """Keys and values are of Q's batch, and of as many heads as each other."""
    query, key, value = (sizes(node, slot, shapes) for slot in range(3))
    if query is None:
        return
    for slot, name, found in ((1, "K", key), (2, "V", value)):
        if found is not None and len(found) == len(query) > 2:
            yield slot, name, (query[0], *[None] * (len(query) - 1))
    if key is not None and value is not None and len(key) == len(value) == 4:
        yield 2, "V", (None, key[1], key[2], None)
        yield 1, "K", (None, None, None, query[3] if len(query) == 4 else None)


def rotary(node: Node, shapes: Shapes) -> Iterator[Wanted]:
    """The cosines and sines are half of the rotated part of a head, for each position."""
    data, half = sizes(node, 0, shapes), _turned(node, shapes)
    if data is None or len(data) not in (3, 4):
        return
    pair = None if half is None or half % 2 else half // 2
    if node.input(3) is not None:
        yield 1, "cos_cache", (None, pair)
        yield 2, "sin_cache", (None, pair)
        yield 3, "position_ids", (data[0], data[-2])
    else:
        yield 1, "cos_cache", (data[0], data[-2], pair)
        yield 2, "sin_cache", (data[0], data[-2], pair)


def _turned(node: Node, shapes: Shapes) -> int | None:
    """How many elements of each head are rotated."""
    part = node.attribute("rotary_embedding_dim", 0)
    if isinstance(part, int) and part > 0:
        return part
    return _head_size(node, shapes)


def _head_size(node: Node, shapes: Shapes) -> int | None:
    data, heads = sizes(node, 0, shapes), node.attribute("num_heads", 0)
    width = None if not data else data[-1]
    if not isinstance(width, int) or not isinstance(heads, int) or data is None:
        return None
    if len(data) == 4:
        return width
    return width // heads if heads > 0 else None


def affine(node: Node, shapes: Shapes) -> Iterator[Wanted]:
    """A grid of n axes takes a matrix of n rows and n + 1 columns for each sample."""
    size = sizes(node, 1, shapes)
    length = size[0] if size is not None and len(size) == 1 else None
    if length in (4, 5):
        yield 0, "theta", (None, int(length) - 2, int(length) - 1)


def uneven(node: Node, shapes: Shapes) -> Iterator[Misfit]:
    """Sizes that are not divisible where the operator divides them."""
    divided = {
        "Attention": _heads_in_groups,
        "DepthToSpace": _depth_in_blocks,
        "RotaryEmbedding": _turned_of_a_head,
        "SpaceToDepth": _planes_in_blocks,
    }.get(node.op)
    yield from divided(node, shapes) if divided else ()


def _heads_in_groups(node: Node, shapes: Shapes) -> Iterator[Misfit]:
    query, key = sizes(node, 0, shapes), sizes(node, 1, shapes)
    if query is None or key is None or len(query) != len(key):
        return
    of = (query[1], key[1]) if len(query) == 4 else (
        node.attribute("q_num_heads"), node.attribute("kv_num_heads"))  # fmt: skip
    heads, shared = of
    if isinstance(heads, int) and isinstance(shared, int) and shared > 0 and heads % shared:
        message = f"Q has {heads} heads, not divisible by the {shared} heads of K and V"
        yield message, f"give Q a multiple of {shared} heads"


def _turned_of_a_head(node: Node, shapes: Shapes) -> Iterator[Misfit]:
    part, whole = node.attribute("rotary_embedding_dim", 0), _head_size(node, shapes)
    if isinstance(part, int) and whole is not None and part > whole:
        message = f"rotary_embedding_dim is {part} (limit {whole}, the size of a head)"
        yield message, f"set rotary_embedding_dim to {whole} or less"


def _depth_in_blocks(node: Node, shapes: Shapes) -> Iterator[Misfit]:
    data, block = sizes(node, 0, shapes), node.attribute("blocksize")
    depth = data[1] if data is not None and len(data) == 4 else None
    if isinstance(depth, int) and isinstance(block, int) and block > 0 and depth % block**2:
        message = f"{depth} channels cannot be divided into blocks of {block} x {block}"
        yield message, f"give the input a multiple of {block**2} channels"


def _planes_in_blocks(node: Node, shapes: Shapes) -> Iterator[Misfit]:
    data, block = sizes(node, 0, shapes), node.attribute("blocksize")
    if data is None or len(data) != 4 or not isinstance(block, int) or block < 1:
        return
    if any(isinstance(size, int) and size % block for size in data[2:]):
        plane = " x ".join(str("?" if size is None else size) for size in data[2:])
        message = f"height x width {plane} cannot be divided into blocks of {block} x {block}"
        yield message, f"pad height and width to multiples of {block}"


def sizes(node: Node, slot: int, shapes: Shapes) -> Sizes | None:
    """The sizes of an operand; None where not even their number is known."""
    shape: Shape | None = shapes.of(node.input(slot))
    return None if shape is None else shape.dims
