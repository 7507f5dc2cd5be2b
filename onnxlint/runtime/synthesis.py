"""Synthesises valid inputs: what each input means is read off the nodes that use it."""

from __future__ import annotations

import ast
import operator
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from itertools import zip_longest
from math import prod
from typing import Any

import numpy as np

from onnxlint.runtime.messages import Array

Dim = int | str

SMALL_BATCH_ELEMENTS = 1 << 18
"""Samples are run together up to this many input elements: small nets run fast, big ones lean."""

EMBEDDED_ELEMENTS = 1024
"""An index counts as so many elements: the row that is looked up for it, 768 wide in BERT-base."""

SPATIAL_SIZES = (64, 224, 32, 128, 256, 640)
"""Sizes tried for free height, width and the like: multiples of 32, which strides divide."""

SEQUENCE_SIZES = (8, 16, 4, 2, 32, 1)
"""Lengths tried for free sequence axes."""

BATCH_SIZES = (None, 1, 1, 2, 1, 4)
"""Batch sizes tried with them; None is as many samples as are cheap."""


class Meaning(StrEnum):
    """What an input's numbers stand for."""

    NOISE = "noise"
    POSITIVE = "positive"
    INDEX = "index"
    MASK = "mask"
    COUNT = "count"
    PIXEL = "pixel"
    TEXT = "text"


@dataclass(frozen=True, slots=True)
class Slot:
    """One input to synthesise: numpy dtype, dims with symbols, and what it means.

    `bound` is the number of rows of the table that an index must stay in.
    """

    name: str
    dtype: str
    dims: tuple[Dim, ...]
    meaning: Meaning = Meaning.NOISE
    bound: int = 2


@dataclass(frozen=True)
class Attempt:
    """A choice of sizes, and the runs it gives: each a feed of all inputs.

    `samples` is how many they hold; None where every run holds `samples_per_run`.
    """

    sizes: Mapping[str, int]
    samples_per_run: int
    feeds: list[dict[str, Array]]
    samples: int | None = None


def attempts(slots: list[Slot], samples: int, seed: int) -> Iterator[Attempt]:
    """Feeds with the likeliest sizes first; the others are for models that refuse those."""
    seen: list[Mapping[str, int]] = []
    for spatial, sequence, batch in zip_longest(SPATIAL_SIZES, SEQUENCE_SIZES, BATCH_SIZES):
        sizes = _sizes(slots, spatial, sequence)
        batch_symbol = _batch_symbol(slots)
        if batch_symbol is not None:
            sizes[batch_symbol] = batch or _cheap_batch(slots, sizes, samples)
        if sizes in seen:
            continue
        seen.append(sizes)
        yield _attempt(slots, sizes, batch_symbol, samples, seed)


