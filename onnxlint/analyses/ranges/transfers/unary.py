"""Functions of one number that mathematics knows: exponentials, roots, angles, roundings.

How far kernels are off was measured against float64 (of float64: against 80-bit numbers), over
every number of float16, four million bit patterns of float32 and one million of float64, and over
a million points between -20 and 20; the limits here are about twice what was seen.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from onnxlint.analyses.ranges.at import At
from onnxlint.analyses.ranges.range import Range, limits, precision, together
from onnxlint.analyses.ranges.registry import transfer
from onnxlint.analyses.ranges.transfers.curves import curve, just_above_one
from onnxlint.model.file.dtypes import is_float, numpy_dtype

if TYPE_CHECKING:
    from onnxlint.types import Array

FAR = 1e8
"""Beyond it, neighbours of a period are not told apart. A choice: no model computes there."""

STEEPEST = 1e12
"""What no tangent of a float32 exceeds: the number nearest to a pole is 1e-9 away."""


@transfer("Abs", pointwise=True)
def magnitude(at: At) -> Range:
    """|x|."""
    x = at[0]
    return curve(at, x, np.abs, turns=(0.0,), integer=x.integer, nonzero=x.nonzero)


@transfer("Ceil", pointwise=True)
def rounded_up(at: At) -> Range:
    """The next whole number above."""
    return curve(at, at[0], np.ceil, integer=True)


@transfer("Floor", pointwise=True)
def rounded_down(at: At) -> Range:
    """The next whole number below."""
    return curve(at, at[0], np.floor, integer=True)


@transfer("Round", pointwise=True)
def rounded(at: At) -> Range:
    """The nearest whole number, the even one of two."""
    return curve(at, at[0], np.rint, integer=True)


@transfer("Sign", pointwise=True)
def sign(at: At) -> Range:
    """-1, 0 or 1; the kernel of float16 gives 0 for NaN."""
    x = at[0]
    low, high = np.sign(x.low), np.sign(x.high)
    if x.nan:
        low, high = np.minimum(low, 0), np.maximum(high, 0)
    return at.made(low, high, x, integer=True, nonzero=x.nonzero and not x.nan)


@transfer("Exp", pointwise=True)
def exponential(at: At) -> Range:
    """e^x: 0.6 units off in float32, 1.2 in float64; 1 at most where x is not positive."""
    found = curve(at, at[0], np.exp, off=2.0)
    low = np.where(at[0].low >= 0, np.maximum(found.low, 1.0), found.low)
    high = np.where(at[0].high <= 0, np.minimum(found.high, 1.0), found.high)
    return at.made(low, high, at[0])


@transfer("Log", pointwise=True)
def logarithm(at: At) -> Range:
    """ln x: 1.9 units off; -∞ at 0, NaN below."""
    x, nan = _inside(at, 0.0, np.inf)
    if x.nonzero:  # then the least number is the end
        least = _least_number(at)
        low = np.where(x.low <= 0, np.minimum(least, x.high), x.low)
        x = Range(low, x.high, x.nan, free=x.free, loose=x.loose, mixed=x.mixed, varies=x.varies)
    return curve(at, x, np.log, off=3.0, nan=nan)


def _least_number(at: At) -> float:
    kind = at.element_type()
    if kind is None or not is_float(kind) or numpy_dtype(kind).kind != "f":
        return 0.0
    return float(np.finfo(numpy_dtype(kind)).smallest_subnormal)


@transfer("Sqrt", pointwise=True)
def root(at: At) -> Range:
    """The square root, rounded correctly; NaN below 0, not of -0."""
    x, nan = _inside(at, 0.0, np.inf)
    return curve(at, x, np.sqrt, nan=nan, nonzero=x.nonzero)


def _inside(at: At, low: float, high: float) -> tuple[Range, bool]:
    """The operand where the function is defined, and whether it may be elsewhere."""
    x = at[0]
    outside = bool((x.low < low).any() or (x.high > high).any())
    if not outside:
        return x, False
    cut = Range(
        np.clip(x.low, low, high), np.clip(x.high, low, high), x.nan, nonzero=x.nonzero,
        free=x.free, loose=x.loose, mixed=x.mixed, varies=x.varies,
    )  # fmt: skip
    return cut, True


@transfer("Erf", pointwise=True)
def error_function(at: At) -> Range:
    """erf x: 0.7 units off; exactly 1 from 3.92 on."""
    return curve(at, at[0], erf, off=2.0, least=-1.0, most=1.0)


def erf(x: Array) -> Array:
    """The error function, which numpy has not; of the few numbers that ends are."""
    return np.asarray(np.frompyfunc(math.erf, 1, 1)(x), np.float64)


@transfer("Sin", pointwise=True)
def sine(at: At) -> Range:
    """sin x: 1.5 units off, in float64 3 units of 1."""
    return _wave(at, np.sin, math.pi / 2)


@transfer("Cos", pointwise=True)
def cosine(at: At) -> Range:
    """cos x: 1.4 units off, in float64 3 units of 1."""
    return _wave(at, np.cos, 0.0)


def _wave(at: At, function: Callable[[Array], Array], peak: float) -> Range:
    """Between -1 and 1: both where the range holds a peak and a valley. NaN of infinity."""
    x = at[0]
    far = ((np.abs(x.low) > FAR) | (np.abs(x.high) > FAR)) & (x.low != x.high)
    found = curve(at, x, function, off=3.0, slip=lambda p: 4 * np.minimum(np.abs(p), 1),
                  least=-1.0, most=1.0, nan=x.infinite)  # fmt: skip
    tops = far | _holds_one_of(x, peak, 2 * math.pi)
    bottoms = far | _holds_one_of(x, peak + math.pi, 2 * math.pi)
    return at.made(np.where(bottoms, -1.0, found.low), np.where(tops, 1.0, found.high), x,
                   nan=x.infinite)  # fmt: skip


def _holds_one_of(x: Range, first: float, period: float) -> Array:
    """Whether a number first + k · period lies inside, or nearly."""
    near = 1e-6
    last = np.floor((x.high + near - first) / period) * period + first
    return np.asarray(~(last < x.low - near))


@transfer("Tan", pointwise=True)
def tangent(at: At) -> Range:
    """tan x: 0.8 units off; between two poles by its ends."""
    x = at[0]
    far = ((np.abs(x.low) > FAR) | (np.abs(x.high) > FAR)) & (x.low != x.high)
    poles = far | (_holds_one_of(x, math.pi / 2, math.pi) & (x.low != x.high))
    found = curve(at, x, np.tan, off=3.0, nan=x.infinite)
    low, high = np.where(poles, -STEEPEST, found.low), np.where(poles, STEEPEST, found.high)
    return at.made(low, high, x, nan=x.infinite)


@transfer("Asin", pointwise=True)
def arc_sine(at: At) -> Range:
    """arcsin x: 4.1 units off; NaN beyond 1."""
    x, nan = _inside(at, -1.0, 1.0)
    return curve(at, x, np.arcsin, off=8.0, nan=nan)


@transfer("Acos", pointwise=True)
def arc_cosine(at: At) -> Range:
    """arccos x: 2.3 units off; NaN beyond 1."""
    x, nan = _inside(at, -1.0, 1.0)
    return curve(at, x, np.arccos, off=6.0, nan=nan)


@transfer("Atan", pointwise=True)
def arc_tangent(at: At) -> Range:
    """arctan x: 2.4 units off."""
    return curve(at, at[0], np.arctan, off=5.0)


@transfer("Sinh", pointwise=True)
def hyperbolic_sine(at: At) -> Range:
    """sinh x: 1.4 units off."""
    return curve(at, at[0], np.sinh, off=3.0)


@transfer("Cosh", pointwise=True)
def hyperbolic_cosine(at: At) -> Range:
    """cosh x: 1.4 units off; 1 at least."""
    return curve(at, at[0], np.cosh, off=3.0, turns=(0.0,), least=1.0)


@transfer("Tanh", pointwise=True)
def hyperbolic_tangent(at: At) -> Range:
    """tanh x: 4 units off, and 60 least numbers of float32 where that is more.

    ±1 from 8.1 on in float32, which it exceeds by two units, and from 17.8 on in float64.
    """
    most = just_above_one(at)
    denormal = 1e-42 / 2.0**-23 if at.dtype_out() != "double" else 0.0
    return curve(at, at[0], np.tanh, off=6.0, slip=lambda p: np.where(p == 0, 0.0, denormal),
                 least=-most, most=most)  # fmt: skip


@transfer("Asinh", pointwise=True)
def area_sine(at: At) -> Range:
    """arsinh x: 1.1 units off."""
    return curve(at, at[0], np.arcsinh, off=3.0)


@transfer("Acosh", pointwise=True)
def area_cosine(at: At) -> Range:
    """arcosh x: 1.1 units off; NaN below 1."""
    x, nan = _inside(at, 1.0, np.inf)
    return curve(at, x, np.arccosh, off=3.0, nan=nan)


@transfer("Atanh", pointwise=True)
def area_tangent(at: At) -> Range:
    """artanh x: 1 unit off; ±∞ at ±1, NaN beyond."""
    x, nan = _inside(at, -1.0, 1.0)
    return curve(at, x, np.arctanh, off=3.0, nan=nan)


@transfer("Identity", pointwise=True)
def copied(at: At) -> Range:
    """x, whatever it is."""
    return at.passed()


@transfer("Mean", pointwise=True)
def mean(at: At) -> Range | None:
    """The mean of any number of values; each of their sums rounds, and may overflow."""
    parts = [each for each in at.read if each is not None]
    if not parts:
        return None
    total = parts[0].without_parts()
    for part in parts[1:]:
        total = _added(at, total, part)
    if len(parts) == 1:
        return total
    size = sum(part.magnitude for part in parts)
    slip = (len(parts) + 1) * precision(at.element_type_out()) * size / len(parts)
    slip = slip if math.isfinite(slip) else 0.0
    return at.made(total.low / len(parts) - slip, total.high / len(parts) + slip, *parts,
                   nan=total.nan, loose=total.loose)  # fmt: skip


def _added(at: At, one: Range, other: Range) -> Range:
    a, b = together(one, other)
    _, most = limits(at.element_type_out())
    low, high = a.low + b.low, a.high + b.high
    low, high = np.where(low < -most, -np.inf, low), np.where(high > most, np.inf, high)
    opposed = (a.most == np.inf and b.least == -np.inf) or (a.least == -np.inf and b.most == np.inf)
    return at.made(np.nan_to_num(low, nan=-np.inf, posinf=np.inf, neginf=-np.inf),
                   np.nan_to_num(high, nan=np.inf, posinf=np.inf, neginf=-np.inf),
                   a, b, nan=opposed, loose=a.varies and b.varies)  # fmt: skip
