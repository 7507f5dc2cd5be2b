"""Draws the numbers and the text of one input: valid ones, and those at the limits."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from enum import Enum
from functools import partial
from math import ceil, floor
from typing import TYPE_CHECKING, Any

import numpy as np

from onnxlint.runtime.feeds.input_slots import Column, Meaning, Slot

if TYPE_CHECKING:
    from onnxlint.types import Array


class Limit(Enum):
    """What a sample at the limits is made of: zeros or the least, one number, or both ends."""

    ZERO = "zero"
    FLAT = "flat"
    ENDS = "ends"


FLAT = {Limit.ZERO: 0.0, Limit.FLAT: 0.5}
"""The number of a flat sample: grey, where images go from 0 to 1; its sums are exact."""


def limit(slot: Slot, shape: tuple[int, ...], steps: int, of: Limit) -> Array:
    """Zeros, or what comes next to them; one number; else those at the ends of what is valid."""
    if slot.columns:
        return _typed(_by_columns(slot, shape, partial(_end, limit=of)), slot).copy()
    match slot.meaning:
        case Meaning.NOISE:
            made = _ends(slot.range, shape) if of is Limit.ENDS else np.full(shape, FLAT[of])
        case Meaning.POSITIVE:
            made = np.full(shape, FLAT.get(of, 0.99) or LEAST_POSITIVE)
        case Meaning.INDEX | Meaning.PIXEL:
            low, high = _integer_range(slot, *_whole_numbers(slot))
            middle = (low + high + 1) // 2
            made = np.full(shape, {Limit.ZERO: low, Limit.FLAT: middle, Limit.ENDS: high}[of])
        case Meaning.MASK:
            length = shape[-1] if shape else 1
            made = np.broadcast_to(
                np.arange(length) < (1 if of is Limit.ENDS else length), shape or (1,)
            )
            made = made.reshape(shape)
        case Meaning.LENGTH:
            made = np.full(shape, steps)
        case Meaning.TEXT if of is Limit.ZERO:
            made = np.full(shape, "", object)
        case _:
            made = _GENERATORS[slot.meaning](slot, shape, np.random.default_rng(0))
    return _typed(made, slot).copy()


LEAST_POSITIVE = 0.1
"""Positive numbers are synthesised from here to 1: a sound caller keeps away from zero."""


def _ends(limits: tuple[float, float] | None, shape: tuple[int, ...]) -> Array:
    """The ends of a range in turns; of noise four deviations, which one in 16,000 goes beyond."""
    low, high = limits or (-4.0, 4.0)
    low, high = (low, high) if np.isfinite(low) else (high, high)
    low, high = (low, high) if np.isfinite(high) else (low, low)
    if not np.isfinite(low):
        low, high = -4.0, 4.0
    made = np.full(shape, low)
    made.reshape(-1)[1::2] = high  # `resize` takes fifty times as long for an image
    return made


def redrawn(
    slot: Slot, shape: tuple[int, ...], batch: int, seed: int, times: int
) -> Iterator[Array]:
    """Other valid values for one input; the first ones are the other kind of noise."""
    rng = np.random.default_rng((seed, 1))
    for turn in range(times):
        yield array_of(slot, shape, rng, turn + 1, batch, 1)  # steps matter to lengths alone


def array_of(
    slot: Slot, shape: tuple[int, ...], rng: np.random.Generator, run: int, batch: int, steps: int
) -> Array:
    """Valid values of one input for a run, in its dtype; `steps` is how long sequences are."""
    if slot.columns:
        return _typed(_by_columns(slot, shape, partial(_drawn, rng)), slot)
    made = _GENERATORS[slot.meaning](slot, shape, rng)
    if slot.meaning is Meaning.NOISE:
        made = _in_range(_of_two_kinds(made, run, batch), slot.range)
    elif slot.meaning is Meaning.LENGTH:
        made = _lengths(shape, rng, steps)
    return _typed(made, slot)


def _typed(made: Array, slot: Slot) -> Array:
    """In the slot's dtype, and within the declared range as that dtype can say it."""
    if slot.dtype == "str":
        return np.asarray(made, dtype=object)
    dtype = np.dtype(slot.dtype)
    if slot.columns and dtype.kind in "iu":
        made = np.clip(np.round(made), *_limits((-np.inf, np.inf), dtype))
    if slot.range is None or dtype.kind == "b" or slot.meaning in (Meaning.GIVEN, Meaning.INDEX):
        return np.asarray(made).astype(dtype)
    lowest, highest = _limits(slot.range, dtype)
    if lowest > highest:  # no number of this dtype lies there
        return np.asarray(made).astype(dtype)
    return np.asarray(np.clip(np.asarray(made).astype(dtype), lowest, highest))


