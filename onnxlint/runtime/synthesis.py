"""Synthesises valid inputs: what each input means is read off the nodes that use it."""

from __future__ import annotations

import ast
import operator
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import zip_longest
from math import ceil, floor
from typing import Any

import numpy as np

from onnxlint.model.tensors import element_count
from onnxlint.runtime.feeds import Feeds
from onnxlint.runtime.messages import Array
from onnxlint.settings import MOST_SAMPLES

Dim = int | str

SMALL_BATCH_ELEMENTS = 1 << 18
"""Samples are run together up to this many input elements: small nets run fast, big ones lean."""

EMBEDDED_ELEMENTS = 1024
"""An index counts as so many elements: the row that is looked up for it, 768 wide in BERT-base."""

MOST_ELEMENTS = 1 << 28
"""Larger inputs are not made up. A choice of ours: 2 GiB of the doubles that they are made of."""

LONGEST_EXPRESSION = 1_000
"""Characters of a symbol that is read as a sum or a product of others; those have some dozens."""

SPATIAL_SIZES = (64, 224, 32, 128, 256, 640, 64)
"""Sizes tried for free height, width and the like: multiples of 32, which strides divide."""

SEQUENCE_SIZES = (8, 16, 4, 2, 32, 1, 8)
"""Lengths tried for free sequence axes."""

SIGNAL_SIZES = (16000, 512, 576, 4000, 1536, 48000, 16000)
"""Samples of sound tried: a second at 16 kHz, and the frames that detectors of speech take."""

BATCH_SIZES = (None, 1, 1, 2, 1, 4, 3)
"""Batch sizes tried with them; None is as many samples as are cheap. A model that tracing froze
runs at the size of its example alone, a small one as a rule."""


class Meaning(StrEnum):
    """What an input's numbers stand for."""

    NOISE = "noise"
    POSITIVE = "positive"
    INDEX = "index"
    MASK = "mask"
    COUNT = "count"
    LENGTH = "length"
    GIVEN = "given"
    PIXEL = "pixel"
    TEXT = "text"


@dataclass(frozen=True, slots=True)
class Slot:
    """One input to synthesise: numpy dtype, dims with symbols, and what it means.

    `bound` is the number of rows of the table that an index must stay in, or what is counted;
    `range` the least and the largest number, `given` the numbers where no others are valid.
    `is_signal`: the last axis is time in fine steps, as in sound.
    """

    name: str
    dtype: str
    dims: tuple[Dim, ...]
    meaning: Meaning = Meaning.NOISE
    bound: int = 2
    range: tuple[float, float] | None = None
    given: tuple[float, ...] = ()
    is_signal: bool = False


@dataclass(frozen=True)
class Attempt:
    """A choice of sizes, and the runs it gives: each a feed of all inputs.

    `samples` is how many they hold; None where every run holds `samples_per_run`. `limits` are more
    runs, of a few samples at the limits of what is valid: all zeros, least and largest numbers.
    """

    sizes: Mapping[str, int]
    samples_per_run: int
    feeds: Sequence[dict[str, Array]]
    samples: int | None = None
    limits: list[dict[str, Array]] = field(default_factory=list)


def attempts(slots: list[Slot], samples: int, seed: int) -> Iterator[Attempt]:
    """Feeds with the likeliest sizes first; the others are for models that refuse those."""
    samples = min(samples, MOST_SAMPLES)
    for sizes in choices(slots, samples):
        yield _attempt(slots, sizes, _batch_symbol(slots), samples, seed)


def choices(slots: list[Slot], samples: int) -> Iterator[dict[str, int]]:
    """The sizes of the symbols to try in turn, those left out at which the inputs are too large."""
    seen: list[Mapping[str, int]] = []
    for spatial, sequence, signal, batch in zip_longest(
        SPATIAL_SIZES, SEQUENCE_SIZES, SIGNAL_SIZES, BATCH_SIZES
    ):
        sizes = _sizes(slots, spatial, sequence, signal)
        batch_symbol = _batch_symbol(slots)
        if batch_symbol is not None:
            sizes[batch_symbol] = batch or _cheap_batch(slots, sizes, samples)
            sizes = _consistent(sizes)
        if sizes in seen:
            continue
        seen.append(sizes)
        if sum(element_count(_shape(slot, sizes)) for slot in slots) <= MOST_ELEMENTS:
            yield sizes


