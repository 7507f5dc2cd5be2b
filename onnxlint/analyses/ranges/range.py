"""The abstract value: an interval for each box of a small grid, with what else is known of it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from onnxlint.model.file.dtypes import dtype_name, integer_range, is_float, numpy_dtype

if TYPE_CHECKING:
    from onnxlint.types import Array

MOST_BOXES = 4096
"""Intervals that one value has at most, so that memory grows with channels, not with elements."""


class Part(Struct, frozen=True, eq=False):
    """Something that holds along axes: of a fibre's elements one lies in here, or their sum does.

    `axes` count from the end, so that leading axes may be broadcast.
    """

    axes: frozenset[int]
    low: float
    high: float


class Range(Struct, frozen=True, eq=False):
    """Where every element of a tensor lies, whatever is fed. Sound: what runs lies inside.

    `low` and `high` are float64 arrays that broadcast to the value's shape: an axis has its full
    size where parts along it are told apart, 1 where one interval holds for all of it; no axes at
    all (shape `()`) where one holds for every element. Both ends are included; an open end is the
    next number of the value's own dtype. An infinite end says that infinity itself may come out.
    A value without elements, or that cannot occur, may have any range.

    Attributes:
        nan: NaN may be among the elements, beside what the interval says.
        integer: every element is a whole number.
        nonzero: no element is 0, although 0 may lie in the interval.
        free: an end rests on an input of which nothing but its dtype is known.
        loose: the ends need not be met: terms that hang together were taken to be independent.
        mixed: elements are made of several elements of an input, as by a matrix product.
        varies: depends on an input, or on chance.
        failed: rests on a result that may be NaN or infinite and is told of by itself.
        anchor: one element of each fibre lies within these numbers, as 0 does in x - max(x).
        total: the elements of each fibre add up to these numbers, as those of a softmax to 1.
    """

    low: Array
    high: Array
    nan: bool = False
    integer: bool = False
    nonzero: bool = False
    free: bool = False
    loose: bool = False
    mixed: bool = False
    varies: bool = False
    failed: bool = False
    anchor: Part | None = None
    total: Part | None = None

    @classmethod
    def of(
        cls, low: float, high: float, *, nan: bool = False, integer: bool = False,
        free: bool = False, varies: bool = False,
    ) -> Range:  # fmt: skip
        """One interval for all elements."""
        ends = np.asarray(low, np.float64), np.asarray(high, np.float64)
        return cls(*ends, nan=nan, integer=integer, free=free, varies=varies)

    @classmethod
    def top(cls, element_type: int | None, *, free: bool = True) -> Range:
        """Anything that a value of this element type can hold; of None, any number at all."""
        low, high = limits(element_type)
        infinite = element_type is None or is_float(element_type)
        ends = (-math.inf, math.inf) if infinite else (low, high)
        return cls.of(*ends, nan=infinite, integer=not infinite, free=free, varies=True)

    @classmethod
    def constant(cls, array: Array) -> Range:
        """What is known of a constant: its elements, or as many boxes of them as are allowed."""
        numbers = array if array.dtype == np.float32 else array.astype(np.float64)
        if not numbers.size:
            return cls.of(0, 0, integer=True)
        nan = bool(np.isnan(numbers).any())
        low, high = numbers, numbers
        if nan:
            low, high = (
                np.nan_to_num(numbers, nan=np.inf, posinf=np.inf, neginf=-np.inf),
                (np.nan_to_num(numbers, nan=-np.inf, posinf=np.inf, neginf=-np.inf)),
            )
        low, high = _within(low, np.minimum), _within(high, np.maximum)
        if nan:  # boxes that hold nothing else
            low, high = np.where(low > high, 0, low), np.where(low > high, 0, high)
        few, wide = numbers.reshape(-1)[:1024], np.float64  # most weights have no whole numbers
        whole = all(bool((np.floor(some) == some).all()) for some in (few, numbers))
        ends = low.astype(wide), high.astype(wide)
        return cls(*ends, nan=nan, integer=whole, nonzero=bool(numbers.all()))

    @property
    def least(self) -> float:
        """The lower end over all boxes."""
        return float(self.low.min()) if self.low.size else 0.0

    @property
    def most(self) -> float:
        """The upper end over all boxes."""
        return float(self.high.max()) if self.high.size else 0.0

    @property
    def magnitude(self) -> float:
        """The largest magnitude."""
        return max(abs(self.least), abs(self.most))

    @property
    def least_rms(self) -> float:
        """The root mean square that is not undercut, whatever is fed."""
        nearest = np.abs(np.clip(self.low, 0, None) + np.clip(self.high, None, 0))
        return float((nearest**2).mean() ** 0.5)

    @property
    def infinite(self) -> bool:
        """Whether infinity may be among the elements."""
        return math.isinf(self.least) or math.isinf(self.most)

    @property
    def is_finite(self) -> bool:
        """Whether neither NaN nor infinity can be among the elements."""
        return not (self.nan or self.infinite)

    @property
    def is_point(self) -> bool:
        """Whether each element is known, as far as boxes tell elements apart."""
        return not self.nan and bool((self.low == self.high).all())

    def holds(self, number: float) -> bool:
        """Whether an element may be this number."""
        if number == 0 and self.nonzero:
            return False
        return bool(((self.low <= number) & (number <= self.high)).any())

    @property
    def hull(self) -> Range:
        """One interval for all elements."""
        if not self.low.ndim:
            return self
        return replace(self, low=np.asarray(self.least), high=np.asarray(self.most))

    def within(self, low: float | Array, high: float | Array) -> Range | None:
        """What is left of it between two numbers; None where nothing is.

        A box of which nothing is left is moved to the nearer end: what is said of it is of no use.
        """
        if bool(((self.high < low) | (self.low > high)).all()):
            return None
        cut = replace(self, low=np.clip(self.low, low, high), high=np.clip(self.high, low, high))
        return replace(cut, anchor=None, total=None)

    def collapsed(self, axes: Sequence[int]) -> Range:
        """One interval along these axes, which count from the end or the start of its own."""
        if not self.low.ndim:
            return self
        own = tuple(axis % self.low.ndim for axis in axes)
        low, high = self.low.min(axis=own, keepdims=True), self.high.max(axis=own, keepdims=True)
        return replace(self, low=low, high=high)

    def spread(self, rank: int) -> Range:
        """The same with so many axes, where it has one interval for all elements."""
        if self.low.ndim or not rank:
            return self
        shape = (1,) * rank
        return replace(self, low=self.low.reshape(shape), high=self.high.reshape(shape))

    def without_parts(self) -> Range:
        """Without what is known along axes: the axes are no longer these."""
        if self.anchor is None and self.total is None:
            return self
        return replace(self, anchor=None, total=None)

    def __repr__(self) -> str:
        flags = [name for name in ("nan", "integer", "nonzero", "free", "loose", "mixed")
                 if getattr(self, name)]  # fmt: skip
        grid = "x".join(map(str, self.low.shape)) if self.low.size > 1 else ""
        return f"<Range [{self.least:.6g}, {self.most:.6g}] {grid} {' '.join(flags)}>"


def join(one: Range, *others: Range) -> Range:
    """The least range that holds all of them, as of branches."""
    for other in others:
        a, b = together(one, other)
        one = Range(
            np.minimum(a.low, b.low), np.maximum(a.high, b.high),
            nan=a.nan or b.nan, integer=a.integer and b.integer,
            nonzero=_is_nonzero(a) and _is_nonzero(b),
            free=a.free or b.free, loose=a.loose or b.loose, mixed=a.mixed or b.mixed,
            varies=a.varies or b.varies, failed=a.failed or b.failed,
            anchor=_joined(a.anchor, b.anchor), total=_joined(a.total, b.total),
        )  # fmt: skip
    return one


def _is_nonzero(one: Range) -> bool:
    return one.nonzero or not one.holds(0)


def _joined(one: Part | None, other: Part | None) -> Part | None:
    if one is None or other is None or one.axes != other.axes:
        return None
    return Part(one.axes, min(one.low, other.low), max(one.high, other.high))


def together(*ranges: Range) -> list[Range]:
    """The same ranges with grids that can be combined: boxes are merged where they are too many."""
    shape = np.broadcast_shapes(*(_shape_of(each, ranges) for each in ranges))
    axes = _surplus(shape)
    if not axes:
        return list(ranges)
    rank = len(shape)
    return [
        each.collapsed([a for a in range(-each.low.ndim, 0) if a % rank in axes]) for each in ranges
    ]


def _shape_of(each: Range, ranges: Sequence[Range]) -> tuple[int, ...]:
    return each.low.shape if each.low.shape == each.high.shape else np.broadcast_shapes(
        each.low.shape, each.high.shape
    )  # fmt: skip


def _surplus(shape: tuple[int, ...]) -> set[int]:
    """The axes that must be merged: of images the last, of sequences and tables the first."""
    axes, boxes = set[int](), math.prod(shape)
    order = range(len(shape) - 1, -1, -1) if len(shape) >= 4 else range(len(shape))
    for axis in order:
        if boxes <= MOST_BOXES:
            break
        axes.add(axis)
        boxes //= max(shape[axis], 1)
    return axes


def _within(ends: Array, reduce: np.ufunc) -> Array:
    axes = tuple(sorted(_surplus(ends.shape)))
    return np.asarray(reduce.reduce(ends, axis=axes, keepdims=True)) if axes else ends


@cache
def limits(element_type: int | None) -> tuple[float, float]:
    """The least and the largest finite number of an element type."""
    if element_type is None:
        return -math.inf, math.inf
    if dtype_name(element_type) == "bool":
        return 0.0, 1.0
    whole = integer_range(element_type)
    if whole is not None:
        return float(whole[0]), float(whole[1])
    name = dtype_name(element_type)
    if name in ("int4", "uint4", "int2", "uint2"):
        bits = int(name[-1])
        return (
            (0.0, 2.0**bits - 1)
            if name[0] == "u"
            else (-(2.0 ** (bits - 1)), 2.0 ** (bits - 1) - 1)
        )
    if not is_float(element_type):
        return -math.inf, math.inf
    most = float(_finfo(element_type).max)
    return -most, most


@cache
def precision(element_type: int | None) -> float:
    """The distance from 1 to the next number; 0 of types that are not floats."""
    if element_type is None or not is_float(element_type):
        return 0.0
    return float(_finfo(element_type).eps)


def settled(one: Range, element_type: int | None, *, slack: float = 1.0) -> Range:
    """The range rounded outwards to numbers of the dtype, its overflow told.

    Args:
        element_type: that of the tensor, as onnx numbers them; None where it is not known.
        slack: how far the kernel may be off, in units of the last place.
    """
    low, high = _or(one.low, -math.inf), _or(one.high, math.inf)
    if element_type is None:  # neither rounding nor overflow can be told
        return Range.top(None)
    least, most = limits(element_type)
    if not is_float(element_type):
        if bool((low < least).any() or (high > most).any()):  # it wraps around
            low, high = np.asarray(least), np.asarray(most)
            one = replace(one, loose=True).without_parts()
        low = np.maximum(_past_exact(low, -1), least)
        high = np.minimum(_past_exact(high, 1), most)
        return replace(one, low=low, high=high, nan=False, integer=True)
    step = slack * precision(element_type)
    low, high = (
        _rounded(end, sign, step, element_type, keeps=slack <= 1)
        for end, sign in ((low, -1), (high, 1))
    )
    low, high = np.where(low < least, -np.inf, low), np.where(high > most, np.inf, high)
    low, high = np.minimum(low, most), np.maximum(high, least)
    anchor = one.anchor
    if anchor is not None:
        slip = step * max(abs(anchor.low), abs(anchor.high))
        anchor = replace(anchor, low=anchor.low - slip, high=anchor.high + slip)
    return replace(one, low=low, high=high, anchor=anchor)


EXACT = 2.0**53
"""Whole numbers up to it are told apart in float64, which the ends are kept in."""


def _past_exact(ends: Array, sign: int) -> Array:
    """Ends of integers that float64 rounds, moved outwards by what it may be off."""
    far = np.abs(ends) > EXACT
    return np.where(far, ends + sign * np.abs(ends) * 2.0**-51, ends) if far.any() else ends


def _rounded(ends: Array, sign: int, step: float, element_type: int, *, keeps: bool) -> Array:
    """Ends moved outwards, but not across 0: what is not 0 may become it.

    Rounding keeps order, so that ends which the dtype has stay where kernels round correctly.
    """
    size = np.where(np.isinf(ends), 0.0, np.abs(ends))
    moved = ends + sign * (size * step + smallest(element_type))
    moved = np.where(np.sign(ends) * moved < 0, 0.0, moved)
    is_kept = (ends == 0) | (_are_exact(ends, element_type) & keeps)
    return np.where(is_kept, ends, moved)


def smallest(element_type: int) -> float:
    """The least positive number of a float type, a subnormal one."""
    return float(_finfo(element_type).smallest_subnormal)


def vanished(element_type: int | None, terms: float, mass: Array) -> Array:
    """What so many products lose where they are subnormal; nothing if their magnitudes sum to 0.

    Half of the least number each, by the kernel and by whoever foretells it. The products of
    narrow floats are float32.
    """
    is_float64 = element_type is not None and dtype_name(element_type) == "double"
    return np.where(mass > 0, terms * (2.0**-1074 if is_float64 else 2.0**-149), 0.0)


@cache
def _finfo(element_type: int) -> Any:
    """numpy's facts about a float type, also of those that only ml_dtypes has."""
    dtype = numpy_dtype(element_type)
    if dtype.type in (np.float16, np.float32, np.float64):
        return np.finfo(dtype)
    import ml_dtypes

    return ml_dtypes.finfo(dtype)  # type: ignore[no-untyped-call]


def _are_exact(ends: Array, element_type: int) -> Array:
    """Which ends are numbers of the dtype: those of weights and of what only moves them."""
    with np.errstate(over="ignore", invalid="ignore"):
        there = ends.astype(numpy_dtype(element_type)).astype(np.float64)
    return np.asarray(there == ends)


def _or(numbers: Array, default: float) -> Array:
    """What takes the place of NaN, which an end of inf - inf is."""
    return np.where(np.isnan(numbers), default, numbers) if np.isnan(numbers).any() else numbers
