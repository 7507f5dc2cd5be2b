"""numpy's passes over a block of a tensor: what the compiled ones (passes.c) do, in eight."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator
from functools import cache, lru_cache
from typing import Any

import numpy as np

from onnxlint.runtime.protocol import Array, Statistics
from onnxlint.runtime.statistics.compiled import EXPONENT_BUCKETS

SQUARE_LIMIT = 1e140
"""Above this, squares may sum up beyond float64's 1.8e308, and below its reciprocal they vanish:
the block is scaled to about 1, then."""

SHORT_STRETCH = 64
"""Neighbours of one channel below which numpy is slow to find their extremes."""

FLOAT16_BITS = np.int32(-0x70002000)
"""Sign, exponent and fraction of a float16 at the places where a float32 has them."""

_BITS = {
    width: (np.dtype(f"i{width}"), np.dtype(f"u{width}"), -(1 << 8 * width - 1)) for width in (4, 8)
}
"""For the bytes of a float: signed and unsigned integers as wide, and the lowest signed one."""

FIRST_NORMAL = 24
"""The bucket of float32's smallest normal number, 2^-126."""


class _Scratch(threading.local):
    """Memory for the passes over a block: numpy would ask the system for new pages every time."""

    def __init__(self) -> None:
        self._memory = np.empty(0, np.uint8)

    def like(self, block: Array, dtype: np.dtype[Any]) -> Array:
        """As many elements as a block has; what was there before is lost."""
        needed = block.size * dtype.itemsize
        if self._memory.size < needed:
            self._memory = np.empty(needed, np.uint8)
        return self._memory[:needed].view(dtype)


_SCRATCH = _Scratch()
_BOOL, _FLOAT64 = np.dtype(bool), np.dtype(np.float64)


def measure_block(block: Array, low: float, high: float, tiny: float) -> Statistics:
    """Of a flat block, by its extremes (NaN if it holds one) and the smallest normal number."""
    result = Statistics(dtype="", shape=(), elements=block.size)
    if not (math.isfinite(low) and math.isfinite(high)):
        result.nan = int(np.count_nonzero(np.isnan(block)))
        result.positive_infinite = int(np.count_nonzero(block == np.inf))
        result.negative_infinite = int(np.count_nonzero(block == -np.inf))
        block = block[np.isfinite(block)]
        if not block.size:
            return result
        low, high = float(block.min()), float(block.max())
    result.minimum, result.maximum = low, high
    result.mean, result.m2 = _moments(block, max(-low, high))
    if low < tiny and (low >= 0 or _goes_below(block, tiny)):
        below = _count(np.less, block, tiny)
        if low < 0:
            below -= _count(np.less_equal, block, -tiny)
        result.zeros = _count(np.equal, block, 0)
        result.subnormal = below - result.zeros
        if low == high == 0:
            result.signed_zeros = int(np.signbit(block).any())
    return result


def _count(holds: np.ufunc, block: Array, limit: float) -> int:
    """Of how many elements a comparison holds."""
    number = block.dtype.type(limit)
    return int(np.count_nonzero(holds(block, number, out=_SCRATCH.like(block, _BOOL))))


def _goes_below(block: Array, tiny: float) -> bool:
    """Whether any magnitude is below a number; asks the bits, which takes no memory for them.

    Read as integers, floats of one sign are in the order of their magnitudes: the least unsigned
    one is the least positive, the least signed one the negative nearest to 0.
    """
    signed, unsigned, lowest = _BITS[block.itemsize]
    limit = _bits_of(tiny, unsigned)
    return int(block.view(unsigned).min()) < limit or int(block.view(signed).min()) - lowest < limit


@cache
def _bits_of(number: float, unsigned: np.dtype[Any]) -> int:
    return int(np.array(number, f"f{unsigned.itemsize}").view(unsigned))


