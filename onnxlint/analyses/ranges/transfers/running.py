"""Running sums and products along an axis."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from onnxlint.analyses.ranges.at import At
from onnxlint.analyses.ranges.range import Range
from onnxlint.analyses.ranges.registry import transfer

if TYPE_CHECKING:
    from onnxlint.types import Array

LONGEST = 2**31
"""Elements along an axis of unknown size, which no runtime exceeds in memory."""


@transfer("CumSum")
def running_sum(at: At) -> Range:
    """Sums of 1 to n elements, with `exclusive` of 0 to n - 1. Each step rounds."""
    x, count, first = _walked(at)
    steps = max(count, 1)
    low, high = np.minimum(x.low * first, x.low * steps), np.maximum(x.high * first, x.high * steps)
    if not first or not count:
        low, high = np.minimum(low, 0), np.maximum(high, 0)
    low, high = (np.nan_to_num(end, nan=0.0, posinf=np.inf, neginf=-np.inf) for end in (low, high))
    if at.is_float:
        slip = steps * steps * at.eps * x.magnitude if steps < 1 / at.eps else np.inf
        slip = min(slip, steps * x.magnitude) if np.isfinite(x.magnitude) and x.magnitude else 0.0
        low, high = low - slip, high + slip
        if x.least >= 0:
            low = np.maximum(low, np.minimum(x.low, 0 if not first else x.low))
        if x.most <= 0:
            high = np.minimum(high, np.maximum(x.high, 0 if not first else x.high))
    most = at.limits[1]
    nan = (x.most == np.inf and low.min() < -most) or (x.least == -np.inf and high.max() > most)
    return at.made(low, high, x, nan=nan, integer=x.integer, mixes=True)


def _walked(at: At) -> tuple[Range, int, int]:
    """The elements along the axis as one interval, the most that are joined, and the least."""
    exclusive = bool(at.attribute("exclusive", 0))
    x, axis, rank = at.with_rank(0), at.number(1), at.rank(0)
    if axis is None or rank is None or not -rank <= int(axis) < rank:
        x, count = x.hull, None
    else:
        x, count = x.collapsed([int(axis)]), at.size(0, [int(axis)])
    count = LONGEST if count is None else count
    return x.without_parts(), count - exclusive, 0 if exclusive else 1


@transfer("CumProd")
def running_product(at: At) -> Range:
    """Products of 1 to n elements, with `exclusive` of 0 to n - 1, where none is 1."""
    x, count, first = _walked(at)
    steps = max(count, 1)
    if x.least >= 0:
        low, high = np.minimum(x.low, _power(x.low, steps)), _most(x.high, steps)
    else:
        high = _most(np.maximum(np.abs(x.low), np.abs(x.high)), steps)
        low = -high
    if not first or not count:
        low, high = np.minimum(low, 1), np.maximum(high, 1)
    if at.is_float:
        slip = min(steps * at.eps * 2, 1.0)
        low, high = low - slip * np.abs(low), high + slip * np.abs(high)
        low = np.nan_to_num(low, nan=-np.inf, neginf=-np.inf, posinf=np.inf)
    nan = bool(high.max() > at.limits[1]) and (x.holds(0) or x.infinite)
    return at.made(low, high, x, nan=nan, integer=x.integer, mixes=True)


def _power(ends: Array, steps: int) -> Array:
    return np.asarray(np.power(ends, float(steps)))


def _most(ends: Array, steps: int) -> Array:
    """The larger of the first and the last power."""
    return np.maximum(ends, _power(ends, steps))
