"""Sums of products: by constant weights through centre and radius, else by corners."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct

from onnxlint.analyses.ranges.at import At
from onnxlint.analyses.ranges.range import MOST_BOXES, Range, precision, together, vanished
from onnxlint.model.file.dtypes import is_float
from onnxlint.runtime.statistics.products import products

if TYPE_CHECKING:
    from onnxlint.types import Array

CHUNK = 1 << 22
"""Weights that are read at a time, so that no copy of a large matrix is made."""

FEW_ROWS = 4
"""Rows of boxes that weights are read for one by one: for more, products of matrices are faster."""

VANISHED = 2.0**-1072
"""More than what a product of float64 loses as a subnormal number, beside what rounding does."""

_LARGEST = float(np.finfo(np.float32).max)


class Sums(Struct, frozen=True, eq=False):
    """Sums of products: their ends, the sum of their terms' magnitudes, and how many these are.

    `terms` is None where it is not known. `below` and `above` tell which sums have a term that may
    be negative, and one that may be positive.
    """

    low: Array
    high: Array
    mass: Array
    terms: int | None
    below: Array
    above: Array
    nan: bool = False

    def joined(self, other: Sums) -> Sums:
        """What holds for the one or the other."""
        return Sums(
            np.minimum(self.low, other.low), np.maximum(self.high, other.high),
            np.maximum(self.mass, other.mass),
            None if self.terms is None or other.terms is None else max(self.terms, other.terms),
            self.below | other.below, self.above | other.above, self.nan or other.nan,
        )  # fmt: skip

    def each(self, change: Callable[[Array], Array]) -> Sums:
        """With all arrays changed alike."""
        return Sums(
            change(self.low), change(self.high), change(self.mass), self.terms,
            change(self.below), change(self.above), self.nan,
        )  # fmt: skip

    def moved(self, shape: tuple[int, ...]) -> Sums:
        """The same with other axes."""
        return self.each(lambda array: array.reshape(shape))

    def turned(self) -> Sums:
        """With the last two axes exchanged."""
        return self.each(lambda array: array.swapaxes(-1, -2))


def by_weights(low: Array, high: Array, weights: Array, terms: int) -> Sums:
    """x @ W for x (..., rows, K or 1) and constant W (..., K, N), N chunk by chunk."""
    if weights.dtype.kind not in "fiub":
        weights = weights.astype(np.float32)
    few = weights.ndim == 2 and int(np.prod(low.shape[:-1], dtype=np.int64)) <= FEW_ROWS
    if few and weights.dtype in (np.float16, np.float32):
        return _by_few(low, high, weights.astype(np.float32, copy=False), terms)
    width = max(1, CHUNK // max(weights.size // max(weights.shape[-1], 1), 1))
    parts = []
    for start in range(0, max(weights.shape[-1], 1), width):
        chunk = weights[..., start : start + width]
        exact = chunk.dtype == np.float64 or chunk.dtype.kind in "iu"
        chunk = chunk.astype(np.float64 if exact else np.float32, copy=False)
        parts.append(by_sums(low, high, chunk, np.abs(chunk), signs(chunk, -2), terms))
    return concatenated(parts)


def _by_few(low: Array, high: Array, weights: Array, terms: int) -> Sums:
    """The same for so few rows that one pass over the weights for each takes the least time."""
    start, end = (np.where(np.isfinite(each), each, 0.0) for each in _told_apart(low, high))
    with np.errstate(all="ignore"):
        boxes = (*halved(start, end), np.maximum(np.abs(start), np.abs(end)))
        rows = [np.broadcast_to(each, (*low.shape[:-1], len(weights))) for each in boxes]
        flat = (each.reshape(-1, len(weights)) for each in rows)
        found = [products(weights, *row) for row in zip(*flat, strict=True)]
        real = [each for each in found if each is not None]
        if len(real) < len(found) or not found:
            return _anything(low, weights, terms)
        centre, radius, mass = (
            np.stack([each[at] for each in real]).reshape(*low.shape[:-1], -1) for at in range(3)
        )
        slip = (len(weights) + 4) * 2.0**-52 * mass + len(weights) * VANISHED
        ends = _where_finite(centre - radius - slip, centre + radius + slip, mass)
    return _signed(low, high, *ends, (real[0].highest > 0, real[0].lowest < 0), terms)


def concatenated(parts: list[Sums]) -> Sums:
    """Sums of columns beside each other."""
    if len(parts) == 1:
        return parts[0]
    names = ("low", "high", "mass", "below", "above")
    low, high, mass, below, above = (
        np.concatenate([getattr(part, name) for part in parts], axis=-1) for name in names
    )
    nan = any(part.nan for part in parts)
    return Sums(low, high, mass, parts[0].terms, below, above, nan=nan)


def signs(weights: Array, axis: int) -> tuple[Array, Array]:
    """Which columns have a positive weight, and which a negative one."""
    if not weights.shape[axis]:
        weights = np.zeros([1 if at == axis % weights.ndim else size
                            for at, size in enumerate(weights.shape)])  # fmt: skip
    return (weights.max(axis=axis, keepdims=True) > 0, weights.min(axis=axis, keepdims=True) < 0)


def by_sums(low: Array, high: Array, plain: Array, bulk: Array,
            has: tuple[Array, Array], terms: int) -> Sums:  # fmt: skip
    """x @ W where `plain` holds W, or sums of it that one box of x stands for, `bulk` those of |W|.

    The ends are centre @ W ∓ radius @ |W|. An infinite end counts where a weight takes it up.

    Args:
        low: lower ends, (..., rows, K or 1).
        high: upper ends.
        plain: (..., K, N).
        bulk: the same of magnitudes.
        has: which columns have positive and which negative weights.
        terms: how many products each sum has.
    """
    if not np.isfinite(bulk).all():
        return _anything(low, bulk, terms)
    start, end = (np.where(np.isfinite(each), each, 0.0) for each in _told_apart(low, high))
    with np.errstate(all="ignore"):
        ends = _products(start, end, plain, bulk)
    return _signed(low, high, *ends, has, terms)


def halved(low: Array, high: Array) -> tuple[Array, Array]:
    """Centre and radius of boxes.

    Half of a subnormal number is rounded; differences of such are not, so that the radius, taken
    from the centre that was found, holds both ends however small they are.
    """
    centre = low / 2 + high / 2
    return centre, np.maximum(high - centre, centre - low)


def _told_apart(low: Array, high: Array) -> tuple[Array, Array]:
    """One box for all that is summed, if an end is infinite."""
    if low.shape[-1] < 2 or _are_finite(low, high):
        return low, high
    return low.min(axis=-1, keepdims=True), high.max(axis=-1, keepdims=True)


def _are_finite(low: Array, high: Array) -> bool:
    return bool(np.isfinite(low).all() and np.isfinite(high).all())


def _signed(low: Array, high: Array, least: Array, most: Array, mass: Array,
            has: tuple[Array, Array], terms: int) -> Sums:  # fmt: skip
    """Sums of boxes, of which infinite ends are not in yet, and which may have terms of a sign."""
    infinite = not _are_finite(low, high)
    low, high = _told_apart(low, high)
    rises, falls = has
    below = (low.min(axis=-1, keepdims=True) < 0) & rises
    below |= (high.max(axis=-1, keepdims=True) > 0) & falls
    above = (high.max(axis=-1, keepdims=True) > 0) & rises
    above |= (low.min(axis=-1, keepdims=True) < 0) & falls
    if infinite:
        up, down = np.isposinf(high), np.isneginf(low)
        least = np.where((up & falls) | (down & rises), -np.inf, least)
        most = np.where((up & rises) | (down & falls), np.inf, most)
        mass = np.where((up | down) & (rises | falls), np.inf, mass)
    return Sums(least, most, mass, terms, below, above, nan=infinite)


def _anything(low: Array, bulk: Array, terms: int) -> Sums:
    batches = np.broadcast_shapes(low.shape[:-2], bulk.shape[:-2])
    shape = (*batches, low.shape[-2], bulk.shape[-1])
    ends, yes = np.full(shape, np.inf), np.ones(shape, bool)
    return Sums(-ends, ends, ends, terms, yes, yes, nan=True)


def _products(low: Array, high: Array, plain: Array, bulk: Array) -> tuple[Array, Array, Array]:
    """Ends and mass, with what computing them in the weights' dtype rounds off."""
    big = np.maximum(np.abs(low), np.abs(high))
    mid, rad = halved(low, high)
    if low.shape[-1] == 1 and bulk.shape[-2] != 1:
        ones = plain.sum(axis=-2, keepdims=True, dtype=np.float64)
        size = bulk.sum(axis=-2, keepdims=True, dtype=np.float64)
        centre, radius, mass, slip = mid * ones, rad * size, big * size, 0.0
        slip = (bulk.shape[-2] + 4) * 2.0**-53 * mass + VANISHED
    else:
        scale = float(big.max(initial=0.0)) or 1.0
        dtype = plain.dtype
        eps = float(np.finfo(dtype).eps)
        rows = [(each / scale).astype(dtype) for each in (mid, rad, big)]
        centre, radius, mass = (
            np.matmul(row, by).astype(np.float64) * scale
            for row, by in zip(rows, (plain, bulk, bulk), strict=True)
        )
        size = bulk.sum(axis=-2, keepdims=True, dtype=np.float64)
        tiny = float(np.finfo(dtype).smallest_subnormal) * 4 * (size + bulk.shape[-2]) * scale
        slip = (bulk.shape[-2] + 4) * eps * mass + tiny + VANISHED
        mass = mass * (1 + bulk.shape[-2] * eps) + tiny
    return _where_finite(centre - radius - slip, centre + radius + slip, np.asarray(mass))


