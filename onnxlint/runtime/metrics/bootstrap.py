"""How much of a difference between two sets of samples chance explains."""

from __future__ import annotations

import numpy as np

from onnxlint.runtime.protocol import Array

DRAWS = 1000
"""Resamplings: the 0.5% at each end are then five of them, a choice."""

MAX_NUMBERS = 20_000_000
"""Numbers that are drawn at most, of both sets together; of many samples fewer sets are drawn."""

LEAST_DRAWS = 200


def by_sample(values: Array, samples: int) -> Array:
    """Means over the rows of each sample: tokens and pixels of one are not independent."""
    if len(values) <= samples or len(values) % samples:
        return values
    return np.asarray(values.reshape(samples, -1).mean(axis=1))


def difference(first: Array, second: Array, seed: int, share: float) -> tuple[float, float]:
    """The interval that holds the difference of the means, first less second, in this share.

    Both sets are drawn again with replacement (Efron, Bootstrap Methods, 1979), from this seed.
    """
    rng = np.random.default_rng(seed)
    draws = max(LEAST_DRAWS, min(DRAWS, MAX_NUMBERS // (len(first) + len(second))))
    means = [_drawn(rng, first) - _drawn(rng, second) for _ in range(draws)]
    low, high = np.quantile(means, [(1 - share) / 2, (1 + share) / 2])
    return float(low), float(high)


def _drawn(rng: np.random.Generator, values: Array) -> float:
    return float(values[rng.integers(0, len(values), len(values))].mean())
