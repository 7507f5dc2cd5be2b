"""What the runs give of one layer, a row a sample, taken from them as they are made."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from onnxlint.analyses.static.chosen_layer import ChosenLayer

if TYPE_CHECKING:
    from onnxlint.runtime.feeds.synthesis import Slot
    from onnxlint.runtime.protocol import Array, Ran

MOST_GATHERED = 1000
"""Samples whose rows are kept: a choice, as many points as a picture can show."""

WIDEST_ROW = 16_384
"""Elements of a row; of a wider one a regular subset is kept: 1,000 rows then take 64 MiB."""


class Gathering:
    """The rows of a layer; positions of pictures and texts are averaged over.

    `problem` is why there are none.
    """

    def __init__(self, chosen: ChosenLayer, slots: Sequence[Slot]) -> None:
        self.chosen, self.problem = chosen, chosen.problem
        self.averages = self.is_subset = False
        self._slots = [*slots]
        self._source: str | None = None
        self._rows: list[Array] = []

    def begin(self, seen: Collection[str]) -> None:
        """A session is loaded in which the values of these names can be seen."""
        known = {*seen, *(slot.name for slot in self._slots)}
        self._source = next((v.name for v in self.chosen.alike if v.name in known), None)
        self.clear()

    def clear(self) -> None:
        """Begins anew."""
        self._rows, self.problem = [], self.chosen.problem

    @property
    def is_blind(self) -> bool:
        """Whether no run showed the layer, although there is one."""
        return self._source is None and self.chosen.value is not None

    def wanted(self, kept: Collection[str]) -> list[str]:
        """What a run is to give beside what is kept anyway, and fed."""
        name = self._source
        known = {*kept, *(slot.name for slot in self._slots)}
        is_done = self.problem or len(self) >= MOST_GATHERED or name in known
        return [] if is_done or name is None else [name]

    def __len__(self) -> int:
        return sum(map(len, self._rows))

    @property
    def array(self) -> Array | None:
        """[samples, features] in float32; None where nothing was gathered, or rows differ."""
        import numpy as np

        if not self._rows or len({rows.shape[1] for rows in self._rows}) != 1:
            return None
        return np.concatenate(self._rows)[:MOST_GATHERED]

    def take(self, ran: Ran, feed: dict[str, Array], kept: Collection[str] = ()) -> None:
        """Takes the rows out of a run, and leaves what is kept."""
        name = self._source
        if name is None or self.problem or len(self) >= MOST_GATHERED:
            return
        array = feed[name] if name in feed else ran.outputs.get(name)
        if name not in kept:
            ran.outputs.pop(name, None)
            if name in ran.withheld:
                ran.withheld.remove(name)
        if array is None:
            self.problem = "the layer's output is too large to be fetched, or was not computed"
        else:
            self.add(array, feed)

    def add(self, array: Array, feed: dict[str, Array]) -> None:
        """Adds the samples of a run."""
        import numpy as np

        from onnxlint.runtime.data.batching import samples_in

        count = samples_in(feed, self._slots)
        if array.dtype.kind not in "fiub" or not array.size:
            self.problem = "the layer's output is not an array of numbers"
        elif array.ndim and array.shape[0] == count:
            self._rows.append(self._pooled(array).astype(np.float32))
        elif count == 1:
            self._rows.append(self._pooled(array[None]).astype(np.float32))
        else:
            self.problem = "the first axis of the layer's output does not count the samples"

    def _pooled(self, array: Array) -> Array:
        """[samples, features]."""
        import numpy as np

        axis = self._feature_axis(array.ndim)
        rows = array.reshape(len(array), -1)
        if axis is not None:
            self.averages = True
            spread = np.moveaxis(array, axis, -1).reshape(len(array), -1, array.shape[axis])
            rows = spread.mean(axis=1, dtype=np.float64)
        step = -(-rows.shape[1] // WIDEST_ROW)
        self.is_subset = step > 1
        return np.asarray(rows[:, ::step])

    def _feature_axis(self, rank: int) -> int | None:
        """The axis whose places are averages over the others; None where all elements count."""
        value, axis = self.chosen.value, self.chosen.axis
        if rank < 3 or value is None or value.name != self._source:
            return None
        if axis is not None and axis % rank:
            return axis % rank
        return 1 if rank > 3 else 2