def _where_finite(least: Array, most: Array, mass: Array) -> tuple[Array, Array, Array]:
    """Ends and masses; where one of them is too large for a number, nothing is known."""
    lost = ~(np.isfinite(least) & np.isfinite(most) & np.isfinite(mass))
    least, most = np.where(lost, -np.inf, least), np.where(lost, np.inf, most)
    return least, most, np.where(lost, np.inf, mass)


def by_corners(al: Array, ah: Array, bl: Array, bh: Array, terms: int | None) -> Sums:
    """The sum of so many products of x in [al, ah] and y in [bl, bh]; the arrays broadcast."""
    count = np.inf if terms is None else float(terms)
    with np.errstate(all="ignore"):
        corners = np.array(np.broadcast_arrays(
            *(np.nan_to_num(p * q, nan=0.0, posinf=np.inf, neginf=-np.inf)
              for p in (al, ah) for q in (bl, bh))
        ))  # fmt: skip
        low, high = corners.min(axis=0), corners.max(axis=0)
        infinite = any(bool(np.isinf(end).any()) for end in (al, ah, bl, bh))
        mass = np.maximum(np.abs(low), np.abs(high))
        ends = (np.where(end == 0, 0.0, end * count) for end in (low, high, mass))
        least, most, mass = ends
    return Sums(least, most, mass, terms, low < 0, high > 0, nan=infinite)