def _limits(limits: tuple[float, float], dtype: np.dtype[Any]) -> tuple[Any, Any]:
    """The least and the largest number of a dtype that lie within the range."""
    if dtype.kind in "iu":
        info = np.iinfo(dtype)
        lowest = info.min if limits[0] <= info.min else ceil(min(limits[0], info.max))
        highest = info.max if limits[1] >= info.max else floor(max(limits[1], info.min))
        return dtype.type(lowest), dtype.type(highest)
    with np.errstate(over="ignore"):
        low, high = dtype.type(limits[0]), dtype.type(limits[1])
    up, down = dtype.type(np.inf), dtype.type(-np.inf)
    return (
        np.nextafter(low, up) if float(low) < limits[0] else low,
        np.nextafter(high, down) if float(high) > limits[1] else high,
    )


def _of_two_kinds(noise: Array, run: int, batch: int) -> Array:
    """Every second sample is uniform in [0, 1), as images are; the others are standard normal."""
    if batch == 1 or not noise.ndim or noise.shape[0] != batch:
        return _uniform(noise) if run % 2 else noise
    noise[1::2] = _uniform(noise[1::2])
    return noise


def _uniform(noise: Array) -> Array:
    """Normal noise mapped to [0, 1) by its fractional part: as random, and no second draw."""
    wide = np.asarray(noise * 8)
    return np.asarray(wide - np.floor(wide))  # what `% 1` takes fifty times as long for


def _in_range(noise: Array, limits: tuple[float, float] | None) -> Array:
    """Noise where a contract wants it: around its middle, or away from the one end that it has."""
    if limits is None:
        return noise
    low, high = limits
    if np.isfinite(low) and np.isfinite(high):
        middle, reach = low / 2 + high / 2, high / 2 - low / 2
        return np.asarray(middle + noise.astype(np.float64) * (reach / DEVIATIONS))
    if np.isfinite(low):
        return np.asarray(low + np.abs(noise.astype(np.float64)))
    return np.asarray(high - np.abs(noise.astype(np.float64))) if np.isfinite(high) else noise


DEVIATIONS = 3.0
"""Standard deviations of noise between the middle of a declared range and its ends."""


