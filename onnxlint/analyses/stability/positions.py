"""Which positions of an input no output depends on: changed range by range, all else held."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import TYPE_CHECKING

from msgspec import Struct

from onnxlint.analyses import Unavailable
from onnxlint.analyses.execution.execution import Execution
from onnxlint.analyses.execution.reruns import Reruns
from onnxlint.analyses.execution.run_budget import SAMPLES_CHANGED, Question, Work
from onnxlint.analyses.execution.worker import RunFailure, WorkerDied
from onnxlint.analyses.inputs.dynamic_axes import Sizes
from onnxlint.analyses.inputs.preprocessing import Openings
from onnxlint.analyses.static.precision import Distance, Rounding, same_array
from onnxlint.model.graph.graph import Graph
from onnxlint.model.graph.nodes import Node, Value
from onnxlint.model.graph.operators import DROPPING, MOVING
from onnxlint.model.graph.place import Place

if TYPE_CHECKING:
    from onnxlint.runtime.feeds.synthesis import Slot
    from onnxlint.types import Array, Feed, Outputs


MOST_RUNS = 16
"""Ranges that are changed of one axis: all positions of eight, or an eighth of longer axes."""

MOST_TRIED = 3
"""Axes that are tried of all inputs together, for each costs so many runs."""

FADING = 1e-3
"""Where the least effect of what is read is below this share of the largest one, the effect fades:
what is beyond may be read, and be lost in rounding. A choice of ours."""

SHUFFLED = 1e-4
"""Relative difference up to which outputs stay when positions are shuffled: sums in another order
differ by 1e-6, and by far less than a position that counts."""


class Unread(Struct, frozen=True):
    """Positions along an axis of an input; two other values left all outputs bit-identical.

    `picked` is the node that takes others straight from the input, on purpose as it seems.
    `channels`: they are features of each place, not places. `zeros` is the layer whose weights of
    them are all zero, where that is the proof.
    """

    input: Value
    axis: int
    ranges: list[range]
    size: int
    channels: bool
    rank: int
    samples: int = 0
    picked: Node | None = None
    zeros: Node | None = None

    @property
    def place(self) -> Place:
        """The input's."""
        return self.input.place

    @property
    def count(self) -> int:
        """How many positions are not read."""
        return sum(map(len, self.ranges))

    @property
    def has_places(self) -> bool:
        """Whether each sample has features at several places, as images and sequences do."""
        return self.rank > 2

    @property
    def is_edge(self) -> bool:
        """Whether all are at an end of the axis, as those that strides and crops leave out."""
        return all(each.start == 0 or each.stop == self.size for each in self.ranges)


class Orderless(Struct, frozen=True):
    """An axis of an input that can be shuffled without changing the outputs."""

    input: Value
    axis: int
    samples: int

    @property
    def place(self) -> Place:
        """The input's."""
        return self.input.place


