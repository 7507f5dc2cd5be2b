"""Functions of one number by their values at the ends and where they turn, as kernels give them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from onnxlint.analyses.ranges.at import At
from onnxlint.analyses.ranges.range import Range

if TYPE_CHECKING:
    from onnxlint.types import Array

    Curve = Callable[[Array], Array]


def kernel_eps(at: At) -> float:
    """The precision that a kernel computes with: float16 is computed as float32."""
    return 2.0**-52 if at.dtype_out() == "double" else 2.0**-23


def curve(
    at: At, x: Range, function: Curve, *, off: float = 0.0, slip: Curve | None = None,
    turns: Sequence[float] = (), least: float = -np.inf, most: float = np.inf,
    nan: bool = False, integer: bool = False, nonzero: bool = False,
) -> Range:  # fmt: skip
    """What a continuous function makes of a range.

    Args:
        at: the node.
        x: what it reads.
        function: the function, of arrays; where it gives NaN, at an infinite end, its limit is 0.
        off: by how many units in the last place of what it computes with the kernel misses it.
        slip: by how much it misses it besides, at a point, in those units.
        turns: the points between which it only rises or only falls, or where `slip` jumps.
        least: what no kernel goes below.
        most: what no kernel goes above.
        nan: NaN comes out of numbers in the range.
        integer: it gives whole numbers.
        nonzero: it gives no 0.
    """
    low, high = ends(at, x, function, off=off, slip=slip, turns=turns)
    low, high = np.clip(low, least, most), np.clip(high, least, most)
    return at.made(low, high, x, nan=nan, integer=integer, nonzero=nonzero)


def ends(
    at: At, x: Range, function: Curve, *, off: float = 0.0, slip: Curve | None = None,
    turns: Sequence[float] = (),
) -> tuple[Array, Array]:  # fmt: skip
    """The ends alone."""
    points = [x.low, x.high, *(np.clip(turn, x.low, x.high) for turn in turns)]
    lows, highs = [], []
    for point in points:
        value = np.nan_to_num(function(point), nan=0.0, posinf=np.inf, neginf=-np.inf)
        units = off * np.abs(value) + (0.0 if slip is None else slip(point))
        away = np.where(np.isfinite(value) & np.isfinite(units), kernel_eps(at) * units, 0.0)
        lows.append(value - away)
        highs.append(value + away)
    return np.minimum.reduce(lows), np.maximum.reduce(highs)


def reaches(x: Range, sign: float) -> bool:
    """Whether infinity of a sign may be among the elements."""
    return bool(x.most == np.inf if sign > 0 else x.least == -np.inf)


def just_above_one(at: At) -> float:
    """The largest number that a kernel gives for a function whose limit is 1.

    The polynomials of float32 exceed it by one or two units in the last place; rounding to float16
    takes that away, and float64 is computed by exact functions.
    """
    return 1.0 + 2 * 2.0**-23 if at.dtype_out() not in ("double", "float16") else 1.0