def by_boxes(al: Array, ah: Array, bl: Array, bh: Array, terms: int) -> Sums:
    """x @ y where both vary and boxes along what is summed are told apart.

    Centre and radius of both: |x·y - cx·cy| <= |cx|·ry + rx·|cy| + rx·ry.
    """
    (am, ar), (bm, br) = halved(al, ah), halved(bl, bh)
    with np.errstate(all="ignore"):
        centre = am @ bm
        radius = np.abs(am) @ br + ar @ (np.abs(bm) + br)
        mass = np.maximum(np.abs(al), np.abs(ah)) @ np.maximum(np.abs(bl), np.abs(bh))
    radius = radius + (terms + 8) * 2.0**-52 * mass + np.where(mass > 0, terms * VANISHED, 0.0)
    yes = np.ones(centre.shape, bool)
    return Sums(centre - radius, centre + radius, mass, terms, yes, yes)


def met(one: Sums, other: Sums) -> Sums:
    """What both say of the same sums."""
    low, high = np.maximum(one.low, other.low), np.minimum(one.high, other.high)
    crossed = low > high  # by rounding
    low, high = np.where(crossed, one.low, low), np.where(crossed, one.high, high)
    return Sums(
        low, high, np.minimum(one.mass, other.mass), one.terms,
        one.below & other.below, one.above & other.above, one.nan and other.nan,
    )  # fmt: skip


