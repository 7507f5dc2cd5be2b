"""What was fed, input by input and sample by sample."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from functools import cached_property
from itertools import accumulate
from typing import TYPE_CHECKING

from onnxlint.analyses.execution.execution import Execution
from onnxlint.analyses.inputs.preprocessing import Openings
from onnxlint.analyses.inputs.user_data import Data, FedInput
from onnxlint.model.graph.place import NotApplicable
from onnxlint.portrait.numbers import Sample, Shown
from onnxlint.portraying.previews import is_picture, shown
from onnxlint.portraying.subject import Subject
from onnxlint.settings import InputContract

if TYPE_CHECKING:
    from onnxlint.types import Array

LOOKED_AT_BYTES = 64 * 1024 * 1024
"""Of synthetic samples that are measured."""

PICTURED = 8
"""Samples whose values tell what is shown as black and as white of synthetic pictures."""


class Feeds:
    """The feeds of a model that ran.

    Raises:
        NotApplicable: it did not run.
    """

    def __init__(self, subject: Subject) -> None:
        from onnxlint.runtime.feeds.synthesis import batch_axes

        self._subject = subject
        self.execution = subject.analyses.get(Execution)
        attempt = self.execution.attempt
        if attempt is None:
            raise NotApplicable(self.execution.failure or "the model did not run")
        self._attempt = attempt
        self.slots = self.execution.inputs.slots
        self._axes = batch_axes(self.slots)

    @property
    def synthetic(self) -> bool:
        """Whether they were synthesised."""
        return self.execution.synthetic

    @property
    def count(self) -> int:
        """How many samples were run."""
        return self.execution.samples

    @cached_property
    def inputs(self) -> list[FedInput]:
        """The inputs with all that was read of them, or with the first synthetic samples."""
        if not self.synthetic:
            return [*self._subject.analyses.get(Data)]
        openings, settings = self._subject.analyses.get(Openings), self.execution.inputs.settings
        runs = [*self._first_runs()]
        values = {value.name: value for value in self._subject.graph.inputs}
        return [
            FedInput(
                values[slot.name], slot, settings.inputs.get(slot.name, InputContract()),
                openings.of(values[slot.name]), [run[slot.name] for run in runs],
                self._axes[slot.name], slot.dtype,
            )
            for slot in self.slots
        ]  # fmt: skip

    def _first_runs(self) -> Iterator[dict[str, Array]]:
        room = LOOKED_AT_BYTES
        for feed in self._attempt.feeds:
            yield feed
            room -= sum(array.nbytes for array in feed.values())
            if room < 0:
                return

    def name_of(self, number: int) -> str:
        """The file of a sample; empty where it is none of its own."""
        if self.synthetic:
            return ""
        names = self.execution.inputs.fed.names
        return names[number] if number < len(names) else ""

    def sample(self, number: int) -> Sample:
        """One sample, with what it has of every input."""
        return Sample(number, self.name_of(number), tuple(self._shown(number)))

    def _shown(self, number: int) -> Iterator[Shown]:
        for fed in self.inputs:
            array = self.array(fed.slot.name, number)
            if array is not None:
                yield shown(fed.slot, array, self._columns[fed.slot.name], fed.contract,
                            self.ends.get(fed.slot.name))  # fmt: skip

    def array(self, name: str, number: int) -> Array | None:
        """What one sample has of an input; None where it is not known which part that is."""
        import numpy as np

        run, row = self._place(number)
        if run >= len(self._attempt.feeds):
            return None
        array, axis = self._attempt.feeds[run][name], self._axes[name]
        if axis is None:
            return array
        return np.asarray(array.take(row, axis)) if row < array.shape[axis] else None

    def _place(self, number: int) -> tuple[int, int]:
        """The run that a sample is in, and which one it is there."""
        if self.synthetic:
            return divmod(number, max(1, self._attempt.samples_per_run))
        run = bisect_right(self._starts, number) - 1
        return run, number - self._starts[run]

    @cached_property
    def _starts(self) -> list[int]:
        """The first sample of each run of the user's data, and how many there are."""
        from onnxlint.runtime.data.batching import samples_in

        sizes = (samples_in(feed, self.slots) for feed in self._attempt.feeds)
        return [0, *accumulate(sizes)]

    @cached_property
    def _columns(self) -> dict[str, list[str]]:
        return {fed.slot.name: fed.columns for fed in self.inputs}

    @cached_property
    def ends(self) -> dict[str, tuple[float, float]]:
        """Of inputs that are pictures, the values that are shown as black and as white."""
        found = {}
        for fed in self.inputs:
            array = self.array(fed.slot.name, 0)
            if array is None or not is_picture(array):
                continue
            if fed.slot.dtype == "uint8":
                found[fed.slot.name] = (0.0, 255.0)
            elif fed.features.lowest < fed.features.highest:
                found[fed.slot.name] = (fed.features.lowest, fed.features.highest)
        return found
