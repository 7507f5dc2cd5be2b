"""Inputs that are declared to be sets: whether the order of their members changes an output."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from msgspec import Struct

from onnxlint.analyses import Unavailable
from onnxlint.analyses.execution.execution import Execution
from onnxlint.analyses.execution.reruns import Reruns
from onnxlint.analyses.execution.run_budget import SAMPLES_CHANGED, Question, Work
from onnxlint.analyses.execution.worker import RunFailure, WorkerDied
from onnxlint.analyses.inputs.dynamic_axes import Sizes
from onnxlint.analyses.stability.output_difference import Difference, compare
from onnxlint.analyses.static.precision import Rounding
from onnxlint.model.file.errors import DataError
from onnxlint.model.graph.graph import Graph
from onnxlint.model.graph.nodes import Value
from onnxlint.model.graph.place import Place

if TYPE_CHECKING:
    from onnxlint.runtime.feeds.synthesis import Slot
    from onnxlint.types import Array, Feed, Outputs


class Shuffled(Struct, frozen=True):
    """An output after the members of `input` along `axis` changed places.

    `difference` is the least: from the same output, or from one whose members moved along.
    """

    difference: Difference
    input: Value
    axis: int
    members: int

    @property
    def place(self) -> Place:
        """The output's."""
        return self.difference.place


class DeclaredSets:
    """Shuffles the members of every input that is declared a set (`set-axis`)."""

    def __init__(
        self, graph: Graph, execution: Execution, reruns: Reruns, rounding: Rounding,
        axes: dict[str, int],
    ) -> None:  # fmt: skip
        self._graph, self._rounding, self._axes = graph, rounding, axes
        self._slots, self._reruns = execution.inputs.slots, reruns
        self._seed = execution.inputs.settings.seed
        self.synthetic = execution.synthetic

    @classmethod
    def build(
        cls, graph: Graph, execution: Execution, reruns: Reruns, rounding: Rounding, work: Work
    ) -> DeclaredSets:
        """Runs nothing yet.

        Raises:
            Unavailable: nothing is declared a set, or outputs are random.
            NotApplicable: the runs would cost too much.
            DataError: a declared axis is not there.
        """
        declared = execution.inputs.settings.inputs.items()
        axes = {name: each.set_axis for name, each in declared if each.set_axis is not None}
        ranks = {slot.name: len(slot.dims) for slot in execution.inputs.slots}
        axes = {name: axis for name, axis in axes.items() if name in ranks}
        if not axes:
            raise Unavailable("no input is declared a set (set-axis in the configuration)")
        for name, axis in axes.items():
            if not -ranks[name] <= axis < ranks[name]:
                told = f"input {name!r} has {ranks[name]} axes, set-axis {axis} is not one of them"
                raise DataError(f"{told}; correct [inputs.{name}] in the configuration")
        if any(rounding.drawn_by(value) for value in graph.outputs):
            raise Unavailable("outputs are random")
        work.check(Question.ORDER)
        return cls(graph, execution, reruns, rounding, axes)

    @cached_property
    def shuffled(self) -> list[Shuffled]:
        """Every output, for each of the sets.

        Raises:
            Unavailable: the model does not run on members in another order, or a set has but one.
        """
        base = self._run(self._feed)
        found = [each for slot in self._slots if slot.name in self._axes
                 for each in self._of(slot, base)]  # fmt: skip
        if not found:
            raise Unavailable("every set has one member")
        return found

    @cached_property
    def _feed(self) -> Feed:
        feed = self._reruns.attempt.feeds[0]
        sizes = Sizes(self._slots, feed)
        if sizes.batch is None or sizes.base[sizes.batch] <= SAMPLES_CHANGED:
            return feed
        return sizes.with_batch(feed, [*range(SAMPLES_CHANGED)])

    def _of(self, slot: Slot, base: Outputs) -> list[Shuffled]:
        import numpy as np

        axis = self._axes[slot.name] % len(slot.dims)
        size = self._feed[slot.name].shape[axis]
        if size < 2:
            return []
        order = np.roll(np.random.default_rng(self._seed).permutation(size), 1)
        if (order == np.arange(size)).all():
            order = order[::-1]
        moved = {name: array.take(order, at) for name, array in self._feed.items()
                 if (at := self._goes_along(name, slot, axis)) is not None}  # fmt: skip
        outputs = self._run(self._feed | moved)
        value = self._graph.main.values[slot.name]
        return [
            Shuffled(
                self._nearest(out, base[out.name], outputs[out.name], order), value, axis, size
            )
            for out in self._graph.outputs
            if out.name in base and out.name in outputs
        ]

    def _goes_along(self, name: str, slot: Slot, axis: int) -> int | None:
        """The axis of an input that counts the same members: by its symbol, of a mask by size."""
        other = next(each for each in self._slots if each.name == name)
        if other is slot:
            return axis
        dim = slot.dims[axis]
        counts = isinstance(dim, str) or "mask" in name.lower()
        return other.dims.index(dim) if counts and dim in other.dims else None

    def _nearest(self, value: Value, before: Array, after: Array, order: Array) -> Difference:
        """How far an output is from what it was, as it was or with its members moved along."""
        wanted = [before]
        wanted += [before.take(order, at) for at, size in enumerate(before.shape)
                   if size == len(order)]  # fmt: skip
        found = [compare(value, each, after, None, self._rounding) for each in wanted]
        return min(found, key=lambda each: each.measured)

    def _run(self, feed: Feed) -> Outputs:
        try:
            return self._reruns.outputs(feed)
        except (RunFailure, WorkerDied) as error:
            raise Unavailable(f"the model does not run on a shuffled set: {error}") from error
