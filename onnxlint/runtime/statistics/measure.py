"""Statistics of a tensor: measured in blocks that stay in cache, merged exactly."""

from __future__ import annotations

import math
from collections.abc import Iterable
from functools import reduce
from typing import Any

import numpy as np

from onnxlint.runtime.protocol import Array, Quantisation, Statistics
from onnxlint.runtime.statistics.compiled import (
    MOST_SAMPLES,
    NO_SAMPLES,
    Part,
    Table,
    compiled,
    exponent_step,
    kind_of,
    row_step,
)
from onnxlint.runtime.statistics.numpy_passes import (
    channel_layout,
    dtype_name,
    exponents,
    measure_block,
    pieces,
    reduced,
    smallest_normal,
    widened,
)

BLOCK_ELEMENTS = 1 << 18
"""256 Ki float32 elements, 1 MiB: all passes over one block are served from a core's cache, and
they are long enough that threads seldom wait for the interpreter."""


FEW_ELEMENTS = 64
"""Up to so many elements Python adds them up in less time than numpy takes to be called."""


class Measurement:
    """The statistics of one tensor that comes in flat blocks, in their order.

    `start` elements lie before the first block; the exponent of each `every`th is counted, if not
    0. Any split into blocks gives the same result; `step` elements a block are the quickest: they
    stay in cache, and hold whole channels where they can.
    """

    def __init__(
        self, dtype: np.dtype[Any], shape: tuple[int, ...],
        channel_axis: int | None = None, start: int = 0, every: int = 0,
    ) -> None:  # fmt: skip
        self._seen = Statistics(dtype=dtype_name(dtype), shape=shape, channel_axis=channel_axis)
        self._tiny = smallest_normal(dtype)
        self._at = start
        self._every = every
        self._subset: list[Array] = []
        self._channels, self._inner = channel_layout(shape, channel_axis)
        self._table = Table() if compiled() else None
        self.step = _step(self._channels * self._inner, self._inner)

    def add(self, block: Array) -> None:
        """Takes the next elements in."""
        if not block.size:
            return
        if not self._is_added_by_compiled_passes(block):
            self._add(widened(block))
        self._at += block.size

    def reads(self, dtype: np.dtype[Any]) -> bool:
        """Whether `add_file` takes in elements of a dtype."""
        return self._table is not None and kind_of(dtype) is not None

    def add_file(self, file: int, offset: int, elements: int, memory: Array) -> int:
        """Takes the next elements in, from a byte of an open file on; how many.

        `memory` is what they are read into, so many at a time. Where it ends early, the next block
        is for `add`: it holds NaN or infinities, or cannot be read.
        """
        if self._table is None:
            return 0
        taken = self._table.add_file(self._part(memory), file, offset, elements)
        self._at += taken
        return taken

    def _part(self, values: Array) -> Part:
        seen = self._seen
        return Part(
            None, values, seen.shape, seen.dtype, self._tiny, seen.channel_axis,
            every=self._every, start=self._at,
        )  # fmt: skip

    @property
    def result(self) -> Statistics:
        """The statistics of all blocks so far."""
        seen = self._seen
        compiled_passes = [*self._table.statistics().values()] if self._table else []
        if compiled_passes and not seen.elements:  # as of nearly all tensors
            return compiled_passes[0]
        if self._every:
            counted = np.concatenate(self._subset or [np.empty(0, np.float32)])
            counts = exponents(counted, some_subnormal=seen.subnormal > 0)
            seen.exponents, seen.negative_exponents = counts
        return reduce(merge, compiled_passes, seen)

    def _is_added_by_compiled_passes(self, values: Array) -> bool:
        if self._table is None or kind_of(values.dtype) is None:
            return False
        return not self._table.add([self._part(values)])

    def _add(self, values: Array) -> None:
        low, high = self._edges(values)
        seen, before = measure_block(values, low, high, self._tiny), self._seen
        seen.dtype, seen.shape, seen.channel_axis = before.dtype, before.shape, before.channel_axis
        if before.elements:
            self._seen = merge(before, seen)
        else:
            seen.channel_minimum = before.channel_minimum
            seen.channel_maximum = before.channel_maximum
            self._seen = seen
        if self._every:
            self._subset.append(values[-self._at % self._every :: self._every].copy())

    def _edges(self, values: Array) -> tuple[float, float]:
        """Extrema of the block, NaN if it holds one; those of its channels are kept."""
        if not self._channels:
            return float(values.min()), float(values.max())
        edges = []
        for first, piece in pieces(values, self._at, self._channels, self._inner):
            low, high = reduced(np.minimum, piece), reduced(np.maximum, piece)
            edges += [float(np.minimum.reduce(low)), float(np.maximum.reduce(high))]
            if math.isnan(edges[-1]):
                low, high = reduced(np.fmin, piece), reduced(np.fmax, piece)
            self._keep(first, low, high)
        if any(map(math.isnan, edges)):
            return math.nan, math.nan
        return min(edges), max(edges)

    def _keep(self, first: int, low: Array, high: Array) -> None:
        """Takes in the extrema of the channels from `first` on."""
        seen, count = self._seen, self._channels
        if seen.channel_minimum is None or seen.channel_maximum is None:
            if low.size == count:
                # copies: they may be parts of the block
                seen.channel_minimum, seen.channel_maximum = low.copy(), high.copy()
                return
            seen.channel_minimum = np.full(count, np.nan, low.dtype)
            seen.channel_maximum = seen.channel_minimum.copy()
        touched = slice(first, first + low.size)
        for choose, kept, new in ((np.fmin, seen.channel_minimum, low),
                                  (np.fmax, seen.channel_maximum, high)):  # fmt: skip
            choose(kept[touched], new, out=kept[touched])


