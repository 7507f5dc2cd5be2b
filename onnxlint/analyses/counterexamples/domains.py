"""What may be fed: the numbers that each input takes, and samples that are stacked and taken apart.

A sample is a feed in which every axis that counts samples has the size 1.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from msgspec import Struct

from onnxlint.runtime.feeds.input_slots import Meaning, resolved
from onnxlint.runtime.feeds.random_values import LEAST_POSITIVE
from onnxlint.runtime.feeds.synthesis import batch_axes, batch_symbol

if TYPE_CHECKING:
    from onnxlint.runtime.feeds.synthesis import Slot
    from onnxlint.settings import InputContract
    from onnxlint.types import Array, Feed

USUAL = 4.0
"""Synthetic noise hardly goes beyond so many of its deviations, which are 1."""

FARTHEST = 4000.0
"""What is fed where no range is declared, at most. A choice: a thousand times what is usual."""

MOST_SWITCHES = 4
"""Truth values that are inputs, and are turned one at a time."""

_UNTOUCHED = frozenset({Meaning.COUNT, Meaning.LENGTH, Meaning.GIVEN, Meaning.TEXT})


class Domain(Struct, frozen=True, eq=False):
    """The numbers that one input takes.

    Attributes:
        slot: the input.
        low: the least, as far as what is usual goes: one number, or one for each element.
        high: the largest.
        reach: how many times as far a number may lie where the range is not declared.
        whole: only whole numbers are valid.
        declared: the user declared the range.
    """

    slot: Slot
    low: Array
    high: Array
    reach: float
    whole: bool
    declared: bool

    @property
    def is_mask(self) -> bool:
        """Whether it says what counts, and is no content."""
        return self.slot.meaning is Meaning.MASK

    @property
    def is_bounded(self) -> bool:
        """Whether all numbers that are valid lie between the ends."""
        return self.reach == 1

    @property
    def radius(self) -> Array:
        """Half of the distance between the ends."""
        return np.asarray((self.high - self.low) / 2)

    def put(self, numbers: Array, *, usual: bool = False) -> Array:
        """The nearest valid numbers, in the dtype of the input."""
        dtype = np.dtype(self.slot.dtype)
        reach = 1.0 if usual else self.reach
        low, high = self.low * reach, self.high * reach
        if self.low.min() >= 0:
            low = self.low
        made = np.clip(np.nan_to_num(numbers, posinf=FARTHEST, neginf=-FARTHEST), low, high)
        if self.whole:
            made = np.clip(np.round(made), np.ceil(low), np.floor(high))
        return self._rounded_inwards(made, dtype) if dtype.kind == "f" else made.astype(dtype)

    def is_usual(self, number: float) -> bool:
        """Whether a sample of usual numbers may have this one throughout."""
        whole = not self.whole or number == round(number)
        return whole and bool((self.low <= number).all() and (number <= self.high).all())

    def has(self, array: Array) -> bool:
        """Whether all of it lies within the ends."""
        if array.dtype.kind not in "fiub":
            return False
        return bool(((self.low <= array) & (array <= self.high)).all())

    def _rounded_inwards(self, made: Array, dtype: np.dtype[Any]) -> Array:
        """As the dtype can say it: the end of a declared range may lie between two numbers."""
        typed = made.astype(dtype)
        if not self.is_bounded:
            return typed
        wide = typed.astype(np.float64)
        typed = np.where(wide > self.high, np.nextafter(typed, dtype.type(-np.inf)), typed)
        return np.where(wide < self.low, np.nextafter(typed, dtype.type(np.inf)), typed)


def domain_of(
    slot: Slot, contract: InputContract | None, sizes: Mapping[str, int]
) -> Domain | None:
    """What an input takes; None where what is fed is better left as it is."""
    has_text = slot.dtype == "str" or any(
        isinstance(option, str) for column in slot.columns for option in column.options
    )
    if has_text or slot.meaning in _UNTOUCHED:
        return None
    whole = np.dtype(slot.dtype).kind in "iub"
    declared = _declared(slot, contract)
    if declared is not None:
        return Domain(slot, *declared, reach=1.0, whole=whole, declared=True)
    low, high, reach = _valid(slot, sizes, whole)
    return Domain(slot, np.asarray(low), np.asarray(high), reach, whole, declared=False)


def _declared(slot: Slot, contract: InputContract | None) -> tuple[Array, Array] | None:
    """The range of all elements, or those of each feature along the last axis."""
    if contract is None:
        return None
    last = slot.dims[-1] if slot.dims else None
    ranges = contract.feature_ranges
    known = isinstance(last, int) and all(str(at) in ranges for at in range(last))
    if known and isinstance(last, int) and ranges:
        ends = [ranges[str(at)] for at in range(last)]
        return _finite(np.array([low for low, _ in ends])), _finite(
            np.array([high for _, high in ends])
        )
    if contract.range is None:
        return None
    low, high = contract.range
    return _finite(np.asarray(low, np.float64)), _finite(np.asarray(high, np.float64))


def _finite(ends: Array) -> Array:
    """Ends of a declared range, of which one may be open."""
    return np.asarray(np.nan_to_num(ends, posinf=FARTHEST, neginf=-FARTHEST))


def _valid(slot: Slot, sizes: Mapping[str, int], whole: bool) -> tuple[float, float, float]:
    """The usual ends of an input whose range is not declared, and how far beyond it may go."""
    dtype = np.dtype(slot.dtype)
    match slot.meaning:
        case Meaning.POSITIVE:
            return LEAST_POSITIVE, 1.0, 1.0
        case Meaning.INDEX:
            now = resolved(slot, sizes)
            return now.lowest, max(now.lowest, now.bound - 1), 1.0
        case Meaning.PIXEL:
            return (-128, 127, 1.0) if slot.lowest < 0 or slot.dtype == "int8" else (0, 255, 1.0)
    if slot.meaning is Meaning.MASK or dtype.kind == "b":
        return 0, 1, 1.0
    options = [float(option) for column in slot.columns for option in column.options]
    if options:
        return min(options), max(options), 1.0
    if whole and np.iinfo(dtype).max <= FARTHEST:
        return float(np.iinfo(dtype).min), float(np.iinfo(dtype).max), 1.0
    return (0.0 if dtype.kind == "u" else -USUAL), USUAL, FARTHEST / USUAL


class Samples:
    """The samples that a model takes: what varies in them, how they are stacked and taken apart.

    `content` are the inputs whose numbers make a sample what it is: those that vary, and neither
    mask others nor decide between branches. `vector` holds them as one.
    """

    def __init__(
        self, slots: list[Slot], feed: Feed, contracts: Mapping[str, InputContract],
        sizes: Mapping[str, int], per_run: int,
    ) -> None:  # fmt: skip
        self._slots = slots
        axes = batch_axes(slots)
        self.per_run = per_run
        self.axes = {
            name: axis for name, axis in axes.items()
            if axis is not None and feed[name].ndim > axis and feed[name].shape[axis] == per_run
        }  # fmt: skip
        self.any_number = batch_symbol(slots) is not None and bool(self.axes)
        self.base = self.taken(feed, 0)
        found = ((slot.name, domain_of(slot, contracts.get(slot.name), sizes)) for slot in slots)
        self.domains = {name: domain for name, domain in found if domain is not None}
        self.content = [
            name for name, domain in self.domains.items()
            if not domain.is_mask and not self._is_switch(name)
        ]  # fmt: skip
        self.vector = Vector(self)

    def taken(self, feed: Feed, at: int) -> Feed:
        """One sample of a feed."""
        return {
            name: array.take([at], self.axes[name]) if name in self.axes else array
            for name, array in feed.items()
        }

    def count(self, feed: Feed) -> int:
        """How many samples a feed holds; 1 where none are told apart."""
        return next((feed[name].shape[axis] for name, axis in self.axes.items()), 1)

    def each(self, feed: Feed) -> Iterator[Feed]:
        """The samples of a feed."""
        return (self.taken(feed, at) for at in range(self.count(feed)))

    def stacked(self, feeds: Sequence[Feed]) -> Feed:
        """Samples as one feed; of a fixed number, the last one is repeated."""
        missing = 0 if self.any_number else max(0, self.per_run - len(feeds))
        every = [*feeds, *[feeds[-1]] * missing]
        return {
            name: np.concatenate([feed[name] for feed in every], self.axes[name])
            if name in self.axes
            else array
            for name, array in feeds[0].items()
        }

    def stack_together(self, one: Feed, other: Feed) -> bool:
        """Whether two samples can be fed at once: what counts no samples must be the same."""
        return all(
            array.shape == other[name].shape
            and (name in self.axes or array is other[name] or np.array_equal(array, other[name]))
            for name, array in one.items()
        )

    @property
    def is_bounded(self) -> bool:
        """Whether no input may lie beyond what is usual."""
        return all(self.domains[name].is_bounded for name in self.content)

    @property
    def zeroable(self) -> set[str]:
        """The inputs that may hold zeros, and are no masks."""
        return {name for name in self.content if self.domains[name].is_usual(0.0)}

    def is_declared(self, feed: Feed) -> bool:
        """Whether every input is in a range that the user declared, or holds what is valid anyway.

        Valid anyway are indices into a table, pixels, and masks with a 1 in every row.
        """
        known = [domain for domain in self.domains.values() if domain.declared]
        return bool(known) and all(self._is_declared(name, array) for name, array in feed.items())

    def _is_declared(self, name: str, array: Array) -> bool:
        domain = self.domains.get(name)
        if domain is None:
            return True  # as it was synthesised
        if domain.is_mask and not domain.declared:
            return bool(array.any(axis=-1).all()) if array.ndim else bool(array.all())
        valid = domain.declared or domain.slot.meaning in (Meaning.INDEX, Meaning.PIXEL)
        return valid and domain.has(array)

    def excess(self, feed: Feed) -> float:
        """How far numbers go beyond what is declared or usual, as a multiple of that; 1 if not."""
        found = [1.0]
        for name, domain in self.domains.items():
            array = feed[name]
            if array.size and not domain.is_bounded and not domain.has(array):
                found.append(float(np.abs(array.astype(np.float64)).max() / domain.radius.max()))
        return max(found)

    def is_ordinary(self, feed: Feed) -> bool:
        """Whether no number goes beyond what is declared or usual, and no mask hides everything."""
        return all(
            domain.has(feed[name]) and not (domain.is_mask and not feed[name].any())
            for name, domain in self.domains.items()
        )

    def _is_switch(self, name: str) -> bool:
        """Whether an input is one truth value, as decides between branches."""
        array = self.base[name]
        return array.dtype.kind == "b" and array.size == 1 and name not in self.axes

    @property
    def bases(self) -> Iterator[Feed]:
        """The usual sample, with every switch as it is and the other way round."""
        yield self.base
        switches = [name for name in self.domains if self._is_switch(name)]
        for name in switches[:MOST_SWITCHES]:
            yield self.base | {name: ~self.base[name]}


class Vector:
    """What varies in a sample as one vector: the inputs that are content, one after the other."""

    def __init__(self, samples: Samples) -> None:
        self._samples = samples
        self._names = [name for name in samples.content if samples.base[name].size]
        parts = [self._of(name) for name in self._names]
        self.low = np.concatenate([np.zeros(0), *(low for low, _, _ in parts)])
        self.high = np.concatenate([np.zeros(0), *(high for _, high, _ in parts)])
        self.reach = np.concatenate([np.zeros(0), *(reach for _, _, reach in parts)])
        self.radius = (self.high - self.low) / 2

    def _of(self, name: str) -> tuple[Array, Array, Array]:
        domain, shape = self._samples.domains[name], self._samples.base[name].shape
        ends = (domain.low, domain.high, np.asarray(domain.reach))
        low, high, reach = (
            np.broadcast_to(end, shape).reshape(-1).astype(np.float64) for end in ends
        )
        return low, high, reach

    def __len__(self) -> int:
        return len(self.low)

    def of(self, feed: Feed) -> Array:
        """The vector of a sample."""
        parts = [feed[name].reshape(-1).astype(np.float64) for name in self._names]
        return np.concatenate([np.zeros(0), *parts])

    def feed(self, vector: Array, beside: Feed, *, usual: bool) -> Feed:
        """The sample of a vector; what does not vary is as in another one."""
        made, start = dict(beside), 0
        for name in self._names:
            array = self._samples.base[name]
            numbers = vector[start : start + array.size].reshape(array.shape)
            made[name] = self._samples.domains[name].put(numbers, usual=usual)
            start += array.size
        return made

    def neighbours(self, feed: Feed, rng: np.random.Generator, steps: int) -> Feed:
        """A sample with some numbers moved to ones that the dtype has next to them."""
        made = dict(feed)
        for name in self._names:
            array, domain = feed[name], self._samples.domains[name]
            if array.dtype.kind != "f":
                continue
            moved = array.copy()
            share = min(1.0, 4 / array.size) if rng.random() < 0.5 else rng.random()
            for _ in range(int(rng.integers(1, steps + 1))):
                toward = np.where(rng.random(array.shape) < 0.5, -np.inf, np.inf)
                picked = rng.random(array.shape) < share
                moved = np.where(picked, np.nextafter(moved, toward.astype(array.dtype)), moved)
            made[name] = domain.put(moved.astype(np.float64))
        return made
