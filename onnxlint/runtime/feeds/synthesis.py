"""Synthesises valid inputs: what each input means is read off the nodes that use it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import zip_longest
from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct, field
from msgspec.structs import replace

from onnxlint.model.file.tensors import element_count
from onnxlint.runtime.feeds.input_slots import Dim as Dim
from onnxlint.runtime.feeds.input_slots import Meaning as Meaning
from onnxlint.runtime.feeds.input_slots import Slot as Slot
from onnxlint.runtime.feeds.input_slots import evaluate as evaluate
from onnxlint.runtime.feeds.input_slots import resolved
from onnxlint.runtime.feeds.lazy_feeds import Feeds
from onnxlint.runtime.feeds.random_values import Limit, array_of, limit
from onnxlint.settings import MOST_SAMPLES

if TYPE_CHECKING:
    from onnxlint.types import Array

SMALL_BATCH_ELEMENTS = 1 << 18
"""Samples are run together up to this many input elements: small nets run fast, big ones lean."""

EMBEDDED_ELEMENTS = 1024
"""An index counts as so many elements: the row that is looked up for it, 768 wide in BERT-base."""

MOST_ELEMENTS = 1 << 28
"""Larger inputs are not synthesised. A choice: 2 GiB of the doubles that they are made of."""

SPATIAL_SIZES = (64, 224, 32, 128, 256, 640, 64)
"""Sizes tried for free height, width and the like: multiples of 32, which strides divide."""

SEQUENCE_SIZES = (8, 16, 4, 2, 32, 1, 8)
"""Lengths tried for free sequence axes."""

SIGNAL_SIZES = (16000, 512, 576, 4000, 1536, 48000, 16000)
"""Samples of sound tried: a second at 16 kHz, and the frames that detectors of speech take."""

BATCH_SIZES = (None, 1, 1, 2, 1, 4, 3)
"""Batch sizes tried with them; None is as many samples as are cheap. A model that tracing froze
runs at the size of its example alone, a small one as a rule."""


LONG_SIZES = (64, 128, 256)
"""Tried for all dynamic axes, the first too, where all else is refused: a chain of windows wants
a picture or a spectrogram of frames by bands, whose first axis counts frames."""


class Boundary(Struct, frozen=True):
    """One sample at the limits of what is valid, told in a few words.

    `ordinary`: callers send such samples, black pictures and empty texts, sooner or later.
    """

    told: str
    feed: dict[str, Array]
    ordinary: bool = False


class Attempt(Struct, frozen=True):
    """A choice of sizes, and the runs it gives: each a feed of all inputs.

    `samples` is how many they hold; None where every run holds `samples_per_run`. `limits` are more
    runs, of one sample each, at the limits of what is valid.
    """

    sizes: Mapping[str, int]
    samples_per_run: int
    feeds: Sequence[dict[str, Array]]
    samples: int | None = None
    limits: list[Boundary] = field(default_factory=list)


def attempts(
    slots: list[Slot], samples: int, seed: int, known: Mapping[str, int] | None = None
) -> Iterator[Attempt]:
    """Feeds with the likeliest sizes first; the others are for models that refuse those."""
    samples = min(samples, MOST_SAMPLES)
    for sizes in choices(slots, samples, known):
        yield _attempt(slots, sizes, batch_symbol(slots), samples, seed)


def choices(
    slots: list[Slot], samples: int, known: Mapping[str, int] | None = None
) -> Iterator[dict[str, int]]:
    """The sizes of the symbols to try in turn, those left out at which the inputs are too large.

    First those with the sizes that the graph tells: `known`. It may be that not all of it runs.
    """
    seen: list[Mapping[str, int]] = []
    for sizes in _choices(slots, samples, known or {}):
        if sizes in seen:
            continue
        seen.append(sizes)
        if sum(element_count(_shape(slot, sizes)) for slot in slots) <= MOST_ELEMENTS:
            yield sizes


def _choices(slots: list[Slot], samples: int, known: Mapping[str, int]) -> Iterator[dict[str, int]]:
    fine = [replace(slot, is_signal=True) if slot.may_be_signal else slot for slot in slots]
    for now, fixed in [(slots, known), (fine, known), (slots, {})]:
        for likely in zip_longest(SPATIAL_SIZES, SEQUENCE_SIZES, SIGNAL_SIZES, BATCH_SIZES):
            yield _choice(now, samples, fixed, *likely)
    for size in LONG_SIZES:
        yield _choice(slots, samples, known, size, size, size, size)


def _choice(
    slots: list[Slot],
    samples: int,
    known: Mapping[str, int],
    spatial: int,
    sequence: int,
    signal: int,
    batch: int | None,
) -> dict[str, int]:
    sizes = _sizes(slots, spatial, sequence, signal)
    sizes |= {symbol: size for symbol, size in known.items() if symbol in sizes}
    counted = batch_symbol(slots)
    if counted is not None and counted not in known:
        sizes[counted] = batch or _cheap_batch(slots, sizes, samples)
    return _consistent(sizes)


def batch_axes(slots: list[Slot]) -> dict[str, int | None]:
    """The axis of each input that counts samples; None where none does."""
    symbol, size = batch_symbol(slots), fixed_batch(slots)
    if symbol is None:
        return {slot.name: 0 if size and slot.dims[:1] == (size,) else None for slot in slots}
    first: dict[str, int | None] = {
        slot.name: 0 if counts_samples(slot) else None for slot in slots
    }
    return first | {slot.name: slot.dims.index(symbol) for slot in slots if symbol in slot.dims}


def fixed_batch(slots: list[Slot]) -> int | None:
    """The number of samples that every run takes; None where it is free, or cannot be told."""
    if batch_symbol(slots) is not None:
        return None
    firsts = {slot.dims[0] for slot in slots if len(slot.dims) > 1}
    first = firsts.pop() if len(firsts) == 1 else None
    return first if isinstance(first, int) and first > 0 else None


def free_symbols(slots: list[Slot]) -> set[str]:
    """The symbols whose size is a guess: all but the batch."""
    symbols = {dim for slot in slots for dim in slot.dims if isinstance(dim, str)}
    return symbols - {batch_symbol(slots) or ""}


def _attempt(
    slots: list[Slot], sizes: dict[str, int], counted: str | None, samples: int, seed: int
) -> Attempt:
    batch = sizes[counted] if counted else fixed_batch(slots) or 1
    steps = _steps(slots, sizes)

    def feed(run: int) -> dict[str, Array]:
        rng = np.random.default_rng([seed, run])
        shapes = ((resolved(slot, sizes), _shape(slot, sizes)) for slot in slots)
        return {slot.name: array_of(slot, dims, rng, run, batch, steps) for slot, dims in shapes}

    feeds = Feeds(max(1, -(-samples // batch)), feed)
    limits = _at_limits(slots, sizes, counted)
    return Attempt(sizes, batch, feeds, limits=limits)


def _at_limits(slots: list[Slot], sizes: Mapping[str, int], counted: str | None) -> list[Boundary]:
    """A sample of zeros, one of the same number throughout, and one of the ends of what is valid.

    They are run apart, for a fault is to be told of one of them; what is left of zeros where they
    are not valid is another constant. Indices beside content stay as they are: an image is black
    whatever its label, but no graph has all its edges at one node.
    """
    content = [s for s in slots if s.meaning not in _NAMELESS]
    beside = [s for s in content if s.meaning is Meaning.INDEX and not s.columns]
    beside = beside if len(beside) < len(content) else []
    kept = {slot.name for slot in beside}
    if counted is not None and not beside:
        sizes = _consistent({**sizes, counted: 1})
    steps = _steps(slots, sizes)

    def made(slot: Slot, of: Limit) -> Array:
        told, shape = resolved(slot, sizes), _shape(slot, sizes)
        if slot.name in kept and of is not Limit.ENDS:
            return array_of(told, shape, np.random.default_rng(0), 0, 1, steps)
        return limit(told, shape, steps, of)

    zero, flat, ends = ({slot.name: made(slot, of) for slot in slots} for of in Limit)
    content = [slot for slot in content if slot.name not in kept]
    boundaries = [_ordinary(content, zero), _ordinary(content, flat)]
    if boundaries[1].told == boundaries[0].told and _same(zero, flat):
        del boundaries[1]
    return [*boundaries, Boundary("a sample of the minimum and maximum values", ends)]


_NAMELESS = frozenset({Meaning.MASK, Meaning.COUNT, Meaning.LENGTH, Meaning.GIVEN})
"""What only goes with a sample, and says nothing of its content."""


def _ordinary(slots: list[Slot], feed: dict[str, Array]) -> Boundary:
    """Zeros or any constant, by its content; columns that each have their own are not constant."""
    content = [feed[slot.name].reshape(-1) for slot in slots]
    content = [array for array in content if array.size]
    if content and all(array.dtype == object and not any(array) for array in content):
        return Boundary("an empty text", feed, ordinary=True)
    if content and not any(array.astype(bool).any() for array in content):
        return Boundary("an all-zero sample", feed, ordinary=True)
    is_constant = all((array == array[0]).all() for array in content)
    told = "a constant sample" if is_constant else "a sample of listed values"
    return Boundary(told, feed, ordinary=is_constant and bool(content))


def _same(one: dict[str, Array], other: dict[str, Array]) -> bool:
    return all(np.array_equal(array, other[name]) for name, array in one.items())


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


def batch_symbol(slots: list[Slot]) -> str | None:
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
                is_timed = any(word in dim.lower() for word in _TIMES)
                is_spatial = axis >= 2 and len(slot.dims) >= 4 and not is_timed
                is_time = slot.is_signal and axis == len(slot.dims) - 1
                sizes[dim] = signal if is_time else spatial if is_spatial else sequence
    for members, groups in _groups(slots):
        if sizes.get(groups, 0) >= sizes[members]:
            sizes[groups] = max(1, sizes[members] // MEMBERS)
    return _consistent(sizes)


MEMBERS = 4
"""A list that says which group each entry belongs to has so many for each: a norm of a graph of one
node is 0 everywhere. A choice of ours."""


def _groups(slots: list[Slot]) -> Iterator[tuple[str, str]]:
    """The axis of each list of indices, and another one that the indices go along."""
    for slot in slots:
        if slot.meaning is Meaning.INDEX and len(slot.dims) == 1 and isinstance(slot.dims[0], str):
            for bound in slot.bounds:
                if isinstance(bound.size, str) and bound.size != slot.dims[0]:
                    yield slot.dims[0], bound.size


def _consistent(sizes: Mapping[str, int]) -> dict[str, int]:
    """Symbols that are sums or products of others follow these."""
    followed = dict(sizes)
    for symbol in sizes:
        size = evaluate(symbol, followed)
        if size is not None and size != followed[symbol]:
            followed[symbol] = max(1, size)
    return followed


def _cheap_batch(slots: list[Slot], sizes: Mapping[str, int], samples: int) -> int:
    of_one = {**sizes, batch_symbol(slots) or "": 1}
    elements = 0
    for slot in slots:
        width = EMBEDDED_ELEMENTS if slot.meaning is Meaning.INDEX else 1
        elements += width * element_count(_shape(slot, of_one))
    return max(1, min(samples, SMALL_BATCH_ELEMENTS // max(1, elements)))


def _shape(slot: Slot, sizes: Mapping[str, int]) -> tuple[int, ...]:
    return tuple(sizes[dim] if isinstance(dim, str) else dim for dim in slot.dims)