def _lengths(shape: tuple[int, ...], rng: np.random.Generator, steps: int) -> Array:
    """Of the first sample the whole sequence, as padding to the longest gives; of others parts."""
    lengths = rng.integers((steps + 1) // 2, steps + 1, shape)
    if lengths.ndim:
        lengths[:1] = steps
        return lengths
    return np.asarray(steps)


def _noise(slot: Slot, shape: tuple[int, ...], rng: np.random.Generator) -> Array:
    return rng.standard_normal(shape, np.float32)


def _positive(slot: Slot, shape: tuple[int, ...], rng: np.random.Generator) -> Array:
    return rng.uniform(LEAST_POSITIVE, 1.0, shape)


def _index(slot: Slot, shape: tuple[int, ...], rng: np.random.Generator) -> Array:
    """Any valid ones; those that tell which part of a list an entry belongs to leave none empty."""
    lowest, highest = _whole_numbers(slot)
    made = _integers(slot, lowest, highest, shape, rng)
    if len(shape) == 1 and slot.follows_sizes and slot.range is None:
        every = np.arange(lowest, highest + 1)[: len(made)]
        made[: len(every)] = every
        made.sort()
    return made


def _whole_numbers(slot: Slot) -> tuple[int, int]:
    """From which to which number an index or a pixel goes."""
    if slot.meaning is Meaning.INDEX:
        return slot.lowest, max(slot.lowest, slot.bound - 1)
    return (-128 if slot.lowest < 0 else 0), (127 if slot.dtype == "int8" else 255)


def _integers(
    slot: Slot, lowest: int, highest: int, shape: tuple[int, ...], rng: np.random.Generator
) -> Array:
    """Integers from `lowest` to `highest`, of them those in the declared range if there are any."""
    lowest, highest = _integer_range(slot, lowest, highest)
    return rng.integers(lowest, highest + 1, shape)


def _integer_range(slot: Slot, lowest: int, highest: int) -> tuple[int, int]:
    if slot.range is not None:
        low, high = _limits(slot.range, np.dtype(np.int64))
        if max(low, lowest) <= min(high, highest):
            return max(int(low), lowest), min(int(high), highest)
    return lowest, highest


def _mask(slot: Slot, shape: tuple[int, ...], rng: np.random.Generator) -> Array:
    """Ones, then zeros: every row keeps at least its first half, as a padded sequence does."""
    length = shape[-1] if shape else 1
    kept = rng.integers((length + 1) // 2, length + 1, (*shape[:-1], 1))
    return (np.arange(length) < kept).reshape(shape)


def _count(slot: Slot, shape: tuple[int, ...], rng: np.random.Generator) -> Array:
    return np.full(shape, slot.bound)


def _given(slot: Slot, shape: tuple[int, ...], rng: np.random.Generator) -> Array:
    return np.resize(np.array(slot.given), shape)


def _pixel(slot: Slot, shape: tuple[int, ...], rng: np.random.Generator) -> Array:
    return _integers(slot, *_whole_numbers(slot), shape, rng)


def _text(slot: Slot, shape: tuple[int, ...], rng: np.random.Generator) -> Any:
    return np.full(shape, "a", dtype=object)


def _by_columns(
    slot: Slot, shape: tuple[int, ...], draw: Callable[[Column, tuple[int, ...]], Array]
) -> Array:
    """Values column by column along the last axis; all at once where all columns are alike."""
    if len(slot.columns) == 1 or not shape:
        return draw(slot.columns[0], shape)
    made = np.empty(shape, object if slot.dtype == "str" else np.float64)
    for at in range(shape[-1]):
        made[..., at] = draw(slot.columns[at % len(slot.columns)], shape[:-1])
    return made


def _drawn(rng: np.random.Generator, column: Column, shape: tuple[int, ...]) -> Array:
    if not column.options:
        return np.asarray(column.centre + column.spread * rng.standard_normal(shape))
    return _picked(column, rng.integers(0, len(column.options), shape))


def _end(column: Column, shape: tuple[int, ...], limit: Limit) -> Array:
    """An option from either end of the list, or its middle; else zeros, the centre, both ends."""
    if column.has_words and limit is Limit.ZERO:
        return np.full(shape, "", object)
    if column.options:
        last = len(column.options) - 1
        at = {Limit.ZERO: 0, Limit.FLAT: last // 2, Limit.ENDS: last}[limit]
        return _picked(column, np.full(shape, at))
    if limit is Limit.ENDS:
        return column.centre + column.spread * _ends(None, shape)
    return np.zeros(shape) if limit is Limit.ZERO else np.full(shape, column.centre)


def _picked(column: Column, at: Array) -> Array:
    is_text = isinstance(column.options[0], str)
    options = np.array(column.options, object if is_text else None)
    return np.asarray(options[at], object if is_text else None)


_GENERATORS = {
    Meaning.NOISE: _noise,
    Meaning.POSITIVE: _positive,
    Meaning.INDEX: _index,
    Meaning.MASK: _mask,
    Meaning.COUNT: _count,
    Meaning.LENGTH: _count,
    Meaning.GIVEN: _given,
    Meaning.PIXEL: _pixel,
    Meaning.TEXT: _text,
}
