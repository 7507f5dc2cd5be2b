"""Attention: averages of the rows of V, weighed by a softmax; and rotary position embeddings."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from msgspec.structs import replace

from onnxlint.analyses.ranges.at import At
from onnxlint.analyses.ranges.range import Part, Range, join, together
from onnxlint.analyses.ranges.registry import transfer
from onnxlint.analyses.ranges.transfers import contraction
from onnxlint.analyses.ranges.transfers.affine import MICROSOFT, averages

if TYPE_CHECKING:
    from onnxlint.types import Array


@transfer("Attention", ulps=4)
def attended(at: At) -> list[Range]:
    """Rows of V averaged; 0 for a query that is masked from every key.

    With past keys and values, the averages are of these too. The other outputs are K and V with
    what was before, and scores.
    """
    v = _values(at, 2)
    if at.has(5):
        v = join(v.hull, at.hull(5))
    queries, keys = at.hull(0), at.hull(1)
    keys = join(keys, at.hull(4)) if at.has(4) else keys
    terms = _length(at, 2) if not at.has(5) else None
    masks = [at[3]] if at.has(3) else []
    made = averaged(at, v, terms, _may_fail(at, queries, keys, masks), masked=True)
    return [made, keys, join(at.hull(2), at.hull(5)) if at.has(5) else at.hull(2),
            *_scores(at, queries, keys)]  # fmt: skip


def _scores(at: At, queries: Range, keys: Range) -> list[Range]:
    """What the fourth output holds: shares for mode 3; else anything."""
    if at.attribute("qk_matmul_output_mode", 0) != 3:
        return []
    return [at.made(0.0, 1.0 + 4 * at.eps, queries, keys)]


def _values(at: At, slot: int, *, same: bool = False) -> Range:
    """V by channels, where the output has the same, surely or by its shape; rows are one box."""
    ends, dims = contraction.grid(at, slot), at.dims(slot)
    out = dims if same else at.dims_out()
    x = at[slot].without_parts()
    if ends is None or dims is None or out is None or len(out) != len(dims):
        return x.hull
    low, high = contraction.merged(ends, (-2,))
    for axis, (here, there) in enumerate(zip(dims, out, strict=True)):
        rows = axis == len(dims) - 2
        if not rows and low.shape[axis] > 1 and here != there:
            low, high = contraction.merged((low, high), (axis,))
    return replace(x, low=low, high=high)


def _length(at: At, slot: int) -> int | None:
    dims = at.dims(slot)
    size = dims[-2] if dims is not None and len(dims) >= 3 else None
    return size if isinstance(size, int) else None


def _may_fail(at: At, queries: Range, keys: Range, masks: list[Range]) -> bool:
    """Whether scores may overflow, or hold what a softmax makes NaN of."""
    if any(mask.nan or np.isposinf(mask.most) for mask in masks):
        return True
    if not (queries.is_finite and keys.is_finite):
        return True
    size = _width(at, 0) or _width(at, 1) or 1 << 12
    most = queries.magnitude * keys.magnitude * size * max(1.0, _scale(at))
    added = sum(mask.most for mask in masks if mask.most > 0)
    return most + added > at.limits[1] / 2


def _scale(at: At) -> float:
    return abs(float(at.attribute("scale", 0.0) or 0.0))


def _width(at: At, slot: int) -> int | None:
    dims = at.dims(slot)
    size = dims[-1] if dims else None
    return size if isinstance(size, int) else None


def averaged(at: At, v: Range, terms: int | None, nan: bool, *, masked: bool) -> Range:
    """Averages of V's rows, rounding included; 0 too where all may be masked."""
    nan = nan or not v.is_finite
    about_one = Part(frozenset({-1}), 1.0 - 8 * at.eps, 1.0 + 8 * at.eps)
    low, high = averages(at, about_one, (v.low, v.high), terms)
    if masked:
        low, high = np.minimum(low, 0.0), np.maximum(high, 0.0)
    if not v.is_finite:
        low, high = np.asarray(-np.inf), np.asarray(np.inf)
    varies = any(each.varies for each in at.read if each is not None)
    return replace(at.made(low, high, v, nan=nan, mixes=True), varies=varies)  # Q bounds nothing


@transfer(MICROSOFT + "MultiHeadAttention", MICROSOFT + "DecoderMaskedMultiHeadAttention",
          MICROSOFT + "PackedMultiHeadAttention", ulps=8)  # fmt: skip
def of_heads(at: At) -> list[Range]:
    """Attention of Q, K and V; packed into one tensor where K or V are omitted; a bias to each."""
    queries = at.hull(0)
    keys = at.hull(1) if at.has(1) else queries
    source = 2 if at.has(2) else 1 if at.has(1) else 0
    v = _values(at, 2, same=True) if source == 2 and at.rank(2) == 3 else at.hull(source)
    masked = "Decoder" in at.node.op
    bias, mask, past = (10, 4, (5, 6)) if masked else (3, 5, (6, 7))
    packed = "Packed" in at.node.op
    if packed:
        v, mask, past = v.hull, 6, (-1, -1)
    if at.has(bias):
        queries, keys = (_plus(one, at.hull(bias)) for one in (queries, keys))
        v = _plus(v, at.hull(bias))
    if past[1] > 0 and at.has(past[1]):
        keys, v = join(keys.hull, at.hull(past[0])), join(v.hull, at.hull(past[1]))
    masks = [at[mask]] if at.has(mask) else []
    terms = _length(at, 2) if source == 2 and not (past[1] > 0 and at.has(past[1])) else None
    made = averaged(at, v, None if packed else terms, _may_fail(at, queries, keys, masks),
                    masked=True)  # fmt: skip
    return [made, keys.hull, v.hull]


