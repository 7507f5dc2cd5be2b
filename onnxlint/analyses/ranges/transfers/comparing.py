"""Comparisons and logic: decided where no two elements can be on both sides."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from onnxlint.analyses.ranges.at import At
from onnxlint.analyses.ranges.range import Range
from onnxlint.analyses.ranges.registry import transfer

if TYPE_CHECKING:
    from onnxlint.types import Array

    Truth = Array | bool

EXACT = 2.0**53
"""Integers beyond it are not told apart by the ends, which are float64."""


@transfer("Equal", pointwise=True)
def equal(at: At) -> Range:
    """x == y: never of NaN."""
    a, b = at.pair()
    if at.same(0, 1):
        return _decided(at, not a.nan, False)
    never = (a.high < b.low) | (a.low > b.high) | _never_zero(a, b) | _never_zero(b, a)
    points = (a.low == a.high) & (b.low == b.high) & (a.low == b.low)
    return _decided(at, points & _are_told_apart(a) & (not (a.nan or b.nan)), never)


def _never_zero(one: Range, other: Range) -> Array:
    """Where one is 0 and the other never is."""
    return np.asarray((one.low == 0) & (one.high == 0) & other.nonzero & (not one.nan))


def _are_told_apart(one: Range) -> Array:
    """Where equal ends are equal numbers; floats have the very ends."""
    return np.asarray((not one.integer) | (np.maximum(np.abs(one.low), np.abs(one.high)) < EXACT))


@transfer("Less", pointwise=True)
def less(at: At) -> Range:
    """x < y."""
    return _ordered(at, *at.pair(), is_strict=True)


@transfer("Greater", pointwise=True)
def greater(at: At) -> Range:
    """x > y."""
    a, b = at.pair()
    return _ordered(at, b, a, is_strict=True)


@transfer("LessOrEqual", pointwise=True)
def less_or_equal(at: At) -> Range:
    """x <= y."""
    return _ordered(at, *at.pair(), is_strict=False)


@transfer("GreaterOrEqual", pointwise=True)
def greater_or_equal(at: At) -> Range:
    """x >= y."""
    a, b = at.pair()
    return _ordered(at, b, a, is_strict=False)


def _ordered(at: At, a: Range, b: Range, *, is_strict: bool) -> Range:
    are_numbers = not (a.nan or b.nan)
    if at.same(0, 1):
        return _decided(at, not is_strict and are_numbers, is_strict)
    apart = _are_told_apart(a) & _are_told_apart(b)
    before, after = a.high < b.low, a.low > b.high
    if is_strict:
        after = after | ((a.low >= b.high) & apart)
    else:
        before = before | ((a.high <= b.low) & apart)
    return _decided(at, before & are_numbers, after)


def _decided(at: At, always: Truth, never: Truth) -> Range:
    """1 where it always holds, 0 where it never does, else either."""
    return at.made(np.where(always, 1.0, 0.0), np.where(never, 0.0, 1.0), integer=True)


@transfer("And", pointwise=True)
def both(at: At) -> Range:
    """Both are true."""
    a, b = at.pair()
    return _decided(at, (a.low > 0) & (b.low > 0), (a.high <= 0) | (b.high <= 0))


@transfer("Or", pointwise=True)
def either(at: At) -> Range:
    """One is true, or both."""
    a, b = at.pair()
    return _decided(at, (a.low > 0) | (b.low > 0), (a.high <= 0) & (b.high <= 0))


@transfer("Xor", pointwise=True)
def one_alone(at: At) -> Range:
    """One is true, the other not."""
    a, b = at.pair()
    if at.same(0, 1):
        return _decided(at, False, True)
    always = ((a.low > 0) & (b.high <= 0)) | ((a.high <= 0) & (b.low > 0))
    return _decided(at, always, ((a.low > 0) & (b.low > 0)) | ((a.high <= 0) & (b.high <= 0)))


@transfer("Not", pointwise=True)
def denied(at: At) -> Range:
    """It is false."""
    return _decided(at, at[0].high <= 0, at[0].low > 0)


@transfer("IsNaN", pointwise=True)
def is_nan(at: At) -> Range:
    """Whether it is NaN."""
    x = at[0]
    return _decided(at, np.zeros_like(x.low, bool), np.full_like(x.low, not x.nan, bool))


@transfer("IsInf", pointwise=True)
def is_infinite(at: At) -> Range:
    """Whether it is infinity, of the signs that are asked for."""
    x = at[0]
    up = np.isposinf(x.high) & bool(at.attribute("detect_positive", 1))
    down = np.isneginf(x.low) & bool(at.attribute("detect_negative", 1))
    always = ((np.isposinf(x.low) & up) | (np.isneginf(x.high) & down)) & (not x.nan)
    return _decided(at, always, ~(up | down))