def _step(row: int, inner: int) -> int:
    """The elements of a block: whole rows of all channels, else whole channels, if they fit."""
    unit = next((size for size in (row, inner) if 0 < size <= BLOCK_ELEMENTS), 1)
    return BLOCK_ELEMENTS // unit * unit


def measure(
    array: Array, channel_axis: int | None = None, samples: int | None = None
) -> Statistics:  # fmt: skip
    """The statistics of one numeric tensor of any shape; narrow numbers are widened to float32.

    `samples` is how many its first axis counts; 1 where the whole tensor is one sample.
    """
    every = exponent_step(array.size)
    measurement = Measurement(array.dtype, array.shape, channel_axis, every=every)
    flat = np.ascontiguousarray(array).reshape(-1)
    for start in range(0, flat.size, measurement.step):
        measurement.add(flat[start : start + measurement.step])
    result = measurement.result
    if samples and flat.size:
        result.samples = _sample_rows(flat.reshape(samples, -1)[:MOST_SAMPLES], result.mean)
    return result


def measure_few(numbers: list[float], dtype: np.dtype[Any], shape: tuple[int, ...]) -> Statistics:
    """The statistics of a few elements of at most 32 bits, without channels."""
    result = Statistics(dtype=dtype_name(dtype), shape=shape, elements=len(numbers))
    total = sum(numbers)
    if total - total:  # NaN, for one of them is NaN or infinite: 64 others never reach as far
        result.positive_infinite = numbers.count(math.inf)
        result.negative_infinite = numbers.count(-math.inf)
        numbers = [number for number in numbers if math.isfinite(number)]
        result.nan = result.elements - result.infinite - len(numbers)
        total = sum(numbers)
    if not numbers:
        return result
    low, high, tiny = min(numbers), max(numbers), smallest_normal(dtype)
    result.minimum, result.maximum = low, high
    if low < tiny:
        result.zeros = numbers.count(0)
        result.subnormal = sum(-tiny < number < tiny for number in numbers) - result.zeros
        if low == high == 0:
            result.signed_zeros = sum(math.copysign(1, number) < 0 for number in numbers)
    result.mean = mean = total / len(numbers)
    result.m2 = sum([(number - mean) ** 2 for number in numbers])
    return result


