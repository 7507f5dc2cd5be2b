"""Sequences of numbers that are padded into a longer batch: with a mask, or with their lengths."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cached_property
from typing import TYPE_CHECKING

from msgspec import Struct

from onnxlint.analyses import Unavailable
from onnxlint.analyses.execution.execution import Execution
from onnxlint.analyses.execution.reruns import Reruns
from onnxlint.analyses.execution.run_budget import Question, Work
from onnxlint.analyses.execution.worker import RunFailure, WorkerDied
from onnxlint.analyses.inputs.dynamic_axes import Sizes
from onnxlint.analyses.stability.output_difference import Difference, compare
from onnxlint.analyses.static.precision import Rounding, same_array
from onnxlint.model.graph.graph import Graph
from onnxlint.model.graph.nodes import Value
from onnxlint.model.graph.operators import DYNAMIC_SCALES
from onnxlint.model.graph.place import Place

if TYPE_CHECKING:
    from onnxlint.runtime.feeds.synthesis import Slot
    from onnxlint.types import Array, Feed, Outputs

_MASK = re.compile(
    r"^((attention|padding|pad|src|source|input|key|feature|frame|audio|sequence|valid|x)s?_)*mask$",
    re.IGNORECASE,
)
"""Names of masks that tell padding from what is real; others may hide parts on purpose."""

_CERTAIN = re.compile(r"pad|attention", re.IGNORECASE)
"""Parts of names that tell what 1 means: padding, or what is attended to."""

EDGE = 0.25
"""A change that is confined to the last quarter of what is real is that of an edge: a convolution
reads what is behind it. A choice of ours."""


class Lengthened(Struct, frozen=True):
    """An output of one sample beside that of the sample in a batch twice as long.

    `told` is the input that tells what is real, `sequence` the one that was padded. `is_edge`: only
    the last places differ.
    """

    difference: Difference
    sequence: Value
    told: Value
    is_edge: bool

    @property
    def place(self) -> Place:
        """The output's."""
        return self.difference.place


