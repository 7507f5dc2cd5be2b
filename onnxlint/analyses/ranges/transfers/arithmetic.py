"""Sums, differences, products and quotients, with the relations that make them narrow."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from msgspec.structs import replace

from onnxlint.analyses.ranges.at import At
from onnxlint.analyses.ranges.range import Range
from onnxlint.analyses.ranges.registry import transfer
from onnxlint.analyses.ranges.transfers import relations

if TYPE_CHECKING:
    from onnxlint.types import Array


@transfer("Add", pointwise=True)
def added(at: At) -> Range:
    """x + y."""
    a, b = at.pair()
    return _sum(at, a, b)


@transfer("Sub", pointwise=True)
def subtracted(at: At) -> Range:
    """x - y; 0 of a value and itself, where both are finite."""
    a, b = at.pair()
    if at.same(0, 1) and a.is_finite:
        return at.made(0.0, 0.0, integer=True)
    return relations.of_difference(at) or _sum(at, a, negated(b))


@transfer("Sum", pointwise=True)
def summed(at: At) -> Range | None:
    """The sum of any number of values."""
    parts = [each for each in at.read if each is not None]
    if not parts:
        return None
    total = parts[0]
    for part in parts[1:]:
        total = _sum(at, total, part)
    return total


@transfer("Neg", pointwise=True)
def opposite(at: At) -> Range:
    """-x."""
    return negated(at[0])


@transfer("Mul", pointwise=True)
def multiplied(at: At) -> Range:
    """x · y; a square of a value and itself."""
    if at.same(0, 1):
        return squared(at, at[0])
    return relations.of_product(at) or product(at, *at.pair())


@transfer("Div", pointwise=True)
def divided(at: At) -> Range | None:
    """x / y; of integers towards 0."""
    a, b = at.pair()
    if not at.is_float:
        return _whole_quotient(at, a, b)
    return relations.of_quotient(at) or quotient(at, a, b)


@transfer("Reciprocal", pointwise=True)
def inverted(at: At) -> Range:
    """1 / x."""
    return quotient(at, Range.of(1.0, 1.0), at[0])


def negated(one: Range) -> Range:
    """With the other sign."""
    return replace(one.without_parts(), low=-one.high, high=-one.low)


def _sum(at: At, a: Range, b: Range) -> Range:
    opposed = (_reaches(a, 1) and _reaches(b, -1)) or (_reaches(a, -1) and _reaches(b, 1))
    return at.made(
        a.low + b.low, a.high + b.high, a, b,
        nan=opposed, integer=a.integer and b.integer, loose=a.varies and b.varies,
    )  # fmt: skip


def _reaches(one: Range, sign: int) -> bool:
    """Whether infinity of a sign may be among its elements."""
    return bool(np.isposinf(one.high).any() if sign > 0 else np.isneginf(one.low).any())


def squared(at: At, x: Range) -> Range:
    """x · x."""
    ends = np.array([x.low * x.low, x.high * x.high])
    least = np.where((x.low <= 0) & (x.high >= 0), 0.0, ends.min(axis=0))
    return at.made(least, ends.max(axis=0), x, integer=x.integer)


def product(at: At, a: Range, b: Range) -> Range:
    """x · y of values that are not the same: by the four corners, where 0 · ∞ is NaN and no end."""
    corners = np.array(np.broadcast_arrays(
        *(np.nan_to_num(p * q, nan=0.0, posinf=np.inf, neginf=-np.inf)
          for p in (a.low, a.high) for q in (b.low, b.high))
    ))  # fmt: skip
    nan = (a.holds(0) and b.infinite) or (b.holds(0) and a.infinite)
    return at.made(
        corners.min(axis=0), corners.max(axis=0), a, b,
        nan=nan, integer=a.integer and b.integer, loose=a.varies and b.varies,
    )  # fmt: skip


def quotient(at: At, a: Range, b: Range) -> Range:
    """x / y of floats, as IEEE 754 has it: ±∞ where only y is 0, NaN where both are."""
    holds_zero = not b.nonzero and bool(((b.low <= 0) & (b.high >= 0)).any())
    spans, *inverses = _reciprocal(b)
    ends = np.array(np.broadcast_arrays(
        *(np.nan_to_num(np.where(spans, p * inverse, p / q), nan=0.0, posinf=np.inf, neginf=-np.inf)
          for p in (a.low, a.high) for inverse, q in zip(inverses, (b.high, b.low), strict=True))
    ))  # fmt: skip
    nan = (holds_zero and a.holds(0)) or (a.infinite and b.infinite)
    return at.made(ends.min(axis=0), ends.max(axis=0), a, b, nan=nan, loose=a.varies and b.varies)


def _reciprocal(b: Range) -> tuple[Array, Array, Array]:
    """Where y may be 0, and the ends of 1 / y: from either side everything; -0 counts as a side."""
    low, high = 1.0 / b.high, 1.0 / b.low
    spans = (b.low <= 0) & (b.high >= 0)  # an end that is 0 may be -0
    return spans, np.where(spans, -np.inf, low), np.where(spans, np.inf, high)


def _whole_quotient(at: At, a: Range, b: Range) -> Range | None:
    """Integers are cut off towards 0; a divisor of 0 ends the run, so what comes out had none."""
    low, high = b.low, b.high
    parts = [(np.minimum(low, -1), np.minimum(high, -1), low < 0),
             (np.maximum(low, 1), np.maximum(high, 1), high > 0)]  # fmt: skip
    ends = [np.where(is_there, np.trunc(p / q), np.nan)
            for *both, is_there in parts for q in both for p in (a.low, a.high)]  # fmt: skip
    found = np.array(np.broadcast_arrays(*ends))
    if np.isnan(found).all(axis=0).any():
        return at.made(a.low.min(), a.high.max(), integer=True)
    return at.made(np.nanmin(found, axis=0), np.nanmax(found, axis=0), a, b, integer=True,
                   loose=a.varies and b.varies)  # fmt: skip
