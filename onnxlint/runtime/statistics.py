"""Statistics of a tensor: measured in blocks that stay in cache, merged exactly."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import reduce
from typing import Any

import numpy as np

from onnxlint.runtime.messages import Array, Statistics

BLOCK_ELEMENTS = 1 << 16
"""64 Ki float32 elements, 256 KiB: all passes over one block are served from a core's L2 cache."""

FLOAT32_SQUARE_LIMIT = 1e16
"""Above this, the squares of a block may sum up beyond float32's 3.4e38, and below its reciprocal
they vanish: the block is scaled to about 1, in float64, then."""

MILD_CANCELLATION = 0.1
"""The sum of squares less the mean's share keeps 5 digits of float32 while a tenth is left."""

HISTOGRAM_ELEMENTS = 4096
"""Elements that the exponents of one tensor are counted on; a regular subset of all."""

EXPONENT_BUCKETS = 300
"""Powers of two from 2^-150 (below float32's smallest subnormal) to 2^150 (above its maximum)."""


def measure(array: Array, channel_axis: int | None = None) -> Statistics:
    """The statistics of one float tensor of any shape; narrow floats are widened to float32."""
    values = array if array.dtype.itemsize >= 4 else array.astype(np.float32)
    values = np.ascontiguousarray(values)
    low, high = _channel_extrema(values, channel_axis)
    flat = values.reshape(-1)
    tiny = _smallest_normal(array.dtype)
    parts = (_measure_block(block, tiny) for block in _blocks(flat))
    result = reduce(merge, parts, Statistics(dtype=str(array.dtype), shape=array.shape))
    result.dtype, result.shape = str(array.dtype), array.shape
    result.exponents = _exponents(flat)
    if channel_axis is not None:
        result.channel_axis = channel_axis
        result.channel_minimum, result.channel_maximum = low, high
    return result


def _smallest_normal(dtype: np.dtype[Any]) -> float:
    if dtype.type in (np.float16, np.float32, np.float64):
        return float(np.finfo(dtype).tiny)
    import ml_dtypes  # bfloat16 and float8 arrays cannot be without it

    return float(ml_dtypes.finfo(dtype).smallest_normal)  # type: ignore[no-untyped-call]


def merge(one: Statistics, other: Statistics) -> Statistics:
    """The statistics of both together: counts and extrema exactly, moments by Chan's formula."""
    finite = one.finite + other.finite
    delta = other.mean - one.mean
    share = other.finite / finite if finite else 0.0
    return Statistics(
        dtype=other.dtype,
        shape=other.shape,
        elements=one.elements + other.elements,
        nan=one.nan + other.nan,
        positive_infinite=one.positive_infinite + other.positive_infinite,
        negative_infinite=one.negative_infinite + other.negative_infinite,
        zeros=one.zeros + other.zeros,
        subnormal=one.subnormal + other.subnormal,
        minimum=min(one.minimum, other.minimum),
        maximum=max(one.maximum, other.maximum),
        mean=one.mean + delta * share,
        m2=one.m2 + other.m2 + delta * delta * one.finite * share,
        channel_axis=other.channel_axis,
        channel_minimum=_extreme(np.fmin, one.channel_minimum, other.channel_minimum),
        channel_maximum=_extreme(np.fmax, one.channel_maximum, other.channel_maximum),
        exponents=_added(one.exponents, other.exponents),
    )


def _blocks(flat: Array) -> Iterator[Array]:
    return (flat[at : at + BLOCK_ELEMENTS] for at in range(0, flat.size, BLOCK_ELEMENTS))


def _measure_block(block: Array, tiny: float) -> Statistics:
    low, high = float(block.min()), float(block.max())
    result = Statistics(dtype=str(block.dtype), shape=block.shape, elements=block.size)
    if not np.isfinite(low + high) and not (np.isfinite(low) and np.isfinite(high)):
        result.nan = int(np.count_nonzero(np.isnan(block)))
        result.positive_infinite = int(np.count_nonzero(block == np.inf))
        result.negative_infinite = int(np.count_nonzero(block == -np.inf))
        block = block[np.isfinite(block)]
        if not block.size:
            return result
        low, high = float(block.min()), float(block.max())
    result.minimum, result.maximum = low, high
    result.mean, result.m2 = _moments(block, max(-low, high))
    small = int(np.count_nonzero(np.abs(block) < tiny))
    result.zeros = int(np.count_nonzero(block == 0)) if small else 0
    result.subnormal = small - result.zeros
    return result


def _moments(block: Array, magnitude: float) -> tuple[float, float]:
    """Mean, and the sum of squared deviations from it."""
    if magnitude > FLOAT32_SQUARE_LIMIT or 0 < magnitude < 1 / FLOAT32_SQUARE_LIMIT:
        scale = 2.0 ** (math.frexp(magnitude)[1] // 2)  # twice, for its square is out of range
        mean, m2 = _moments(block.astype(np.float64) / scale / scale, 1.0)
        return mean * scale * scale, m2 * scale * scale * scale * scale
    mean = np.add.reduce(block) / block.size
    squares = np.dot(block, block)
    m2 = squares - block.size * mean * mean
    if m2 < MILD_CANCELLATION * squares:
        centred = block - mean
        m2 = np.dot(centred, centred)
    return float(mean), float(m2)


def _channel_extrema(values: Array, axis: int | None) -> tuple[Array | None, Array | None]:
    if axis is None or not values.size:
        return None, None
    rows = values.reshape(-1, values.shape[axis], int(np.prod(values.shape[axis + 1 :])))
    low, high = rows.min(axis=2), rows.max(axis=2)
    if np.isnan(low).any():
        low, high = (extreme.reduce(rows, axis=2) for extreme in (np.fmin, np.fmax))
    return np.fmin.reduce(low, axis=0), np.fmax.reduce(high, axis=0)


def _exponents(flat: Array) -> Array:
    step = flat.size // HISTOGRAM_ELEMENTS | 1  # odd, so that it meets every channel in turn
    magnitudes = np.abs(flat[::step])
    magnitudes = magnitudes[np.isfinite(magnitudes) & (magnitudes > 0)]
    _, exponents = np.frexp(magnitudes)
    buckets = np.clip(exponents + 149, 0, EXPONENT_BUCKETS - 1)
    return np.bincount(buckets, minlength=EXPONENT_BUCKETS)


def _extreme(choose: np.ufunc, one: Array | None, other: Array | None) -> Array | None:
    if one is None or other is None:
        return other if one is None else one
    return choose(one, other) if one.shape == other.shape else None


def _added(one: Array | None, other: Array | None) -> Array | None:
    if one is None or other is None:
        return other if one is None else one
    return np.asarray(one + other)