class Positions:
    """Which parts of each input are read; only models that drop or attend to something are run."""

    def __init__(
        self, graph: Graph, openings: Openings, execution: Execution, reruns: Reruns,
        rounding: Rounding, work: Work,
    ) -> None:  # fmt: skip
        self._graph, self._openings, self._work = graph, openings, work
        self._execution, self._reruns = execution, reruns
        self._random = any(rounding.drawn_by(value) for value in graph.outputs)
        self.synthetic = execution.synthetic
        self._drawn: tuple[str, list[Array]] | None = None

    @classmethod
    def build(
        cls, graph: Graph, openings: Openings, execution: Execution, reruns: Reruns,
        rounding: Rounding, work: Work,
    ) -> Positions:  # fmt: skip
        """Runs nothing yet."""
        return cls(graph, openings, execution, reruns, rounding, work)

    @property
    def weightless(self) -> Iterator[Unread]:
        """Features for which all weights of the first layer are zero."""
        for value in self._graph.inputs:
            opening = self._openings.of(value)
            weight, layer = opening.weight, opening.layer
            if weight is None or layer is None or opening.axis is None or value.is_output:
                continue
            ranges = _ranges([at for at, row in enumerate(weight) if not row.any()])
            if ranges and weight.any():
                axis = opening.axis % max(1, opening.rank)
                yield Unread(value, axis, ranges, len(weight), True, opening.rank, zeros=layer.node)

    @cached_property
    def unread(self) -> list[Unread]:
        """What the runs show, axis by axis; nothing where no operator leaves out a part."""
        drops = set(self._graph.nodes(*DROPPING))
        axes = [(slot, axis) for slot, axis in self._axes if self._may_drop(slot, drops)]
        if not axes or not self._work.asks(Question.POSITIONS):
            return []
        found = (self._probed(slot, axis) for slot, axis in axes[:MOST_TRIED])
        return [unread for unread in found if unread is not None]

    @cached_property
    def orderless(self) -> list[Orderless]:
        """Sequences that attention reads, and whose order changes nothing."""
        axes = [(slot, axis) for slot, axis in self._axes if self._is_sequence(slot, axis)]
        if not axes or not _attends(self._graph) or not self._work.asks(Question.ORDER):
            return []
        slot, axis = axes[0]
        value = self._graph.main.values[slot.name]
        return [Orderless(value, axis, self._samples)] if self._stays_shuffled(slot, axis) else []

    @cached_property
    def _feed(self) -> Feed:
        """A few of the first samples, nothing of them masked."""
        from onnxlint.runtime.feeds.random_values import Limit, limit
        from onnxlint.runtime.feeds.synthesis import Meaning

        sizes = Sizes(self._execution.inputs.slots, self._reruns.attempt.feeds[0])
        feed = self._reruns.attempt.feeds[0]
        if sizes.batch is not None and sizes.base[sizes.batch] > SAMPLES_CHANGED:
            feed = sizes.with_batch(feed, [*range(SAMPLES_CHANGED)])
        masks = (s for s in self._execution.inputs.slots if s.meaning is Meaning.MASK)
        ones = {slot.name: limit(slot, feed[slot.name].shape, 1, Limit.ZERO) for slot in masks}
        return {**feed, **ones}

    @cached_property
    def _samples(self) -> int:
        batch = self._batch_axes
        counts = {self._feed[name].shape[axis] for name, axis in batch.items() if axis is not None}
        return counts.pop() if len(counts) == 1 else 1

    @cached_property
    def _batch_axes(self) -> dict[str, int | None]:
        from onnxlint.runtime.feeds.synthesis import batch_axes

        return batch_axes(self._execution.inputs.slots)

    @cached_property
    def _axes(self) -> list[tuple[Slot, int]]:
        """The axes of what is fed, but for that which counts samples.

        None where an input tells sizes, or the user's mask leaves out what is padded; nor where
        outputs are random.
        """
        from onnxlint.runtime.feeds.synthesis import Meaning

        inputs = self._execution.inputs
        sized = {Meaning.COUNT, Meaning.LENGTH, Meaning.GIVEN}
        if not self.synthetic:
            sized.add(Meaning.MASK)
        if self._random or inputs.parameters or any(s.meaning in sized for s in inputs.slots):
            return []
        fed = [slot for slot in inputs.slots if slot.meaning is not Meaning.MASK]
        return [
            (slot, axis)
            for slot in fed
            for axis, size in enumerate(self._feed[slot.name].shape)
            if size > 1 and axis != self._batch_axes[slot.name]
        ]

    def _may_drop(self, slot: Slot, drops: set[Node]) -> bool:
        after = self._graph.descendants([self._graph.main.values[slot.name]], by_numbers=True)
        return not drops.isdisjoint(after)

    def _is_sequence(self, slot: Slot, axis: int) -> bool:
        opening = self._openings.of(self._graph.main.values[slot.name])
        rank = len(slot.dims)
        return rank in (2, 3) and axis == 1 and (rank == 2 or opening.axis != 1)

    @cached_property
    def _base(self) -> Feed:
        return self._run(self._feed)

    def _run(self, feed: Feed) -> Outputs:
        return next(self._runs([feed]))

    def _runs(self, feeds: Iterable[Feed]) -> Iterator[Outputs]:
        try:
            yield from (answer() for answer in self._reruns.answers(feeds))
        except (RunFailure, WorkerDied) as error:
            raise Unavailable(f"the model does not run with one input changed: {error}") from error

    def _probed(self, slot: Slot, axis: int) -> Unread | None:
        """Halves of the axis, then halves of what was read of them, as far as the runs go."""
        size = self._feed[slot.name].shape[axis]
        pending, left = [range(size // 2), range(size // 2, size)], MOST_RUNS
        known: dict[range, float] = {}
        unread: list[range] = []
        effects: list[float] = []
        while pending and left > 0:
            if pending[0] not in known:
                known = self._effects(slot, axis, pending[:left])
            part = pending.pop(0)
            effect = known[part]
            left -= 1
            if not effect:
                unread.append(part)
            elif len(part) > 1 and left > len(pending):
                middle = len(part) // 2
                pending += [part[:middle], part[middle:]]
            else:
                effects.append(effect)
        fades = not effects or min(effects) < FADING * max(effects)
        if not unread or fades or not self._moves_every_sample(slot):
            return None
        value = self._graph.main.values[slot.name]
        positions = sorted(at for part in unread for at in part)
        return Unread(value, axis, _ranges(positions), size, self._openings.of(value).axis == axis,
                      len(slot.dims), self._samples, _picks(value))  # fmt: skip

    def _effects(self, slot: Slot, axis: int, parts: list[range]) -> dict[range, float]:
        """How far the outputs move when parts of an input, one by one, have other values.

        0: not in any bit. Only then are values tried that are different again.
        """
        base, found = self._base, dict[range, float]()
        for other in self._others(slot):
            left = [part for part in parts if part not in found]
            changed = [part for part in left if not self._is_same(slot, axis, part, other)]
            feeds = (self._changed(slot, axis, part, other) for part in changed)
            for part, outputs in zip(changed, self._runs(feeds), strict=True):
                moved = [name for name in base if not same_array(base[name], outputs[name])]
                if moved:
                    found[part] = max(_distance(base[name], outputs[name]) for name in moved)
        return dict.fromkeys(parts, 0.0) | found

    def _is_same(self, slot: Slot, axis: int, part: range, other: Array) -> bool:
        index = _index(axis, part)
        return same_array(other[index], self._feed[slot.name][index])

    def _changed(self, slot: Slot, axis: int, part: range, other: Array) -> Feed:
        array = self._feed[slot.name].copy()
        index = _index(axis, part)
        array[index] = other[index]
        return {**self._feed, slot.name: array}

    def _others(self, slot: Slot) -> list[Array]:
        """Two other valid values for each sample; those of one input are kept at a time."""
        if self._drawn is None or self._drawn[0] != slot.name:
            self._drawn = slot.name, [*self._redrawn(slot)]
        return self._drawn[1]

    def _redrawn(self, slot: Slot) -> Iterator[Array]:
        import numpy as np

        from onnxlint.runtime.feeds.random_values import redrawn

        array, axis = self._feed[slot.name], self._batch_axes[slot.name]
        if self.synthetic:
            seed = self._execution.inputs.settings.seed
            yield from redrawn(slot, array.shape, self._samples, seed, 2)
        elif axis is not None and array.shape[axis] > 1:
            yield from (np.roll(array, step, axis) for step in (1, 2))
        else:
            raise Unavailable("no other samples to take values from")

    def _moves_every_sample(self, slot: Slot) -> bool:
        """Whether an output answers to the input for every sample: none of them is saturated."""
        other = self._others(slot)[0]
        outputs = self._run({**self._feed, slot.name: other})
        return any(
            array.dtype.kind == "f" and array.ndim and len(array) == self._samples
            and all(not same_array(array[at : at + 1], outputs[name][at : at + 1])
                    for at in range(self._samples))
            for name, array in self._base.items()
        )  # fmt: skip

    def _stays_shuffled(self, slot: Slot, axis: int) -> bool:
        """Whether all outputs stay, or are shuffled likewise, when an axis is."""
        import numpy as np

        size = self._feed[slot.name].shape[axis]
        order = np.random.default_rng(0).permutation(size)
        shuffled = {
            name: array.take(order, axis) if array.ndim > axis and array.shape[axis] == size
            else array for name, array in self._feed.items()
        }  # fmt: skip
        outputs = self._run(shuffled)
        return self._moves_every_sample(slot) and all(
            _stays(before, outputs[name], order, axis) for name, before in self._base.items()
        )


def _index(axis: int, part: range) -> tuple[slice, ...]:
    return (slice(None),) * axis + (slice(part.start, part.stop),)


def _stays(before: Array, after: Array, order: Array, axis: int) -> bool:
    if before.dtype.kind != "f":
        return before.shape == after.shape and bool((before == after).all())
    candidates = [before]
    if before.ndim > axis and before.shape[axis] == len(order):
        candidates.append(before.take(order, axis))
    return any(
        each.shape == after.shape and Distance.between(after, each).relative < SHUFFLED
        for each in candidates
    )


def _distance(one: Array, other: Array) -> float:
    if one.dtype.kind != "f" or one.shape != other.shape or not one.size:
        return float(not same_array(one, other))
    return Distance.between(other, one).relative


def _ranges(positions: list[int]) -> list[range]:
    """Runs of positions that follow each other."""
    ranges: list[range] = []
    for at in positions:
        if ranges and ranges[-1].stop == at:
            ranges[-1] = range(ranges[-1].start, at + 1)
        else:
            ranges.append(range(at, at + 1))
    return ranges


def _picks(value: Value) -> Node | None:
    """The node that takes a part straight from an input; None where something computes first."""
    for node in value.readers:
        if node.op in DROPPING and node.input(0) is value:
            return node
        if node.op in MOVING and node.output is not None and (found := _picks(node.output)):
            return found
    return None


def _attends(graph: Graph) -> bool:
    """Whether a softmax weighs the positions: it is multiplied with a value that is computed."""
    if any(op.rpartition("::")[2] in ("Attention", "MultiHeadAttention", "GroupQueryAttention")
           for op in graph.ops):  # fmt: skip
        return True
    for node in graph.nodes("Softmax"):
        readers = node.output.readers if node.output is not None else []
        if any(r.op in ("MatMul", "Einsum", "Gemm") and r.input(0) is node.output
               and graph.tensor(r.input(1)) is None for r in readers):  # fmt: skip
            return True
    return False
