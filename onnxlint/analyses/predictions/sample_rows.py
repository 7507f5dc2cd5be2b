"""What was run as rows, for models that are fitted to it: inputs whose first axis is the batch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from onnxlint.analyses import Unavailable
from onnxlint.analyses.execution.execution import Execution

if TYPE_CHECKING:
    from onnxlint.runtime.feeds.synthesis import Slot
    from onnxlint.runtime.metrics.fits import Samples
    from onnxlint.types import Array

MAX_NUMBERS = 1 << 24
"""Features of all samples together: more would take minutes and gigabytes to fit."""


def rows_of(execution: Execution, truths: Array) -> Samples:
    """The samples that were run, beside their labels.

    Raises:
        Unavailable: an input is not made of rows.
    """
    import numpy as np

    from onnxlint.runtime.metrics.fits import Samples

    assert execution.attempt is not None
    feeds, samples = execution.attempt.feeds, len(truths)
    numeric = [slot.name for slot in _numeric(execution.inputs.slots, feeds[0])]
    inputs: dict[str, Array] = {}
    for slot in execution.inputs.slots:
        arrays = [np.asarray(feed[slot.name]) for feed in feeds]
        rows = sum(len(array) for array in arrays if array.ndim)
        if rows >= samples and len({array.shape[1:] for array in arrays}) == 1:
            inputs[slot.name] = np.concatenate(arrays)[:samples]
        elif slot.name in numeric:
            raise Unavailable(f"the first axis of input {slot.name!r} is not the batch axis")
    return Samples(inputs, tuple(numeric), truths)


def check_table(samples: Samples, most: int = MAX_NUMBERS) -> None:
    """Whether the numbers of the samples are some that a linear model can be fitted to.

    Raises:
        Unavailable: there are none, too many, or some are not finite.
    """
    import numpy as np

    numbers = sum(samples.inputs[name].size for name in samples.numeric)
    if not numbers:
        raise Unavailable("no numeric input for a linear model")
    if numbers > most:
        features, count = numbers // len(samples), len(samples)
        raise Unavailable(f"too many features ({features:,}) for {count:,} samples")
    if not all(np.isfinite(samples.inputs[name]).all() for name in samples.numeric):
        raise Unavailable("some features are NaN or infinity")


def _numeric(slots: list[Slot], feed: Mapping[str, Array]) -> Iterator[Slot]:
    """The inputs whose numbers mean a size or a degree: no text, no ids, no masks of sequences."""
    from onnxlint.runtime.feeds.synthesis import Meaning

    for slot in slots:
        ids = slot.meaning in (Meaning.INDEX, Meaning.MASK) and feed[slot.name][:1].size > 1
        if slot.meaning is not Meaning.TEXT and not ids:
            yield slot
