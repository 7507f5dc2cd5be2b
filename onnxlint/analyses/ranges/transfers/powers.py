"""x to the power y, for bases of both signs and whole, fractional and negative exponents.

Kernels call `pow` of the C library, multiply for the exponents 2 and 3, and cut results off where
the base is an integer: 1.5 units off.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct

from onnxlint.analyses.ranges.at import At
from onnxlint.analyses.ranges.range import Range, limits
from onnxlint.analyses.ranges.registry import transfer
from onnxlint.analyses.ranges.transfers.curves import kernel_eps
from onnxlint.model.file.dtypes import is_float, numpy_dtype

if TYPE_CHECKING:
    from onnxlint.types import Array


class _Ends(Struct):
    """The hull of what was found so far; empty where `low` is above `high`."""

    low: Array
    high: Array

    def add(self, numbers: Array, where: Array) -> None:
        self.low = np.where(where, np.minimum(self.low, numbers), self.low)
        self.high = np.where(where, np.maximum(self.high, numbers), self.high)


class _Exponent(Struct, frozen=True):
    """What exponents of a box may be."""

    even: Array
    odd: Array
    fractional: Array

    @classmethod
    def of(cls, y: Range) -> _Exponent:
        point = y.low == y.high
        whole = np.floor(y.low) == y.low
        is_even = np.isinf(y.low) | (np.mod(np.where(np.isinf(y.low), 0, y.low), 2) == 0)
        no_whole = np.ceil(y.low) > np.floor(y.high)
        return cls(
            even=np.where(point, whole & is_even, ~no_whole),
            odd=np.where(point, whole & ~is_even, ~no_whole),
            fractional=np.where(point, ~whole, not y.integer),
        )


@transfer("Pow", pointwise=True)
def power(at: At) -> Range:
    """x^y: by the corners of each sign of the base, for y · ln x has its extremes there."""
    x, y = at.pair()
    kind = _Exponent.of(y)
    shape = np.broadcast_shapes(x.low.shape, y.low.shape)
    found = _Ends(np.full(shape, np.inf), np.full(shape, -np.inf))
    if not bool((x.high < 0).all()):
        _of_positive(at, x, y, found)
    is_negative = x.low < 0
    _of_negative(x, y, kind, found)
    _of_minus_zero(x, y, kind, found)
    nan = bool((is_negative & np.isfinite(x.low) & kind.fractional).any())
    nan |= bool(((x.low < 0) & (x.high > -np.inf) & kind.fractional).any())
    nowhere = found.low > found.high  # NaN alone
    low, high = np.where(nowhere, 0.0, found.low), np.where(nowhere, 0.0, found.high)
    return _rounded(at, x, y, low, high, nan=nan)


def _corners(x: tuple[Array, Array], y: Range) -> tuple[Array, Array]:
    found = np.array(np.broadcast_arrays(*(np.power(p, q) for p in x for q in (y.low, y.high))))
    return found.min(axis=0), found.max(axis=0)


def _of_positive(at: At, x: Range, y: Range, found: _Ends) -> None:
    least = _least_number(at) if x.nonzero else 0.0
    low, high = _corners((np.maximum(x.low, least), np.maximum(x.high, least)), y)
    there = np.broadcast_to(x.high >= 0, found.low.shape)
    found.add(low, there)
    found.add(high, there)


def _least_number(at: At) -> float:
    kind = at.element_type()
    if kind is None:
        return 0.0
    if is_float(kind) and numpy_dtype(kind).kind == "f":
        return float(np.finfo(numpy_dtype(kind)).smallest_subnormal)
    return 1.0 if np.isfinite(limits(kind)[1]) and not is_float(kind) else 0.0


def _of_negative(x: Range, y: Range, kind: _Exponent, found: _Ends) -> None:
    """|x|^y with the sign of the exponent's parity; of -∞ also for fractions."""
    there = x.low < 0
    if not there.any():
        return
    size = np.maximum(-x.high, 0), np.maximum(-x.low, 0)
    low, high = _corners(size, y)
    for numbers in (low, high):
        found.add(numbers, there & kind.even)
        found.add(-numbers, there & kind.odd)
    infinite = np.isneginf(x.low) & kind.fractional
    if infinite.any():
        for end in (y.low, y.high):
            found.add(np.power(np.inf, end), infinite)


def _of_minus_zero(x: Range, y: Range, kind: _Exponent, found: _Ends) -> None:
    """-0 to an odd power below 0 is -∞."""
    if x.nonzero:
        return
    there = (x.low <= 0) & (x.high >= 0) & kind.odd & (y.low <= -1)
    if there.any():
        found.add(np.asarray(-np.inf), there)


def _rounded(at: At, x: Range, y: Range, low: Array, high: Array, *, nan: bool) -> Range:
    """As kernels give it: nearly, and without the part behind the point of integers."""
    is_whole = not at.is_float
    exact = x.integer and y.integer and y.least >= 0 and max(-low.min(), high.max()) <= 2.0**24
    if not exact:
        low, high = _away(at, low, -1.0), _away(at, high, 1.0)
    if is_whole:
        if nan:  # as if it were out of range
            low, high = np.full_like(low, -np.inf), np.full_like(high, np.inf)
        low, high = np.trunc(low), np.trunc(high)
    return at.made(low, high, x, y, nan=nan, integer=is_whole or (x.integer and y.integer
                   and y.least >= 0), loose=x.varies and y.varies)  # fmt: skip


def _away(at: At, ends: Array, sign: float) -> Array:
    units = 3.0 if at.is_float else 8.0
    eps = kernel_eps(at) if at.is_float else 2.0**-52
    slip = np.where(np.isfinite(ends), np.abs(ends) * units * eps, 0.0)
    return np.asarray(ends + sign * slip)