def ranged(at: At, sums: Sums, *parents: Range, loose: bool = False, scale: float = 1.0,
           added: Range | None = None, element_type: int | None = None) -> Range:  # fmt: skip
    """The sums as onnxruntime computes them, times a number, plus a bias.

    n terms added in any order are off by at most n·ε/2 times the sum of their magnitudes; where
    that sum exceeds the dtype (float32 for the narrower ones, which are accumulated in it), parts
    of it may have been infinite.
    """
    kind = at.element_type_out() if element_type is None else element_type
    is_whole = kind is not None and not is_float(kind)
    low, high = _slipped(sums, kind, is_whole)
    mass, nan = sums.mass, sums.nan
    if not is_whole:
        limit = max(at.limits[1], _LARGEST)
        over = mass > limit / 2
        low = np.where(over & sums.below, -np.inf, low)
        high = np.where(over & sums.above, np.inf, high)
        nan = nan or bool((over & sums.below & sums.above).any())
    if scale != 1.0:
        ends = np.nan_to_num(np.array([low * scale, high * scale]), posinf=np.inf, neginf=-np.inf)
        low, high = ends.min(axis=0), ends.max(axis=0)
        nan = nan or (scale == 0 and bool(np.isinf(np.array([sums.low, sums.high])).any()))
    found = at.made(low, high, *parents, nan=nan, integer=is_whole, mixes=True,
                    loose=loose or sums.terms is None)  # fmt: skip
    found = together(found)[0]
    return found if added is None else plus(at, found, added)


def _slipped(sums: Sums, kind: int | None, is_whole: bool) -> tuple[Array, Array]:
    """The ends with what rounding adds; a sum of terms of one sign keeps it."""
    low, high, mass = sums.low, sums.high, sums.mass
    if is_whole:
        slip = np.where(mass > 2.0**52, mass * ((sums.terms or 0) + 8) * 2.0**-52, 0.0)
        return np.ceil(low - slip), np.floor(high + slip)
    terms, eps = sums.terms or 0, precision(kind) or 2.0**-23
    slip = np.where(np.isfinite(mass), mass, 0.0) * ((terms / 2 + 4) * eps + (terms + 8) * 2.0**-52)
    slip = slip + vanished(kind, terms, mass)
    low = np.where(sums.below, low - slip, np.maximum(low - slip, 0.0))
    high = np.where(sums.above, high + slip, np.minimum(high + slip, 0.0))
    return low, high


def plus(at: At, found: Range, bias: Range) -> Range:
    """A sum and what is added to it; both may be rounded before."""
    a, b = combined(found, bias)
    low, high = a.low + b.low, a.high + b.high
    opposed = a.infinite and b.infinite
    if at.is_float:
        size = np.maximum(np.abs(a.low), np.abs(a.high)) + np.maximum(np.abs(b.low), np.abs(b.high))
        slip = np.where(np.isfinite(size), size, 0.0) * at.eps * 2
        exact = (b.low == 0) & (b.high == 0)
        low, high = np.where(exact, low, low - slip), np.where(exact, high, high + slip)
    return at.made(
        low, high, a, b, nan=opposed, integer=a.integer and b.integer,
        loose=a.loose or b.loose or (a.varies and b.varies),
    )  # fmt: skip


def combined(*ranges: Range) -> list[Range]:
    """The same with grids that can be combined; hulls where the model's shapes do not fit."""
    try:
        return together(*ranges)
    except ValueError:
        return [each.hull for each in ranges]


def fits(*sizes: int) -> bool:
    """Whether so many boxes are allowed."""
    return int(np.prod(sizes, dtype=np.int64)) <= MOST_BOXES


def grid(at: At, slot: int) -> tuple[Array, Array] | None:
    """The ends of an input with as many axes as its shape has; None where that is not known."""
    rank, found = at.rank(slot), at[slot]
    if rank is None or found.low.ndim > rank:
        return None
    low, high = np.broadcast_arrays(found.low, found.high)
    shape = (1,) * (rank - low.ndim) + low.shape
    return low.reshape(shape), high.reshape(shape)


def merged(ends: tuple[Array, Array], axes: tuple[int, ...]) -> tuple[Array, Array]:
    """One box along these axes."""
    low, high = ends
    return low.min(axis=axes, keepdims=True), high.max(axis=axes, keepdims=True)
