"""Where samples lie in the inputs, and how data is cut to the batches that the model takes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from onnxlint.model.file.errors import Misfit, MisfitError
from onnxlint.runtime.data.fitting import Fed, Fitted, fitted
from onnxlint.runtime.feeds.synthesis import Slot, batch_axes, fixed_batch
from onnxlint.runtime.protocol import Array

LARGEST_BATCH = 32
"""Samples that are run together where the model takes any number."""

LARGEST_RUN_BYTES = 2 * 1024**3
"""A run that is filled up takes no more: one message to the process that runs it holds 4 GiB."""

Feed = Mapping[str, Array]


class Cut(Struct, frozen=True):
    """The axis along which each array is cut into runs; None: all of it goes into every run.

    `size` is what a run takes of it; None is any number. `indexed`: the axis is none of the
    model's, so that every element is a run.
    """

    axes: Mapping[str, int | None]
    size: int | None
    indexed: bool = False

    @classmethod
    def of(cls, ranks: Mapping[str, int], slots: list[Slot]) -> Cut:
        """As arrays of these ranks are to be cut."""
        outer: dict[str, int | None] = {
            slot.name: 0 if ranks[slot.name] > len(slot.dims) else None for slot in slots
        }
        if any(axis is not None for axis in outer.values()):
            return cls(outer, 1, indexed=True)
        return cls(batch_axes(slots), fixed_batch(slots))


def whole_batches(slots: list[Slot], samples: int) -> int:
    """`samples`, and as many more as fill the last batch."""
    batch = fixed_batch(slots) or 1
    return -(-samples // batch) * batch


def samples_in(feed: Feed, slots: list[Slot]) -> int:
    """How many samples one run holds."""
    axes = batch_axes(slots)
    sizes = [feed[name].shape[axis] for name, axis in axes.items() if axis is not None]
    return sizes[0] if sizes else 1


def batched(data: Fitted, slots: list[Slot], samples: int) -> Fed:
    """Feeds that hold the first `samples` once, in their order; `Fed.more` holds the others.

    Where the model's batch is fixed and the samples are not a multiple of it, the last is repeated
    to fill the last batch; `Fed.filled` counts that.

    Raises:
        MisfitError: the inputs have different numbers of samples, or none.
    """
    return replace(_batched(data, slots, samples), unrounded=data.unrounded)


def _batched(data: Fitted, slots: list[Slot], samples: int) -> Fed:
    arrays = data.arrays
    cut = Cut.of({name: array.ndim for name, array in arrays.items()}, slots)
    count = _count(arrays, cut.axes)
    if count is None:
        return Fed([arrays], samples_in(arrays, slots), data.converted)
    if cut.indexed:
        runs = [_part(arrays, cut, at, at + 1) for at in range(count)]
        wanted = -(-samples // (samples_in(runs[0], slots) or 1))
        first, more = runs[:wanted], runs[wanted:]
        return Fed(first, sum(samples_in(run, slots) for run in first), data.converted, more=more)
    total = min(count, whole_batches(slots, samples))
    size = cut.size or min(total, LARGEST_BATCH)
    feeds = list(_runs(arrays, cut, 0, total, size))
    missing = -total % size if cut.size else 0
    if missing:
        feeds[-1] = _filled(feeds[-1], cut, missing)
    more = list(_runs(arrays, cut, total, count, LARGEST_BATCH))
    return Fed(feeds, total, data.converted, missing, more)


def _count(arrays: Feed, axes: Mapping[str, int | None]) -> int | None:
    """How many samples there are; None where no axis counts them."""
    counts = {name: arrays[name].shape[axis] for name, axis in axes.items() if axis is not None}
    if len(set(counts.values())) > 1:
        told = ", ".join(f"{name!r} {count}" for name, count in counts.items())
        raise MisfitError([Misfit(None, f"inputs have different numbers of samples: {told}")])
    if 0 in counts.values():
        raise MisfitError([Misfit(None, "the data has no samples")])
    return next(iter(counts.values()), None)


def _runs(arrays: Feed, cut: Cut, start: int, end: int, size: int) -> Iterator[dict[str, Array]]:
    for at in range(start, end, size):
        yield _part(arrays, cut, at, min(at + size, end))


def _part(arrays: Feed, cut: Cut, start: int, end: int) -> dict[str, Array]:
    part = {}
    for name, array in arrays.items():
        axis = cut.axes[name]
        if axis is not None:
            ahead = (slice(None),) * axis
            array = array[(*ahead, start if cut.indexed else slice(start, end))]
        part[name] = np.asarray(array)
    return part


def _filled(feed: Feed, cut: Cut, missing: int) -> dict[str, Array]:
    """The feed with the last sample repeated.

    Raises:
        MisfitError: the model takes more samples a run than can be made of these.
    """
    filled = dict(feed)
    for name, axis in cut.axes.items():
        if axis is not None:
            array, last = feed[name], feed[name].take([-1], axis)
            if last.nbytes * (array.shape[axis] + missing) > LARGEST_RUN_BYTES:
                told = f"input {name!r} expects {array.shape[axis] + missing:,} samples per run"
                cause = f"the data has {array.shape[axis]:,} for the last run: give as many"
                raise MisfitError([Misfit(name, told, cause)])
            filled[name] = np.concatenate([array, last.repeat(missing, axis)], axis)
    return filled


def fed_as_given(feeds: list[dict[str, Array]], slots: list[Slot]) -> Fed:
    """Feeds that are runs already; a sample without its batch axis becomes a batch of one.

    Raises:
        MisfitError: they do not fit.
    """
    ranks = {slot.name: len(slot.dims) for slot in slots}
    runs, samples = [], 0
    converted: dict[str, str] = {}
    for feed in feeds:
        if feed and all(array.ndim == ranks.get(name, 0) - 1 for name, array in feed.items()):
            feed = {name: array[None] for name, array in feed.items()}
        run = fitted(feed, slots, as_given=True)
        runs.append(run.arrays)
        converted.update(run.converted)
        samples += samples_in(run.arrays, slots)
    return Fed(runs, samples, converted)
