"""Statistics of an input by feature: the columns of a table, the channels of an image."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
from msgspec import Struct

from onnxlint.runtime.protocol import Array

PART_NUMBERS = 1 << 22
"""Numbers that are measured at a time: ten copies of them take 320 MB."""


class Features(Struct, frozen=True, eq=False):
    """An element for each feature; moments and extrema are over its finite numbers.

    A feature without any has mean and spread 0, and its minimum above its maximum.
    """

    count: Array
    mean: Array
    m2: Array
    minimum: Array
    maximum: Array
    nan: Array
    infinite: Array
    flags: Array
    """Whether all its numbers are 0 or 1."""

    @property
    def spread(self) -> Array:
        """Standard deviations."""
        return np.sqrt(self.m2 / np.maximum(self.count, 1))

    @property
    def constant(self) -> Array:
        """Whether every number is the same, and none is missing."""
        whole = self.nan + self.infinite == 0
        return np.asarray((self.minimum == self.maximum) & whole)

    @property
    def lowest(self) -> float:
        """The least finite number of all."""
        return float(self.minimum.min()) if self.minimum.size else np.inf

    @property
    def highest(self) -> float:
        """The largest finite number of all."""
        return float(self.maximum.max()) if self.maximum.size else -np.inf


def measure_features(blocks: Iterable[Array], axis: int | None) -> Features:
    """The features along an axis over all blocks; without an axis everything is one feature."""
    return _merged(_measured(part) for block in blocks for part in _parts(block, axis))


def _parts(block: Array, axis: int | None) -> Iterator[Array]:
    """As float64, [numbers, features], so many rows at a time that copies of them are small."""
    if axis is None or not -block.ndim <= axis < block.ndim:
        rows = block.reshape(-1, 1)
    else:
        rows = np.moveaxis(block, axis, -1).reshape(-1, block.shape[axis])
    step = max(1, PART_NUMBERS // max(1, rows.shape[1]))
    for at in range(0, len(rows) if rows.size else 0, step):
        yield rows[at : at + step].astype(np.float64)


def _measured(rows: Array) -> Features:
    finite = np.isfinite(rows)
    nan = np.isnan(rows).sum(axis=0)
    infinite = np.isinf(rows).sum(axis=0)
    count = finite.sum(axis=0)
    kept = np.where(finite, rows, 0)
    mean = kept.sum(axis=0) / np.maximum(count, 1)
    return Features(
        count=count,
        mean=mean,
        m2=(np.where(finite, rows - mean, 0) ** 2).sum(axis=0) if rows.size else mean,
        minimum=np.where(finite, rows, np.inf).min(axis=0),
        maximum=np.where(finite, rows, -np.inf).max(axis=0),
        nan=nan,
        infinite=infinite,
        flags=((kept == 0) | (kept == 1)).all(axis=0),
    )


def _merged(parts: Iterator[Features]) -> Features:
    """All parts as one; moments by Chan's formula, in blocks of equal features."""
    whole = next(parts, None)
    if whole is None:
        empty = np.zeros(0)
        return Features(empty, empty, empty, empty, empty, empty, empty, empty.astype(bool))
    for part in parts:
        count = whole.count + part.count
        delta = part.mean - whole.mean
        share = part.count / np.maximum(count, 1)
        whole = Features(
            count=count,
            mean=np.where(whole.count > 0, whole.mean + delta * share, part.mean),
            m2=whole.m2 + part.m2 + delta**2 * whole.count * share,
            minimum=np.minimum(whole.minimum, part.minimum),
            maximum=np.maximum(whole.maximum, part.maximum),
            nan=whole.nan + part.nan,
            infinite=whole.infinite + part.infinite,
            flags=whole.flags & part.flags,
        )
    return whole