def batch_axes(slots: list[Slot]) -> dict[str, int | None]:
    """The axis of each input that counts samples; None where none does."""
    symbol, size = _batch_symbol(slots), fixed_batch(slots)
    if symbol is None:
        return {slot.name: 0 if size and slot.dims[:1] == (size,) else None for slot in slots}
    first: dict[str, int | None] = {
        slot.name: 0 if counts_samples(slot) else None for slot in slots
    }
    return first | {slot.name: slot.dims.index(symbol) for slot in slots if symbol in slot.dims}


def fixed_batch(slots: list[Slot]) -> int | None:
    """The number of samples that every run takes; None where it is free, or cannot be told."""
    if _batch_symbol(slots) is not None:
        return None
    firsts = {slot.dims[0] for slot in slots if len(slot.dims) > 1}
    first = firsts.pop() if len(firsts) == 1 else None
    return first if isinstance(first, int) and first > 0 else None


def free_symbols(slots: list[Slot]) -> set[str]:
    """The symbols whose size is a guess: all but the batch."""
    symbols = {dim for slot in slots for dim in slot.dims if isinstance(dim, str)}
    return symbols - {_batch_symbol(slots) or ""}


def _attempt(
    slots: list[Slot], sizes: dict[str, int], batch_symbol: str | None, samples: int, seed: int
) -> Attempt:
    batch = sizes[batch_symbol] if batch_symbol else fixed_batch(slots) or 1
    steps = _steps(slots, sizes)

    def feed(run: int) -> dict[str, Array]:
        rng = np.random.default_rng([seed, run])
        shapes = ((slot, _shape(slot, sizes)) for slot in slots)
        return {slot.name: _array(slot, dims, rng, run, batch, steps) for slot, dims in shapes}

    feeds = Feeds(max(1, -(-samples // batch)), feed)
    limits = _at_limits(slots, sizes, batch_symbol)
    return Attempt(sizes, batch, feeds, limits=limits)


def _at_limits(
    slots: list[Slot], sizes: Mapping[str, int], batch_symbol: str | None
) -> list[dict[str, Array]]:
    """A sample of zeros and one of the least and largest numbers: in one run, if it takes two."""
    axes = batch_axes(slots)
    if batch_symbol is not None:
        sizes = _consistent({**sizes, batch_symbol: min(2, sizes[batch_symbol])})
    steps = _steps(slots, sizes)
    zeros, ends = (
        {slot.name: _limit(slot, _shape(slot, sizes), steps, zero) for slot in slots}
        for zero in (True, False)
    )
    together = [name for name, axis in axes.items() if axis is not None]
    if not together or any(zeros[name].shape[axes[name] or 0] < 2 for name in together):
        return [zeros, ends]
    for name in together:
        odd = (slice(None),) * (axes[name] or 0) + (slice(1, None, 2),)
        zeros[name][odd] = ends[name][odd]
    return [zeros]


def _limit(slot: Slot, shape: tuple[int, ...], steps: int, zero: bool) -> Array:
    """Zeros, or what comes next to them; else the numbers at the ends of what is valid."""
    match slot.meaning:
        case Meaning.NOISE:
            made = np.zeros(shape) if zero else _ends(slot.range, shape)
        case Meaning.POSITIVE:
            made = np.full(shape, LEAST_POSITIVE if zero else 0.99)
        case Meaning.INDEX | Meaning.PIXEL:
            highest = {"int8": 127, "uint8": 255}.get(slot.dtype, 0)
            highest = slot.bound - 1 if slot.meaning is Meaning.INDEX else highest
            made = np.full(shape, _integer_range(slot, 0, max(0, highest))[0 if zero else 1])
        case Meaning.MASK:
            length = shape[-1] if shape else 1
            made = np.broadcast_to(np.arange(length) < (length if zero else 1), shape or (1,))
            made = made.reshape(shape)
        case Meaning.LENGTH:
            made = np.full(shape, steps)
        case _:
            made = _GENERATORS[slot.meaning](slot, shape, np.random.default_rng(0))
    return _typed(made, slot).copy()


LEAST_POSITIVE = 0.1
"""Positive numbers are made up from here to 1: a sound caller keeps away from zero."""


def _ends(limits: tuple[float, float] | None, shape: tuple[int, ...]) -> Array:
    """The ends of a range in turns; of noise four deviations, which one in 16,000 goes beyond."""
    low, high = limits or (-4.0, 4.0)
    low, high = (low, high) if np.isfinite(low) else (high, high)
    low, high = (low, high) if np.isfinite(high) else (low, low)
    if not np.isfinite(low):
        low, high = -4.0, 4.0
    return np.resize(np.array([low, high]), shape)


def _steps(slots: list[Slot], sizes: Mapping[str, int]) -> int:
    """How long the sequences are that lengths tell of: the second axis of the first that has one.

    Its size had better be free; 1 where there is no sequence.
    """
    shapes = [slot for slot in slots if len(slot.dims) > 1 and slot.meaning is not Meaning.GIVEN]
    free = [slot for slot in shapes if isinstance(slot.dims[1], str)]
    signals = [slot for slot in shapes if slot.is_signal]
    chosen = next(iter([*signals, *free, *shapes]), None)
    if chosen is None:
        return 1
    return _shape(chosen, sizes)[-1 if chosen.is_signal else 1]


def _batch_symbol(slots: list[Slot]) -> str | None:
    """The symbol of the first axis, unless its name tells of time."""
    return next((str(slot.dims[0]) for slot in slots if counts_samples(slot)), None)


def counts_samples(slot: Slot) -> bool:
    """Whether the first axis seems to count samples: it is free, and not named after time."""
    first = slot.dims[0] if slot.dims else None
    return isinstance(first, str) and not any(word in first.lower() for word in _TIMES)


_TIMES = ("seq", "time", "len", "past", "+", "*")
"""Parts of symbols that do not count samples."""


def _sizes(slots: list[Slot], spatial: int, sequence: int, signal: int) -> dict[str, int]:
    sizes: dict[str, int] = {}
    for slot in slots:
        for axis, dim in enumerate(slot.dims):
            if isinstance(dim, str) and dim not in sizes:
                is_spatial = axis >= 2 and len(slot.dims) >= 4
                is_time = slot.is_signal and axis == len(slot.dims) - 1
                sizes[dim] = signal if is_time else spatial if is_spatial else sequence
    return _consistent(sizes)


def _consistent(sizes: Mapping[str, int]) -> dict[str, int]:
    """Symbols that are sums or products of others follow these."""
    followed = dict(sizes)
    for symbol in sizes:
        size = evaluate(symbol, followed)
        followed[symbol] = followed[symbol] if size is None else max(1, size)
    return followed


_OPERATORS = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.FloorDiv: operator.floordiv,
    ast.Div: operator.floordiv,
}


def evaluate(symbol: str, sizes: Mapping[str, int]) -> int | None:
    """What a symbol such as `past_sequence_length + 1` is by the sizes of its parts.

    None where it is no such expression, or a part is not known.
    """

    def value(node: ast.expr) -> int:
        if isinstance(node, ast.Constant) and isinstance(node.value, int):
            return node.value
        if isinstance(node, ast.Name) and node.id in sizes:
            return sizes[node.id]
        if isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS:
            return int(_OPERATORS[type(node.op)](value(node.left), value(node.right)))
        raise ValueError(symbol)

    if len(symbol) > LONGEST_EXPRESSION:
        return None
    try:
        return value(ast.parse(symbol, mode="eval").body)
    except (ValueError, SyntaxError, ZeroDivisionError, RecursionError, MemoryError):
        return None


def _cheap_batch(slots: list[Slot], sizes: Mapping[str, int], samples: int) -> int:
    of_one = {**sizes, _batch_symbol(slots) or "": 1}
    elements = 0
    for slot in slots:
        width = EMBEDDED_ELEMENTS if slot.meaning is Meaning.INDEX else 1
        elements += width * element_count(_shape(slot, of_one))
    return max(1, min(samples, SMALL_BATCH_ELEMENTS // max(1, elements)))


def _shape(slot: Slot, sizes: Mapping[str, int]) -> tuple[int, ...]:
    return tuple(sizes[dim] if isinstance(dim, str) else dim for dim in slot.dims)


def redrawn(
    slot: Slot, shape: tuple[int, ...], batch: int, seed: int, times: int
) -> Iterator[Array]:
    """Other valid values for one input; the first ones are the other kind of noise."""
    rng = np.random.default_rng((seed, 1))
    for turn in range(times):
        yield _array(slot, shape, rng, turn + 1, batch, 1)  # steps matter to lengths alone


def _array(
    slot: Slot, shape: tuple[int, ...], rng: np.random.Generator, run: int, batch: int, steps: int
) -> Array:
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
    return np.asarray(noise * 8 % 1)


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
    return _integers(slot, 0, max(1, slot.bound) - 1, shape, rng)


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
    return _integers(slot, 0, 127 if slot.dtype == "int8" else 255, shape, rng)


def _text(slot: Slot, shape: tuple[int, ...], rng: np.random.Generator) -> Any:
    return np.full(shape, "a", dtype=object)


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
