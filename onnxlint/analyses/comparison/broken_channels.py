"""Which channels of an output are broken, though the output as a whole agrees with another's."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from msgspec import Struct, field

from onnxlint.analyses.static.precision import LEAST_RMS, finite_parts

if TYPE_CHECKING:
    from onnxlint.types import Array

MOST_CHANNELS = 4096
"""Longer axes hold places, not channels. A choice of ours: ImageNet-21k has 21,841 classes, whose
channels are as large as each other."""

LEAST_ELEMENTS = 8
"""So few of a channel tell nothing: as many as there are samples by default."""

NOTHING_LEFT = 0.7
"""The error of a channel of which more is wrong than right: two vectors of one length have it where
they are 41 degrees apart, and one that is zero has 1. A choice of ours."""

ROUNDING_STEPS = 16
"""Steps of the dtype at the output's own size that a sum may lose: what is no larger is noise."""

NOISE_QUANTISED = 1e-4
"""Share of the output's size below which a channel of a quantised model is noise: scores from 0 to
1 beside coordinates in an image of 4,096 pixels are twice as large. A choice of ours."""


class BrokenChannels(Struct, frozen=True):
    """Channels along an axis of an output of which nothing is left; `size` is how many there are.

    `constant` is the number that all of them give instead, for every sample; `error` is the largest
    relative L2 error of one of them, where more than `limit` is told of what is not constant.
    """

    axis: int
    channels: list[int]
    size: int
    error: float
    constant: float | None
    limit: float


class _Totals(Struct):
    """Sums over all elements of each channel."""

    count: int
    difference: Array
    wanted: Array
    squares: Array
    least: Array
    most: Array

    @classmethod
    def of(cls, got: Array, wanted: Array, axis: int) -> _Totals:
        others = tuple(other for other in range(got.ndim) if other != axis)
        return cls(
            got.size // got.shape[axis],
            ((got - wanted) ** 2).sum(others),
            wanted.sum(others),
            (wanted**2).sum(others),
            got.min(others),
            got.max(others),
        )

    def __add__(self, other: _Totals) -> _Totals:
        import numpy as np

        return _Totals(
            self.count + other.count,
            self.difference + other.difference,
            self.wanted + other.wanted,
            self.squares + other.squares,
            np.minimum(self.least, other.least),
            np.maximum(self.most, other.most),
        )


class ChannelComparison(Struct):
    """The second and the last axis of an output, compared channel by channel over all runs."""

    _totals: dict[int, _Totals] = field(default_factory=dict)
    _lost: set[int] = field(default_factory=set)

    def add(self, got: Array, wanted: Array) -> None:
        """Compares one run: arrays of floats and of one shape."""
        axes = [axis for axis in _axes(got.shape) if axis not in self._lost]
        got, wanted, alike = finite_parts(got, wanted)
        if not axes or not got.size or not alike.all():
            return  # what is infinite in one of them alone is reported as a whole
        for axis in axes:
            new = _Totals.of(got, wanted, axis)
            known = self._totals.get(axis)
            if known is not None and known.least.shape != new.least.shape:
                self._lost.add(axis)  # a dynamic size is none of channels
                del self._totals[axis]
                continue
            self._totals[axis] = new if known is None else known + new

    def broken(self, epsilon: float, *, quantised: bool) -> BrokenChannels | None:
        """The channels that are broken, along the first axis that has some and not only such."""
        found = (self._broken(axis, epsilon, quantised) for axis in sorted(self._totals))
        return next(filter(None, found), None)

    def _broken(self, axis: int, epsilon: float, quantised: bool) -> BrokenChannels | None:
        import numpy as np

        seen = self._totals[axis]
        if seen.count < LEAST_ELEMENTS:
            return None
        size = float(np.sqrt(seen.squares.mean() / seen.count))
        noise = max(LEAST_RMS, size * (NOISE_QUANTISED if quantised else ROUNDING_STEPS * epsilon))
        spread = np.sqrt(np.maximum(seen.squares / seen.count - (seen.wanted / seen.count) ** 2, 0))
        is_dead = (seen.least == seen.most) & (spread > noise)
        errors = np.sqrt(seen.difference / np.maximum(seen.squares, LEAST_RMS**2 * seen.count))
        step = (2 * size / 255) if quantised else noise
        is_far = (errors > NOTHING_LEFT) & (np.sqrt(seen.difference / seen.count) > step)
        at = np.flatnonzero(is_dead | is_far)
        if not at.size or at.size == len(errors):
            return None
        values = {float(seen.least[channel]) for channel in at if is_dead[channel]}
        same = values.pop() if len(values) == 1 and is_dead[at].all() else None
        return BrokenChannels(
            axis, at.tolist(), len(errors), float(errors[at].max()), same, NOTHING_LEFT
        )


def _axes(shape: tuple[int, ...]) -> Iterator[int]:
    """Axes that may hold channels: the second and the last."""
    for axis in dict.fromkeys((1, len(shape) - 1)):
        if 0 < axis < len(shape) and 1 < shape[axis] <= MOST_CHANNELS:
            yield axis
