"""Samples cut to the batches that the model takes."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from onnxlint.runtime.data.fitting import Fed, Fitted, Misfit, MisfitError
from onnxlint.runtime.messages import Array
from onnxlint.runtime.synthesis import Slot

LARGEST_BATCH = 32
"""Samples that are run together where the model takes any number."""


def fixed_batch(slots: list[Slot]) -> int | None:
    """The number of samples that the model always takes; None where any number is fine."""
    firsts = [slot.dims[0] for slot in slots if slot.dims]
    return next((dim for dim in firsts if isinstance(dim, int) and dim > 0), None)


def whole_batches(slots: list[Slot], samples: int) -> int:
    """`samples`, and as many more as fill the last batch."""
    batch = fixed_batch(slots) or 1
    return -(-samples // batch) * batch


def batched(data: Fitted, slots: list[Slot], samples: int) -> Fed:
    """Feeds that hold every sample once, in their order.

    Where the model's batch is fixed and the samples are no multiple of it, the last one is repeated
    to fill the last batch; `Fed.note` says so.

    Raises:
        MisfitError: the inputs have different numbers of samples, or none.
    """
    arrays = data.arrays
    stacked = all(arrays[slot.name].ndim == len(slot.dims) + 1 for slot in slots)
    if not stacked and any(not slot.dims for slot in slots):
        return Fed([arrays], 1, data.converted)
    counts = {slot.name: len(arrays[slot.name]) for slot in slots}
    if len(set(counts.values())) != 1:
        told = ", ".join(f"{name!r} {count}" for name, count in counts.items())
        raise MisfitError([Misfit(None, f"inputs have different numbers of samples: {told}")])
    total = min(*counts.values(), samples)
    if not total:
        raise MisfitError([Misfit(None, "the data has no samples")])
    if stacked:
        feeds = [{name: array[at] for name, array in arrays.items()} for at in range(total)]
        return Fed(feeds, total * (fixed_batch(slots) or 1), data.converted)
    batch = fixed_batch(slots)
    feeds = list(_cut(arrays, total, batch or min(total, LARGEST_BATCH), fill=batch is not None))
    missing = -total % batch if batch else 0
    note = f"the last sample repeated {missing} times to fill a batch of {batch}" if missing else ""
    return Fed(feeds, total, data.converted, note)


def _cut(
    arrays: dict[str, Array], total: int, batch: int, *, fill: bool
) -> Iterator[dict[str, Array]]:
    for start in range(0, total, batch):
        feed = {name: array[start : min(start + batch, total)] for name, array in arrays.items()}
        missing = start + batch - total
        if fill and missing > 0:
            feed = {
                name: np.concatenate([array, np.repeat(array[-1:], missing, axis=0)])
                for name, array in feed.items()
            }
        yield feed
