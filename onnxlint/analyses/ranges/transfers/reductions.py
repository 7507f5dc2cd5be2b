"""Reductions along axes: sums, means, extremes, products, norms, logarithms of sums."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from onnxlint.analyses.ranges.at import At
from onnxlint.analyses.ranges.range import Part, Range, vanished
from onnxlint.analyses.ranges.registry import transfer
from onnxlint.analyses.ranges.transfers.folding import Grid, axes_from_end, grid, slip
from onnxlint.model.file.dtypes import dtype_name

if TYPE_CHECKING:
    from onnxlint.types import Array

MOST_TERMS = 2.0**31
"""Elements along an axis of unknown size. A choice: what a machine holds."""

SINGLE_MOST = 3.4028234663852886e38
"""The largest float32: what halves are added up in."""

Ends = tuple["Array", "Array"]


class Reduced(Struct, frozen=True):
    """A reduction: the boxes of what it reads, and what is known of its fibres."""

    at: At
    grid: Grid
    keeps: bool

    @property
    def x(self) -> Range:
        """What it reads."""
        return self.at[0]

    def part(self, of: Part | None, *, exactly: bool) -> Part | None:
        """What is known of each fibre that is folded: of this one, or of smaller ones in it."""
        axes = self.grid.axes
        if of is None or axes is None:
            return None
        fits = of.axes == frozenset(axes) if exactly else of.axes <= frozenset(axes)
        return of if fits else None

    def made(self, ends: Ends, *, nan: bool = False, integer: bool = False) -> Range:
        """The output with these ends, whose folded axes are dropped where the node drops them."""
        low, high = (self._dropped(np.asarray(end)) for end in ends)
        return self.at.made(low, high, self.x, nan=nan, integer=integer, mixes=True)

    def _dropped(self, ends: Array) -> Array:
        if self.grid.axes is None:
            return ends.reshape(()) if ends.size == 1 else np.asarray(ends)
        if not ends.ndim or self.keeps:
            return ends
        return np.squeeze(ends, axis=self.grid.axes)


def _reduced(at: At) -> Reduced | None:
    """The reduction that a node is; None where it reads nothing that is known."""
    if not at.has(0):
        return None
    axes = axes_from_end(at, at.node) if at.is_decided("axes", "noop_with_empty_axes") else None
    if axes == []:
        found = grid(at, 0, axes)
        return Reduced(at, replace(found, axes=(), sizes=()), True)
    keeps = bool(at.attribute("keepdims", 1))
    return Reduced(at, grid(at, 0, axes), keeps)


def _by_ends(function: Callable[[Reduced], Range | None]) -> Callable[[At], Range | None]:
    def reduced(at: At) -> Range | None:
        found = _reduced(at)
        return None if found is None else function(found)

    return reduced


def _ends_of_sum(of: Reduced, low: Array, high: Array) -> Ends:
    """The sum of boxes, each as often as it has elements; rounding is added by who asks."""
    box, count = of.grid, of.grid.merged
    if count is None:
        return _ends_of_unknown(of, low, high)
    least, most = (box.folded(end, np.sum) for end in (low * count, high * count))
    if not count:
        least, most = np.zeros_like(least), np.zeros_like(most)
    return least, most


def _ends_of_unknown(of: Reduced, low: Array, high: Array) -> Ends:
    """Of 1 to so many terms as a machine holds."""
    least, most = of.grid.folded(low, np.min), of.grid.folded(high, np.max)
    return np.minimum(least, least * MOST_TERMS), np.maximum(most, most * MOST_TERMS)


def _sum(of: Reduced) -> Range:
    """Σ x: within n · x; what one term is known to be, and what all are known to sum to, told."""
    x, box = of.x, of.grid
    least, most = _ends_of_sum(of, box.low, box.high)
    anchor = of.part(x.anchor, exactly=False)
    if anchor is not None and box.count != 0 and not x.infinite:
        least, most = _anchored_sum(of, anchor, least, most)
    least, most = _rounded(of, least, most)
    total = of.part(x.total, exactly=True)
    if total is not None:
        least, most = np.maximum(least, total.low), np.minimum(most, total.high)
        least, most = np.minimum(least, total.high), np.maximum(most, total.low)
    opposed = bool(np.isneginf(box.low).any() and np.isposinf(box.high).any())
    return of.made((least, most), nan=opposed or _overflows_both(of), integer=x.integer)


def _anchored_sum(of: Reduced, anchor: Part, least: Array, most: Array) -> Ends:
    """One term is known: it takes the place of the end that is farthest from it."""
    box = of.grid
    above = np.maximum(0, anchor.low - box.folded(box.low, np.max))
    below = np.maximum(0, box.folded(box.high, np.min) - anchor.high)
    if box.count is None:
        bottom = box.folded(box.low, np.min)
        return np.where(bottom >= 0, np.maximum(least, anchor.low), least), most
    return least + above, most - below


def _rounded(of: Reduced, least: Array, most: Array) -> Ends:
    """Moved outwards by what additions round, but not across what single terms bound.

    A sum of terms that are not negative is not below any of them, however it is rounded.
    """
    box = of.grid
    if box.count is None or box.count <= 1 or not of.at.is_float:
        return least, most
    size = np.maximum(np.abs(box.low), np.abs(box.high))
    total = _ends_of_sum(of, size, size)[1]
    if of.x.integer and bool((total * min(of.at.eps, 2.0**-23) < 1).all()):
        return least, most  # whole numbers that a float holds exactly
    off = np.nan_to_num(total, posinf=0.0) * slip(of.at, box.count)
    bottom, top = box.folded(box.low, np.min), box.folded(box.high, np.max)
    floor = np.where(bottom >= 0, box.folded(box.low, np.max), -np.inf)
    ceiling = np.where(top <= 0, box.folded(box.high, np.min), np.inf)
    return (np.minimum(least, np.maximum(least - off, floor)),
            np.maximum(most, np.minimum(most + off, ceiling)))  # fmt: skip


def _overflows_both(of: Reduced) -> bool:
    """Whether partial sums may overflow on either side, so that they meet as ∞ - ∞."""
    if not of.at.is_float:
        return False
    largest, count = of.at.limits[1], of.grid.count
    both = of.x.least < 0 < of.x.most
    return both and count is not None and max(-of.x.least, of.x.most) * count > largest


sums = transfer("ReduceSum")(_by_ends(_sum))


def _mean(of: Reduced) -> Range:
    """Σ x / n: within the hull of x but for rounding, as the mean of equal numbers is."""
    box = of.grid
    if not of.at.is_float:
        return _whole_mean(of)
    if box.count == 0:
        return of.made((np.zeros(()), np.zeros(())), nan=True)
    least, most = box.extremes()
    if box.count is not None:
        total = _sum(replace(of, keeps=True))
        finite = np.isfinite(total.low) & np.isfinite(total.high)
        low, high = (end / box.count for end in (total.low, total.high))
        off = slip(of.at, box.count) * np.maximum(np.abs(least), np.abs(most))
        if box.count == 1:
            off = np.zeros_like(off)
        least, most = (np.where(finite, np.maximum(low, least - off), least - off),
                       np.where(finite, np.minimum(high, most + off), most + off))  # fmt: skip
    return _widened_mean(of, least, most)


def _widened_mean(of: Reduced, least: Array, most: Array) -> Range:
    """Signs are kept; the sum may overflow before it is divided."""
    box = of.grid
    bottom, top = box.extremes()
    size = np.maximum(np.abs(bottom), np.abs(top))
    if box.count is None:
        off = slip(of.at, None) * np.nan_to_num(size, posinf=0.0)
        least, most = least - off, most + off
    least = np.where(bottom >= 0, np.maximum(least, 0), least)
    most = np.where(top <= 0, np.minimum(most, 0), most)
    beyond = size * (box.count or 1) > of.at.limits[1]
    least = np.where(beyond & (bottom < 0), -np.inf, least)
    most = np.where(beyond & (top > 0), np.inf, most)
    opposed = bool(np.isneginf(bottom).any() and np.isposinf(top).any())
    return of.made((least, most), nan=opposed or _overflows_both(of))


def _whole_mean(of: Reduced) -> Range:
    """Of integers: the sum divided and cut off towards 0, where the sum does not wrap around."""
    box = of.grid
    floor, ceiling = of.at.limits
    least, most = box.extremes()
    size = max(abs(of.x.least), abs(of.x.most)) * (box.count or ASSUMED_WHOLE)
    if size > min(-floor if floor else ceiling, ceiling):
        return of.made((np.asarray(floor), np.asarray(ceiling)), integer=True)
    return of.made((np.minimum(least, 0) if box.count == 0 else least, most), integer=True)


ASSUMED_WHOLE = 1 << 20
means = transfer("ReduceMean")(_by_ends(_mean))


def _extreme(of: Reduced, pick: Callable[..., Array], empty: float) -> Range:
    """One of the elements; the anchor bounds it from one side. Of none: the other end of all."""
    x, box = of.x, of.grid
    if box.count == 0:
        ends = np.asarray(empty)
        return of.made((ends, ends) if of.at.is_float else of.at.limits)  # type: ignore[arg-type]
    least, most = box.folded(box.low, pick), box.folded(box.high, pick)
    if box.axes is None and box.low.ndim == 0:
        least, most = box.low, box.high
    anchor = of.part(x.anchor, exactly=False)
    if anchor is not None and pick is np.max:
        least = np.minimum(np.maximum(least, anchor.low), np.maximum(most, least))
    elif anchor is not None:
        most = np.maximum(np.minimum(most, anchor.high), np.minimum(most, least))
    made = of.made((least, most), integer=x.integer)
    return replace(made, nonzero=x.nonzero, mixed=x.mixed, loose=x.loose)


largest = transfer("ReduceMax")(_by_ends(lambda of: _extreme(of, np.max, -np.inf)))
smallest = transfer("ReduceMin")(_by_ends(lambda of: _extreme(of, np.min, np.inf)))


def _product(of: Reduced) -> Range:
    """Π x: by the ends where nothing is negative, else by magnitudes."""
    x, box = of.x, of.grid
    if box.count == 0:
        return of.made((np.ones(()), np.ones(())), integer=x.integer)
    size = np.maximum(np.abs(box.low), np.abs(box.high))
    count = box.merged
    if count is None:
        least, most = _unknown_product(of, size)
    else:
        most = box.folded(size**count, np.prod)
        least = -most if x.least < 0 else box.folded(box.low**count, np.prod)
        if x.least < 0 and box.count == 1:
            least, most = box.low, box.high
    off = slip(of.at, box.count) if box.count != 1 and not _is_exact(of, most) else 0.0
    least, most = _or(least, -np.inf), _or(most, np.inf)
    least = least - np.abs(np.nan_to_num(least, posinf=0, neginf=0)) * off
    most = most + np.abs(np.nan_to_num(most, posinf=0, neginf=0)) * off
    if box.count != 1:  # products on the way may become 0 before they grow again, or overflow
        least, most = np.minimum(least, 0), np.where(_grows(of, size), np.inf, most)
        least = np.where(_grows(of, size) & (x.least < 0), -np.inf, least)
    nan = of.at.is_float and x.holds(0) and bool(np.isinf(most).any() or x.infinite)
    return of.made((least, most), nan=nan or _grows(of, size), integer=x.integer)


def _grows(of: Reduced, size: Array) -> bool:
    """Whether a product of some of the factors overflows a float."""
    if not of.at.is_float:
        return False
    count = of.grid.merged or ASSUMED_WHOLE
    largest = of.grid.folded(np.maximum(size, 1.0) ** count, np.prod)
    return bool((largest > of.at.limits[1]).any())


def _unknown_product(of: Reduced, size: Array) -> Ends:
    top = of.grid.folded(size, np.max)
    most = np.where(top <= 1, top, np.inf)
    return (np.zeros_like(most) if of.x.least >= 0 else -most), most


def _is_exact(of: Reduced, most: Array) -> bool:
    return of.x.integer and bool((np.abs(most) * of.at.eps < 1).all())


def _or(ends: Array, default: float) -> Array:
    return np.where(np.isnan(ends), default, ends)


products = transfer("ReduceProd")(_by_ends(_product))


def _magnitudes(of: Reduced) -> Range:
    """|x| as a value that a sum is taken of; an anchor becomes that of |x|."""
    x = of.x
    low = np.where((x.low <= 0) & (x.high >= 0), 0.0, np.minimum(np.abs(x.low), np.abs(x.high)))
    anchor = x.anchor
    if anchor is not None:
        ends = sorted((abs(anchor.low), abs(anchor.high)))
        anchor = Part(anchor.axes, 0.0 if anchor.low <= 0 <= anchor.high else ends[0], ends[1])
    return replace(x, low=low, high=np.maximum(np.abs(x.low), np.abs(x.high)), anchor=anchor,
                   total=None, nonzero=False)  # fmt: skip


def _of(of: Reduced, x: Range) -> Reduced:
    """The same reduction of another value with the same boxes."""
    at = At(of.at.evaluation, of.at.node, [x, *of.at.read[1:]])
    return replace(of, at=at, grid=replace(grid(at, 0, of.grid.axes), axes=of.grid.axes,
                                           sizes=of.grid.sizes))  # fmt: skip


@transfer("ReduceL1")
def sums_of_magnitudes(at: At) -> Range | None:
    """Σ |x|."""
    of = _reduced(at)
    return None if of is None else _sum(_of(of, _magnitudes(of)))


@transfer("ReduceSumSquare", ulps=2)
def sums_of_squares(at: At) -> Range | None:
    """Σ x²; halves are squared in float32, and single precision overflows above 1.8e19."""
    of = _reduced(at)
    return None if of is None else _sum(_of(of, _squares(of)))


def _squares(of: Reduced) -> Range:
    sizes = _magnitudes(of)
    anchor = sizes.anchor
    if anchor is not None:
        anchor = Part(anchor.axes, *map(float, _squared(of, *np.array([anchor.low, anchor.high]))))
    low, high = _squared(of, sizes.low, sizes.high)
    return replace(sizes, low=low, high=high, anchor=anchor)


def _squared(of: Reduced, low: Array, high: Array) -> Ends:
    """Squares, which may vanish, or be rounded up to the least number."""
    if not of.at.is_float:
        return low**2, high**2
    lost = vanished(of.at.element_type(), 2, high)
    return np.maximum(low**2 - lost, 0.0), high**2 + lost


@transfer("ReduceL2", ulps=2)
def lengths(at: At) -> Range | None:
    """√Σ x²: inf where the sum of squares overflows, as of 1e30 in float32."""
    of = _reduced(at)
    if of is None:
        return None
    total = _sum(_of(of, _squares(of)))
    low, high = np.sqrt(np.maximum(total.low, 0)), np.sqrt(np.maximum(total.high, 0))
    if at.is_float:
        high = np.where(total.high > max(at.limits[1], SINGLE_MOST), np.inf, high)
    if at.is_float:
        return replace(total, low=low, high=high)
    if total.most > at.limits[1]:
        return at.made(*at.limits, integer=True)
    return replace(total, low=np.floor(low), high=np.ceil(high), integer=True)


@transfer("ReduceLogSum", ulps=4)
def logarithms_of_sums(at: At) -> Range | None:
    """log Σ x: NaN below 0, -inf at 0."""
    of = _reduced(at)
    if of is None or not at.is_float:
        return None
    total = _sum(of)
    low, high = np.log(np.maximum(total.low, 0)), np.log(np.maximum(total.high, 0))
    if dtype_name(at.element_type() or 0) == "float16":
        low, high = low - 1e-6, high + 1e-6
    off = 4 * at.eps
    return at.made(low - off, high + off, total, nan=total.least < 0, mixes=True)


@transfer("ReduceLogSumExp", ulps=8)
def logarithms_of_sums_of_powers(at: At) -> Range | None:
    """log Σ eˣ, with the largest taken out: finite whenever x is. From max(x) to max(x) + log n."""
    of = _reduced(at)
    if of is None or not at.is_float:
        return None
    box = of.grid
    if box.count == 0:
        return of.made((np.asarray(-np.inf), np.asarray(-np.inf)))
    merged = box.merged
    low, high = (box.folded(end, _logsumexp) for end in (box.low, box.high))
    if merged is not None:
        low, high = low + np.log(merged), high + np.log(merged)
    else:
        low, high = box.folded(box.low, np.max), high + np.log(2.0**63)
    anchor = of.part(at[0].anchor, exactly=False)
    if anchor is not None:
        low = np.maximum(low, anchor.low)
    off = np.where(box.count == 1, 0.0, slip(at, box.count) + 4 * at.eps)
    return of.made((low - off, np.maximum(high, low) + off))


def _logsumexp(ends: Array, axis: tuple[int, ...], *, keepdims: bool) -> Array:
    for each in axis:
        ends = np.asarray(np.logaddexp.reduce(ends, axis=each, keepdims=True))
    return ends
