"""Intervals along the axis of the channels, and what operators make of them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from onnxlint.types import Array

ROUNDING = 1e-6
"""What the sums of a layer may be off by rounding, relative to the sum of the magnitudes: eight
times float32's relative precision, as the errors of long sums grow by the root of their length."""


@dataclass(frozen=True, eq=False)
class Interval:
    """The least and the largest number that a value can hold, for any input.

    One number, or one for each channel along `axis`, which is counted from the end.
    """

    low: Array
    high: Array
    axis: int | None = None

    @classmethod
    def of(cls, low: float = -math.inf, high: float = math.inf) -> Interval:
        """One for all elements."""
        import numpy as np

        return cls(np.array([low]), np.array([high]))

    @property
    def hull(self) -> Interval:
        """One for all channels together."""
        return Interval.of(float(self.low.min()), float(self.high.max()))

    def with_zero(self) -> Interval:
        """Padding with zeros added."""
        import numpy as np

        return Interval(np.minimum(self.low, 0), np.maximum(self.high, 0), self.axis)

    def within(self, low: float, high: float) -> Interval:
        """Cut off on both sides."""
        import numpy as np

        return Interval(np.clip(self.low, low, high), np.clip(self.high, low, high), self.axis)


def of_constant(array: Array, axis: int | None) -> Interval:
    """The interval of a constant, along an axis where it has it."""
    import numpy as np

    numbers = array.astype(np.float64)
    if axis is None or numbers.ndim < -axis or numbers.shape[axis] == 1:
        return Interval.of(float(numbers.min()), float(numbers.max()))
    rows = np.moveaxis(numbers, axis, 0).reshape(numbers.shape[axis], -1)
    return Interval(rows.min(axis=1), rows.max(axis=1), axis)


def aligned(one: Interval, other: Interval) -> tuple[Interval, Interval, int | None]:
    """Both along one axis; over all channels where they have them at different places."""
    axes = {interval.axis for interval in (one, other) if interval.axis is not None}
    sizes = {len(interval.low) for interval in (one, other) if interval.axis is not None}
    if len(axes) > 1 or len(sizes) > 1:
        return one.hull, other.hull, None
    return one, other, next(iter(axes), None)


def added(one: Interval, other: Interval) -> Interval:
    """The interval of a sum."""
    import numpy as np

    one, other, axis = aligned(one, other)
    with np.errstate(invalid="ignore"):
        low, high = one.low + other.low, one.high + other.high
    return Interval(_or(low, -math.inf), _or(high, math.inf), axis)


def negated(one: Interval) -> Interval:
    """With the other sign."""
    return Interval(-one.high, -one.low, one.axis)


def multiplied(one: Interval, other: Interval) -> Interval:
    """The interval of a product: by its corners, where 0 times infinity is 0."""
    import numpy as np

    one, other, axis = aligned(one, other)
    with np.errstate(invalid="ignore"):
        corners = [a * b for a in (one.low, one.high) for b in (other.low, other.high)]
    ends = np.nan_to_num(np.array(corners), nan=0.0, posinf=np.inf, neginf=-np.inf)
    return Interval(ends.min(axis=0), ends.max(axis=0), axis)


def joined(parts: list[Interval], axis: int | None) -> Interval:
    """The interval over several parts, one behind the other where they have channels there."""
    import numpy as np

    if axis is not None and all(part.axis == axis for part in parts):
        low, high = (np.concatenate([getattr(p, end) for p in parts]) for end in ("low", "high"))
        return Interval(low, high, axis)
    hulls = [part.hull for part in parts]
    return Interval.of(min(float(h.low[0]) for h in hulls), max(float(h.high[0]) for h in hulls))


def weighed(data: Interval, positive: Array, negative: Array, axis: int) -> Interval:
    """What a layer makes of its input: W⁺·high + W⁻·low and W⁺·low + W⁻·high.

    Both parts of the weight have a row for each output and a column for each input.
    """
    import numpy as np

    size = (positive.shape[1],)
    low, high = (np.broadcast_to(end, size) for end in (data.low, data.high))
    with np.errstate(invalid="ignore"):
        least = _summed(positive, low) + _summed(negative, high)
        most = _summed(positive, high) + _summed(negative, low)
        slack = ROUNDING * _summed(positive - negative, np.maximum(np.abs(low), np.abs(high)))
        least, most = least - slack, most + slack
    return Interval(_or(least, -math.inf), _or(most, math.inf), axis)


def _or(numbers: Array, default: float) -> Array:
    """What takes the place of NaN."""
    import numpy as np

    return np.where(np.isnan(numbers), default, numbers)


def _summed(weight: Array, ends: Array) -> Array:
    """A product with a matrix, in which 0 times infinity is 0."""
    import numpy as np

    finite = np.isfinite(ends)
    total = weight @ np.where(finite, ends, 0)
    for sign in (1, -1):
        infinite = ~finite & (np.sign(ends) == sign)
        if infinite.any():
            reached = np.sign(weight[:, infinite]).sum(axis=1)  # all of one sign
            total = np.where(reached, reached * sign * np.inf, total)
    return total