def batch_axes(slots: list[Slot]) -> dict[str, int | None]:
    """The axis of each input that counts samples; None where none does."""
    symbol, size = _batch_symbol(slots), fixed_batch(slots)
    if symbol is None:
        return {slot.name: 0 if size and slot.dims[:1] == (size,) else None for slot in slots}
    return {
        slot.name: slot.dims.index(symbol) if symbol in slot.dims else 0 if _counts(slot) else None
        for slot in slots
    }


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
    rng = np.random.default_rng(seed)
    runs = max(1, -(-samples // batch))
    feeds = [
        {slot.name: _array(slot, _shape(slot, sizes), rng, run, batch) for slot in slots}
        for run in range(runs)
    ]
    return Attempt(sizes, batch, feeds)


def _batch_symbol(slots: list[Slot]) -> str | None:
    """The symbol of the first axis, unless its name tells of time."""
    return next((str(slot.dims[0]) for slot in slots if _counts(slot)), None)


def _counts(slot: Slot) -> bool:
    """Whether the first axis seems to count samples: it is free, and not named after time."""
    first = slot.dims[0] if slot.dims else None
    return isinstance(first, str) and not any(word in first.lower() for word in _TIMES)


_TIMES = ("seq", "time", "len", "past", "+", "*")
"""Parts of symbols that do not count samples."""


def _sizes(slots: list[Slot], spatial: int, sequence: int) -> dict[str, int]:
    sizes: dict[str, int] = {}
    for slot in slots:
        for axis, dim in enumerate(slot.dims):
            if isinstance(dim, str) and dim not in sizes:
                is_spatial = axis >= 2 and len(slot.dims) >= 4
                sizes[dim] = spatial if is_spatial else sequence
    for symbol in sizes:
        sizes[symbol] = _evaluate(symbol, sizes)
    return sizes


_OPERATORS = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.FloorDiv: operator.floordiv,
    ast.Div: operator.floordiv,
}


def _evaluate(symbol: str, sizes: Mapping[str, int]) -> int:
    """A symbol such as `past_sequence_length + 1` follows from the sizes of its parts."""

    def value(node: ast.expr) -> int:
        if isinstance(node, ast.Constant) and isinstance(node.value, int):
            return node.value
        if isinstance(node, ast.Name) and node.id in sizes:
            return sizes[node.id]
        if isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS:
            return int(_OPERATORS[type(node.op)](value(node.left), value(node.right)))
        raise ValueError(symbol)

    try:
        return max(1, value(ast.parse(symbol, mode="eval").body))
    except (ValueError, SyntaxError, ZeroDivisionError, RecursionError, MemoryError):
        return sizes[symbol]


def _cheap_batch(slots: list[Slot], sizes: Mapping[str, int], samples: int) -> int:
    symbol = _batch_symbol(slots) or ""
    elements = 0
    for slot in slots:
        width = EMBEDDED_ELEMENTS if slot.meaning is Meaning.INDEX else 1
        elements += width * prod(_shape(slot, {**sizes, symbol: 1}))
    return max(1, min(samples, SMALL_BATCH_ELEMENTS // max(1, elements)))


def _shape(slot: Slot, sizes: Mapping[str, int]) -> tuple[int, ...]:
    return tuple(sizes[dim] if isinstance(dim, str) else dim for dim in slot.dims)


def _array(
    slot: Slot, shape: tuple[int, ...], rng: np.random.Generator, run: int, batch: int
) -> Array:
    made = _GENERATORS[slot.meaning](slot, shape, rng)
    if slot.meaning is Meaning.NOISE:
        made = _of_two_kinds(made, run, batch)
    return np.asarray(made, dtype=object if slot.dtype == "str" else slot.dtype)


def _of_two_kinds(noise: Array, run: int, batch: int) -> Array:
    """Every second sample is uniform in [0, 1), as images are; the others are standard normal."""
    if batch == 1 or not noise.ndim or noise.shape[0] != batch:
        return _uniform(noise) if run % 2 else noise
    noise[1::2] = _uniform(noise[1::2])
    return noise


def _uniform(noise: Array) -> Array:
    """Normal noise mapped to [0, 1) by its fractional part: as random, and no second draw."""
    return np.asarray(noise * 8 % 1)


def _noise(slot: Slot, shape: tuple[int, ...], rng: np.random.Generator) -> Array:
    return rng.standard_normal(shape, np.float32)


def _positive(slot: Slot, shape: tuple[int, ...], rng: np.random.Generator) -> Array:
    return rng.uniform(0.1, 1.0, shape)


def _index(slot: Slot, shape: tuple[int, ...], rng: np.random.Generator) -> Array:
    return rng.integers(0, max(1, slot.bound), shape)


def _mask(slot: Slot, shape: tuple[int, ...], rng: np.random.Generator) -> Array:
    """Ones, then zeros: every row keeps at least its first half, as a padded sequence does."""
    length = shape[-1] if shape else 1
    kept = rng.integers((length + 1) // 2, length + 1, (*shape[:-1], 1))
    return (np.arange(length) < kept).reshape(shape)


def _count(slot: Slot, shape: tuple[int, ...], rng: np.random.Generator) -> Array:
    return np.ones(shape)


def _pixel(slot: Slot, shape: tuple[int, ...], rng: np.random.Generator) -> Array:
    return rng.integers(0, 128 if slot.dtype == "int8" else 256, shape)


def _text(slot: Slot, shape: tuple[int, ...], rng: np.random.Generator) -> Any:
    return np.full(shape, "a", dtype=object)


_GENERATORS = {
    Meaning.NOISE: _noise,
    Meaning.POSITIVE: _positive,
    Meaning.INDEX: _index,
    Meaning.MASK: _mask,
    Meaning.COUNT: _count,
    Meaning.PIXEL: _pixel,
    Meaning.TEXT: _text,
}