class PaddedInputs:
    """Pads sequences of numbers, and compares what is said of what is real; tokens are left out."""

    def __init__(
        self, graph: Graph, execution: Execution, reruns: Reruns, rounding: Rounding, told: Slot,
        symbol: str,
    ) -> None:  # fmt: skip
        self._graph, self._reruns, self._rounding = graph, reruns, rounding
        self._told, self._symbol, self._inputs = told, symbol, execution.inputs
        self.synthetic = execution.synthetic

    @classmethod
    def build(
        cls, graph: Graph, execution: Execution, reruns: Reruns, rounding: Rounding, work: Work
    ) -> PaddedInputs:
        """Finds what tells padding, and of what; runs nothing yet.

        Raises:
            Unavailable: nothing does, or results are random or scaled by all values together.
            NotApplicable: the runs would cost too much.
        """
        from onnxlint.runtime.feeds.synthesis import Meaning

        slots = execution.inputs.slots
        if any(slot.meaning is Meaning.INDEX and len(slot.dims) == 2 for slot in slots):
            raise Unavailable("it takes tokens, which padding-leak is about")
        found = next(_pairs(slots), None)
        if found is None:
            raise Unavailable("no mask or length tells padding of an input of dynamic length")
        if any(rounding.drawn_by(value) for value in graph.outputs):
            raise Unavailable("outputs are random")
        if any(True for _ in graph.nodes(*DYNAMIC_SCALES)):
            raise Unavailable("dynamic quantisation rounds all values of a run by one scale")
        work.check(Question.ORDER)
        return cls(graph, execution, reruns, rounding, *found)

    @cached_property
    def readings(self) -> list[list[Lengthened]]:
        """Every output, for each way to read the mask: 1 keeps, or hides, what is there.

        Where a name tells which there is one, else those by which a sample without padding is
        heard at all. Lengths are read in one way.

        Raises:
            Unavailable: the model does not run on a longer input, or no output can be compared.
        """
        if len(self._told.dims) < 2 or _CERTAIN.search(self._told.name):
            likely = ["pad" not in self._told.name.lower()]
        else:
            likely = [keeps for keeps in (True, False) if self._is_heard(keeps)]
        found = [made for keeps in likely if (made := self._by_reading(keeps))]
        if not found:
            raise Unavailable(
                "no output of the padded input can be compared with that of the other"
            )
        return found

    def _is_heard(self, one_keeps: bool) -> bool:
        """Whether an output changes with other numbers where nothing is padding."""
        short, _ = self._feeds(one_keeps)
        moved = {slot.name: -short[slot.name] for slot in self._inputs.slots
                 if self._symbol in slot.dims and slot is not self._told}  # fmt: skip
        one, other = self._run(short), self._run(short | moved)
        return any(not same_array(one[name], other[name]) for name in one)

    def _by_reading(self, one_keeps: bool) -> list[Lengthened]:
        short, long = self._feeds(one_keeps)
        before, after = self._run(short), self._run(long)
        return [
            each for value in self._graph.outputs
            if value.name in before and value.name in after
            and (each := self._compared(value, before[value.name], after[value.name])) is not None
        ]  # fmt: skip

    def _feeds(self, one_keeps: bool) -> tuple[Feed, Feed]:
        """One sample alone, and with as much padding of zeros behind it."""
        import numpy as np

        slots, feed = self._inputs.slots, self._reruns.attempt.feeds[0]
        sizes = Sizes(slots, feed)
        short = sizes.with_batch(feed, [0]) if sizes.batch is not None else dict(feed)
        size = sizes.base[self._symbol]
        long = Sizes(slots, short).resized(short, {self._symbol: 2 * size})
        for slot in slots:
            for axis in (at for at, dim in enumerate(slot.dims) if dim == self._symbol):
                array = long[slot.name].copy()
                array[(slice(None),) * axis + (slice(size, None),)] = 0
                long[slot.name] = array
        told = self._told.name
        if len(self._told.dims) == 2:
            kept = np.arange(2 * size) < size
            mask = np.broadcast_to(kept == one_keeps, (len(short[told]), 2 * size))
            long[told] = mask.astype(short[told].dtype)
            short[told] = long[told][:, :size]
        else:
            short[told] = long[told] = np.full_like(short[told], size)
        return short, long

    def _compared(self, value: Value, before: Array, after: Array) -> Lengthened | None:
        """What is real of an output; None where its sizes do not tell which part is."""
        if before.ndim != after.ndim or before.dtype.kind not in "fiu":
            return None
        longer = [at for at in range(before.ndim) if before.shape[at] != after.shape[at]]
        for at in longer:
            after = after.take(range(min(before.shape[at], after.shape[at])), at)
        if after.shape != before.shape or not before.size:
            return None
        values = self._graph.main.values
        sequence = next(slot for slot in self._inputs.slots
                        if self._symbol in slot.dims and slot is not self._told)  # fmt: skip
        difference = self._difference(value, before, after)
        is_edge = bool(longer) and self._spares_front(value, before, after, longer[0])
        return Lengthened(difference, values[sequence.name], values[self._told.name], is_edge)

    def _spares_front(self, value: Value, before: Array, after: Array, axis: int) -> bool:
        """Whether the front of an output hardly differs: by a hundredth of its end."""
        front = range(int(before.shape[axis] * (1 - EDGE)))
        parts = before.take(front, axis), after.take(front, axis)
        near = self._difference(value, *parts).measured if len(front) else 1.0
        return near < self._difference(value, before, after).measured / 100

    def _difference(self, value: Value, before: Array, after: Array) -> Difference:
        return compare(value, before, after, None, self._rounding)

    def _run(self, feed: Feed) -> Outputs:
        try:
            return self._reruns.outputs(feed)
        except (RunFailure, WorkerDied) as error:
            raise Unavailable(f"the model does not run on a longer input: {error}") from error


def _pairs(slots: list[Slot]) -> Iterator[tuple[Slot, str]]:
    """What tells padding, with the symbol of the axis that is padded."""
    from onnxlint.runtime.feeds.synthesis import Meaning

    floats = [slot for slot in slots if "float" in slot.dtype and len(slot.dims) > 1]
    for told in slots:
        others = [slot for slot in floats if slot is not told]
        if len(told.dims) == 2 and _MASK.match(told.name) and isinstance(told.dims[1], str):
            if any(told.dims[1] in slot.dims[1:] for slot in others):
                yield told, told.dims[1]
        elif told.meaning is Meaning.LENGTH and len(told.dims) == 1:
            free = {dim for slot in others for dim in slot.dims[1:] if isinstance(dim, str)}
            if len(free) == 1:
                yield told, free.pop()