def _moments(block: Array, magnitude: float) -> tuple[float, float]:
    """Mean, and the sum of squared deviations from it: in float64, as the compiled passes do.

    What is reported must not depend on which of them an installation has.
    """
    if magnitude > SQUARE_LIMIT or 0 < magnitude < 1 / SQUARE_LIMIT:
        scale = 2.0 ** (math.frexp(magnitude)[1] // 2)  # twice, for its square is out of range
        mean, m2 = _moments(block.astype(np.float64) / scale / scale, 1.0)
        return mean * scale * scale, m2 * scale * scale * scale * scale
    first = float(block[0])  # of like numbers all differences are 0
    values = _SCRATCH.like(block, _FLOAT64)
    np.subtract(block, first, out=values, dtype=_FLOAT64)
    shift = float(np.add.reduce(values)) / block.size
    np.subtract(values, shift, out=values)
    return first + shift, float(np.dot(values, values))


def exponents(subset: Array, *, some_subnormal: bool) -> tuple[Array, Array]:
    """How many elements have which exponent; the same of the negative ones alone."""
    values = widened(subset)
    if values.dtype == np.float32 and not some_subnormal:
        counts = np.bincount(values.view(np.uint32) >> 23, minlength=512)
        both = np.zeros((2, EXPONENT_BUCKETS), np.int64)
        normal = both[:, FIRST_NORMAL : FIRST_NORMAL + 254]
        normal[1] = counts[257:511]
        np.add(counts[1:255], normal[1], out=normal[0])
        return both[0], both[1]
    values = values[np.isfinite(values) & (values != 0)]
    _, exponents = np.frexp(values)
    buckets = np.clip(exponents + 149, 0, EXPONENT_BUCKETS - 1)
    negative = buckets[values < 0]
    return _counts(buckets), _counts(negative)


def _counts(buckets: Array) -> Array:
    return np.bincount(buckets, minlength=EXPONENT_BUCKETS)


def channel_layout(shape: tuple[int, ...], axis: int | None) -> tuple[int, int]:
    """How many channels there are, and how many neighbouring elements each has at a time."""
    if axis is None:
        return 0, 0
    return shape[axis], math.prod(shape[axis + 1 :])


def pieces(
    block: Array, at: int, channels: int, inner: int
) -> Iterator[tuple[int, Array]]:  # fmt: skip
    """Parts of a flat block as (rows, channels, neighbours), each with its first channel."""
    row = channels * inner
    while block.size:
        channel, offset = divmod(at % row, inner)
        if offset or block.size < inner:
            shape = 1, 1, min(inner - offset, block.size)
        elif channel or block.size < row:
            shape = 1, min(channels - channel, block.size // inner), inner
        else:
            shape = block.size // row, channels, inner
        taken = math.prod(shape)
        yield channel, block[:taken].reshape(shape)
        block, at = block[taken:], at + taken


def reduced(choose: np.ufunc, piece: Array) -> Array:
    """The extremes of each channel; short stretches are slow to reduce, so they come last."""
    rows, channels, inner = piece.shape
    if rows > 1 and inner < SHORT_STRETCH:
        piece = choose.reduce(piece.reshape(rows, -1), axis=0).reshape(1, channels, inner)
    by_row = piece[..., 0] if inner == 1 else _of_stretches(choose, piece)
    return np.asarray(by_row[0] if len(by_row) == 1 else choose.reduce(by_row, axis=0))


def _of_stretches(choose: np.ufunc, piece: Array) -> Array:
    """What `choose.reduce(piece, axis=2)` gives, in half the time where the axis is short."""
    starts = _multiples(piece.shape[2], piece.size)
    return np.asarray(choose.reduceat(piece.reshape(-1), starts)).reshape(piece.shape[:2])


@lru_cache(maxsize=64)
def _multiples(step: int, end: int) -> Array:
    return np.arange(0, end, step)


def widened(block: Array) -> Array:
    """As float32, or float64 where that holds more; narrow floats by ways that numpy lacks."""
    dtype = block.dtype
    if dtype.kind == "f" and dtype.itemsize >= 4:
        return block
    if dtype.kind in "iub":
        return block.astype(np.float32 if dtype.itemsize <= 2 else np.float64)
    if dtype == np.float16:
        bits = block.view(np.int16).astype(np.int32)
        np.left_shift(bits, 13, out=bits)
        np.bitwise_and(bits, FLOAT16_BITS, out=bits)
        values = bits.view(np.float32)
        np.multiply(values, np.float32(2.0**112), out=values)
        beyond = values.size and max(values.max(), -values.min()) >= 65536  # infinities and NaN
        return block.astype(np.float32) if beyond else values
    if dtype.name == "bfloat16":  # the upper half of a float32
        bits = block.view(np.uint16).astype(np.uint32)
        return np.left_shift(bits, 16, out=bits).view(np.float32)
    if dtype.itemsize == 1:
        return np.take(_byte_values(dtype), block.view(np.uint8), mode="clip")
    return block.astype(np.float32)


@cache
def _byte_values(dtype: np.dtype[Any]) -> Array:
    """The number behind each byte of a dtype of one byte."""
    return np.arange(256, dtype=np.uint8).view(dtype).astype(np.float32)


@cache
def dtype_name(dtype: np.dtype[Any]) -> str:
    """What takes numpy longer than a pass over a small tensor."""
    return str(dtype)


@cache
def smallest_normal(dtype: np.dtype[Any]) -> float:
    """Of a float dtype; 1 of integers."""
    if dtype.kind in "iub":
        return 1.0  # integers are zero below
    if dtype.type in (np.float16, np.float32, np.float64):
        return float(np.finfo(dtype).tiny)
    import ml_dtypes  # the others cannot be without it

    try:
        return float(ml_dtypes.finfo(dtype).smallest_normal)  # type: ignore[no-untyped-call]
    except (TypeError, ValueError):
        return 1.0  # integers of few bits