def measure_quantised(
    array: Array, quantisation: Quantisation, channel_axis: int | None = None,
    samples: int | None = None,
) -> Statistics:  # fmt: skip
    """The statistics of the numbers that integers stand for, and how many are at an end."""
    limits = np.iinfo(array.dtype)
    numbers = array.astype(np.float32)
    numbers -= np.float32(quantisation.zero_point)
    numbers *= np.float32(quantisation.scale)
    result = measure(numbers, channel_axis, samples)
    result.at_lowest = int(np.count_nonzero(array == limits.min))
    result.at_highest = int(np.count_nonzero(array == limits.max))
    return result


def is_finite(array: Array) -> bool:
    """Whether an array holds neither NaN nor infinities; integers and texts never do."""
    if array.dtype.kind != "f":
        return True
    with np.errstate(over="ignore", invalid="ignore"):
        total = array.sum(dtype=np.float32 if array.itemsize < 8 else None)  # the quickest pass
    return bool(np.isfinite(total)) or bool(np.isfinite(array).all())


def channel_hashes(blocks: Iterable[Array], shape: tuple[int, ...], axis: int) -> Array:
    """A number for each channel: equal for equal elements, else different but for a rare chance.

    The sum of the elements' bits, each times a random factor of its place in the channel.
    """
    channels, inner = channel_layout(shape, axis)
    factors = np.random.default_rng(0).integers(0, 2**64, math.prod(shape) // channels, np.uint64)
    hashes = np.zeros(channels, np.uint64)
    at = 0
    for block in blocks:
        for first, piece in pieces(block, at, channels, inner):
            bits = piece.view(f"u{piece.itemsize}").astype(np.uint64)
            bits ^= bits >> np.uint64(32)  # a difference high up in a double counts low down, too
            place = at // (channels * inner) * inner + at % (channels * inner) % inner
            rows, count, width = piece.shape
            weights = factors[place : place + rows * width].reshape(rows, 1, width)
            hashes[first : first + count] += (bits * weights).sum(axis=(0, 2), dtype=np.uint64)
            at += piece.size
    return hashes


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
        signed_zeros=one.signed_zeros + other.signed_zeros,
        minimum=min(one.minimum, other.minimum),
        maximum=max(one.maximum, other.maximum),
        mean=one.mean + delta * share,
        m2=one.m2 + other.m2 + delta * delta * one.finite * share,
        channel_axis=other.channel_axis,
        channel_minimum=_extreme(np.fmin, one.channel_minimum, other.channel_minimum),
        channel_maximum=_extreme(np.fmax, one.channel_maximum, other.channel_maximum),
        exponents=_added(one.exponents, other.exponents),
        negative_exponents=_added(one.negative_exponents, other.negative_exponents),
        samples=_appended(one.samples, other.samples),
        at_lowest=one.at_lowest + other.at_lowest,
        at_highest=one.at_highest + other.at_highest,
    )


def _sample_rows(samples: Array, mean: float) -> Array:
    """The mean of each sample, then a regular subset of its elements."""
    subset = widened(np.ascontiguousarray(samples[:, :: row_step(samples.shape[1])]))
    rows = np.empty((len(samples), 1 + subset.shape[1]), subset.dtype)
    rows[:, 1:] = subset
    if len(samples) == 1:
        rows[0, 0] = mean
        return rows
    with np.errstate(over="ignore", invalid="ignore"):
        rows[:, 0] = samples.mean(axis=1, dtype=np.float64)
    return rows


def _extreme(choose: np.ufunc, one: Array | None, other: Array | None) -> Array | None:
    if one is None or other is None:
        return other if one is None else one
    return choose(one, other) if one.shape == other.shape else None


def _added(one: Array | None, other: Array | None) -> Array | None:
    if one is None or other is None:
        return other if one is None else one
    return np.asarray(one + other)


def _appended(one: Array | None, other: Array | None) -> Array | None:
    """The rows of both; none, for good, where they are not of one size."""
    if one is None or other is None:
        return other if one is None else one
    if one.shape[1] != other.shape[1]:
        return NO_SAMPLES
    return np.concatenate([one, other])[:MOST_SAMPLES]