def _plus(one: Range, other: Range) -> Range:
    a, b = together(one, other)
    return replace(
        a.without_parts(), low=a.low + b.low, high=a.high + b.high, integer=False, nonzero=False,
        nan=a.nan or b.nan or (a.infinite and b.infinite), free=a.free or b.free,
    )  # fmt: skip


@transfer(MICROSOFT + "GroupQueryAttention", MICROSOFT + "SparseAttention", ulps=8)
def of_groups(at: At) -> Range | None:
    """Attention whose K and V are shared by groups of heads, and kept from call to call.

    With a sink or a smooth softmax shares add up to less than 1. Of a quantised cache nothing is
    known.
    """
    if "Group" in at.node.op and (at.has(12) or at.has(13)):
        return None
    queries = at.hull(0)
    keys = at.hull(1) if at.has(1) else queries
    v = at.hull(2) if at.has(2) else queries
    if at.has(3):
        keys = join(keys, at.hull(3))
    if at.has(4):
        v = join(v, at.hull(4))
    masks = [at[10]] if "Group" in at.node.op and at.has(10) else []
    rotated = [replace(one, low=one.low * 2, high=one.high * 2) for one in (queries, keys)]
    nan = _may_fail(at, rotated[0], rotated[1], masks)
    return averaged(at, v, None, nan, masked=True)


@transfer(MICROSOFT + "Attention", MICROSOFT + "DecoderMaskedSelfAttention",
          MICROSOFT + "PackedAttention", ulps=8)  # fmt: skip
def with_projections(at: At) -> list[Range] | None:
    """Q, K and V of one product with weights and a bias, then attention."""
    weights = at.constant(1)
    if weights is None or weights.ndim != 2 or weights.size == 0:
        return None
    found = _projected(at, weights)
    sizes = at.attribute("qkv_hidden_sizes") or [weights.shape[1] // 3] * 3
    if len(sizes) != 3 or sum(sizes) != weights.shape[1]:
        return None
    cuts = [0, sizes[0], sizes[0] + sizes[1], weights.shape[1]]
    queries, keys, v = (_columns(found, start, end)
                        for start, end in pairwise(cuts))  # fmt: skip
    past = None if "Packed" in at.node.op else 4
    terms = _length(at, 0) if past is None or not at.has(past) else None
    if past is not None and at.has(past):
        keys, v = join(keys.hull, at.hull(past)), join(v.hull, at.hull(past))
    masks = [at[5]] if at.has(5) else []
    made = averaged(at, v, terms, _may_fail(at, queries.hull, keys.hull, masks), masked=True)
    return [made, join(keys.hull, v.hull)]


def _projected(at: At, weights: Array) -> Range:
    ends = contraction.grid(at, 0)
    if ends is None or ends[0].ndim < 2:
        low, high = np.full((1, 1), at[0].least), np.full((1, 1), at[0].most)
    else:
        merged = contraction.merged(ends, tuple(range(ends[0].ndim - 1)))
        low, high = (end.reshape(1, -1) for end in merged)
    if low.shape[1] not in (1, len(weights)):
        low, high = contraction.merged((low, high), (1,))
    sums = contraction.by_weights(low, high, weights, len(weights)).moved((-1,))
    bias = at[2].without_parts() if at.has(2) else None
    return contraction.ranged(at, sums, at[0], added=bias)


def _columns(one: Range, start: int, end: int) -> Range:
    if one.low.ndim != 1 or one.low.size < end:
        return one.hull
    return replace(one, low=one.low[start:end], high=one.high[start:end])


@transfer("RotaryEmbedding", MICROSOFT + "RotaryEmbedding", MICROSOFT + "MRotaryEmbedding", ulps=8)
def rotated(at: At) -> Range:
    """x · cos - y · sin of two channels, or a channel that is not turned."""
    cos, sin = (2, 3) if "::" in at.node.op else (1, 2)
    x = at.hull(0)
    both = [at.constant(slot) for slot in (cos, sin)]
    if both[0] is not None and both[1] is not None and both[0].shape == both[1].shape:
        sizes = np.abs(both[0].astype(np.float64)) + np.abs(both[1].astype(np.float64))
        rate = float(sizes.max(initial=0.0))
    else:
        rate = at[cos].magnitude + at[sin].magnitude
    rate *= max(1.0, abs(float(at.attribute("scale", 1.0) or 1.0)))
    nan = x.infinite or not (np.isfinite(rate) and at[cos].is_finite and at[sin].is_finite)
    most = x.magnitude * rate * (1 + 8 * at.eps) if x.magnitude else 0.0
    return at.made(min(x.least, -most), max(x.most, most), x, nan=nan, mixes=True, loose=True)


@transfer(MICROSOFT + "GemmaRotaryEmbedding", ulps=8)
def rotated_by_angles(at: At) -> list[Range]:
    """q · cos + q' · sin, and the same of k, of angles."""
    made = []
    for one, other in ((1, 2), (3, 4)):
        a, b = at.hull(one), at.hull(other)
        most = (a.magnitude + b.magnitude) * (1 + 1e-3)
        infinite = not (a.is_finite and b.is_finite and at[0].is_finite)
        made.append(at.made(-most, most, a, b, nan=infinite, loose=True))
    return made


@transfer("LinearAttention", MICROSOFT + "LinearAttention")
def recurrent(at: At) -> None:
    """A state that grows from token to token: nothing is known."""
    del at
