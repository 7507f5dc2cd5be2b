"""Remainders, shifts and bits."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from onnxlint.analyses.ranges.at import At
from onnxlint.analyses.ranges.range import Range
from onnxlint.analyses.ranges.registry import transfer
from onnxlint.model.file.dtypes import bits

if TYPE_CHECKING:
    from onnxlint.types import Array


@transfer("Mod", pointwise=True)
def remainder(at: At) -> Range:
    """x modulo y: with the sign of y, with `fmod` and of floats with that of x.

    A divisor 0 ends the run for integers and is NaN for floats.
    """
    a, b = at.pair()
    if at.is_float or at.attribute("fmod", 0):
        return _of_sign_of_dividend(at, a, b)
    return _of_sign_of_divisor(at, a, b)


def _of_sign_of_dividend(at: At, a: Range, b: Range) -> Range:
    size = np.maximum(np.abs(b.low), np.abs(b.high))
    if not at.is_float:
        size = np.maximum(size - 1, 0)
    nan = at.is_float and (b.holds(0) or a.infinite)
    low, high = np.clip(a.low, -size, 0), np.clip(a.high, 0, size)
    least = np.where(b.low > 0, b.low, np.where(b.high < 0, -b.high, 0))
    unchanged = np.maximum(np.abs(a.low), np.abs(a.high)) < least
    return at.made(np.where(unchanged, a.low, low), np.where(unchanged, a.high, high), a, b,
                   nan=nan, integer=a.integer and b.integer,
                   loose=a.varies and b.varies)  # fmt: skip


def _of_sign_of_divisor(at: At, a: Range, b: Range) -> Range:
    low = np.where(b.low < 0, np.minimum(b.low + 1, 0), 0.0)
    high = np.where(b.high > 0, np.maximum(b.high - 1, 0), 0.0)
    is_positive = b.low > 0
    high = np.where(is_positive & (a.low >= 0), np.minimum(high, a.high), high)
    start = np.floor(a.low / b.low)
    within = is_positive & (b.low == b.high) & (start == np.floor(a.high / b.low))
    shift = np.where(within, start * b.low, 0.0)
    within |= is_positive & (a.low >= 0) & (a.high < b.low)
    return at.made(np.where(within, a.low - shift, low), np.where(within, a.high - shift, high),
                   a, b, integer=True, loose=a.varies and b.varies)  # fmt: skip


@transfer("BitShift", pointwise=True)
def shifted(at: At) -> Range | None:
    """x · 2^y, or x / 2^y rounded down; by as many bits as there are, what the machine does."""
    a, b = at.pair()
    kind = at.element_type_out()
    width = None if kind is None else bits(kind)
    direction = at.attribute("direction", "")
    if width is None or direction not in ("LEFT", b"LEFT", "RIGHT", b"RIGHT"):
        return None
    beyond = (b.high >= width) | (b.low < 0)
    is_left = direction in ("LEFT", b"LEFT")
    factors = [np.exp2(np.clip(end, 0, width) * (1 if is_left else -1)) for end in (b.low, b.high)]
    ends = np.array(np.broadcast_arrays(*(
        np.floor(end * factor) for end in (a.low, a.high) for factor in factors
    )))  # fmt: skip
    low, high = ends.min(axis=0), ends.max(axis=0)
    least, most = (-np.inf, np.inf) if is_left else (np.minimum(a.low, 0), np.maximum(a.high, 0))
    is_zero = (a.low == 0) & (a.high == 0)
    low = np.where(beyond & ~is_zero, np.minimum(low, least), low)
    high = np.where(beyond & ~is_zero, np.maximum(high, most), high)
    return at.made(low, high, a, b, integer=True)


@transfer("BitwiseAnd", pointwise=True)
def bits_of_both(at: At) -> Range:
    """No more than an operand that is not negative."""
    a, b = at.pair()
    exact = _exact(at, a, b, np.bitwise_and)
    if exact is not None:
        return exact
    low, high = _by_width(a, b)
    positive = (a.low >= 0) | (b.low >= 0)
    most = np.where(a.low >= 0, np.where(b.low >= 0, np.minimum(a.high, b.high), a.high), b.high)
    low, high = np.where(positive, 0.0, low), np.where(positive, most, np.maximum(a.high, b.high))
    return at.made(low, high, a, b, integer=True, loose=a.varies and b.varies)


@transfer("BitwiseOr", pointwise=True)
def bits_of_either(at: At) -> Range:
    """No less than an operand, where both are not negative."""
    a, b = at.pair()
    exact = _exact(at, a, b, np.bitwise_or)
    if exact is not None:
        return exact
    low, high = _by_width(a, b)
    positive = (a.low >= 0) & (b.low >= 0)
    low = np.where(positive, np.maximum(a.low, b.low), np.minimum(a.low, b.low))
    high = np.where((a.high < 0) | (b.high < 0), -1.0, high)
    return at.made(low, high, a, b, integer=True, loose=a.varies and b.varies)


@transfer("BitwiseXor", pointwise=True)
def bits_of_one(at: At) -> Range:
    """Within the bits that the operands have."""
    a, b = at.pair()
    if at.same(0, 1):
        return at.made(np.zeros_like(a.low), np.zeros_like(a.low), a, integer=True)
    exact = _exact(at, a, b, np.bitwise_xor)
    if exact is not None:
        return exact
    low, high = _by_width(a, b)
    low = np.where((a.low >= 0) & (b.low >= 0), 0.0, low)
    return at.made(low, high, a, b, integer=True, loose=a.varies and b.varies)


@transfer("BitwiseNot", pointwise=True)
def bits_turned(at: At) -> Range:
    """-1 - x, of unsigned numbers the largest less x."""
    x, (least, most) = at[0], at.limits
    top = -1.0 if least < 0 else most
    slip = 2.0**-52 * most if most >= 2.0**53 else 0.0  # ends are float64
    low, high = top - x.high - slip, top - x.low + slip
    return at.made(np.maximum(low, least), np.minimum(high, most), x, integer=True)


def _exact(at: At, a: Range, b: Range, function: np.ufunc) -> Range | None:
    """The very numbers, where both are known."""
    if not (a.is_point and b.is_point) or max(a.magnitude, b.magnitude) >= 2.0**53:
        return None
    found = function(a.low.astype(np.int64), b.low.astype(np.int64)).astype(np.float64)
    return at.made(found, found, a, b, integer=True)


def _by_width(a: Range, b: Range) -> tuple[Array, Array]:
    """From -2^n to 2^n - 1, with as many bits as the larger operand."""
    sizes = [np.abs(each.low) for each in (a, b)] + [np.abs(each.high) + 1 for each in (a, b)]
    size = np.exp2(np.ceil(np.log2(np.maximum(np.maximum.reduce(
        list(np.broadcast_arrays(*sizes))), 1.0))))  # fmt: skip
    return -size, size - 1
