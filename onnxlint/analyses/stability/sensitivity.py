"""Whether the outputs change when one input does, all others held constant."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING

from msgspec import Struct

from onnxlint.analyses import Unavailable
from onnxlint.analyses.execution.execution import Execution
from onnxlint.analyses.execution.reruns import TOGETHER_BYTES, Reruns
from onnxlint.analyses.execution.run_budget import Question, Work
from onnxlint.analyses.execution.worker import RunFailure, WorkerDied
from onnxlint.analyses.inputs.inputs import Inputs
from onnxlint.analyses.static.output_heads import recognise
from onnxlint.analyses.static.precision import same_array
from onnxlint.analyses.static.shapes import Shapes
from onnxlint.model.graph.graph import Graph
from onnxlint.model.graph.nodes import Node, Value
from onnxlint.model.graph.operators import UNANSWERING
from onnxlint.model.graph.place import Place
from onnxlint.model.graph.walk import Walk
from onnxlint.settings import Settings

if TYPE_CHECKING:
    from onnxlint.runtime.feeds.synthesis import Slot
    from onnxlint.types import Array, Feed, Outputs

VARIATIONS = 2
"""How often each input is changed, at most."""


class Variation(Struct, frozen=True):
    """One input that was changed, and which outputs could follow it smoothly.

    `followed` are those that did change, in some element; the others did in none, in any of
    `variations` of the input over `samples` samples. A sample has `size` elements of the input.
    """

    input: Value
    outputs: tuple[Value, ...]
    followed: frozenset[Value]
    variations: int
    samples: int
    size: int

    @property
    def place(self) -> Place:
        """The input's."""
        return self.input.place


class Sensitivity:
    """Which outputs each input changed.

    Left out are inputs without a second valid value, and outputs that only hold integers.
    """

    def __init__(self, tried: list[Variation], heads: Collection[Value], synthetic: bool) -> None:
        self._tried = tried
        self._heads = heads
        self.synthetic = synthetic

    @cached_property
    def _moved(self) -> frozenset[Value]:
        return frozenset[Value]().union(*(tried.followed for tried in self._tried))

    @cached_property
    def unmoved(self) -> Mapping[Value, list[Variation]]:
        """The outputs that no input changed, each with the inputs tried: predictions apart."""
        found: dict[Value, list[Variation]] = {}
        for tried in self._tried:
            for output in tried.outputs:
                if output not in self._moved and output not in self._heads:
                    found.setdefault(output, []).append(tried)
        return found

    @cached_property
    def idle(self) -> list[Variation]:
        """The inputs that changed no output, although others changed one that could follow them."""
        idle = (tried for tried in self._tried if not tried.followed)
        return [tried for tried in idle if not self._moved.isdisjoint(tried.outputs)]

    @classmethod
    def build(
        cls, graph: Graph, shapes: Shapes, settings: Settings, execution: Execution,
        reruns: Reruns, work: Work,
    ) -> Sensitivity:  # fmt: skip
        """Changes one input after the other, on the first run of the samples.

        Raises:
            NotApplicable: there is nothing to compare, or it would cost too much.
        """
        inputs = execution.inputs
        _check_meaning(inputs)
        following = _Following()
        followers = {value.name: following.of(value) for value in graph.inputs}
        followed = {
            slot: [value for value in graph.outputs if value in followers[slot.name]]
            for slot in _exchangeable(inputs)
        }
        slots = [slot for slot, outputs in followed.items() if outputs]
        if not slots:
            raise Unavailable("no output depends smoothly on an input that has other valid values")
        if len(inputs.slots) == 1 and all(_varies(execution, out) for out in followed[slots[0]]):
            return cls([], (), inputs.synthetic)  # the samples have shown it already
        work.check(Question.SENSITIVITY)
        try:
            tried = _Trials(reruns, inputs).of(
                [(graph.main.values[slot.name], slot, followed[slot]) for slot in slots]
            )
        except (RunFailure, WorkerDied) as error:
            raise Unavailable(f"the model does not run with one input changed: {error}") from error
        if not tried:
            raise Unavailable("no numeric output, or no other valid values for any input")
        heads = {
            value for value in graph.outputs
            if (head := recognise(graph, shapes, value, settings.outputs)) and not head.by_name
        }  # fmt: skip
        return cls(tried, heads, inputs.synthetic)


def _varies(execution: Execution, output: Value) -> bool:
    """Whether an output differs from sample to sample."""
    arrays = [ran.outputs[output.name] for ran in execution.runs if output.name in ran.outputs]
    if any(not same_array(arrays[0], array) for array in arrays[1:]):
        return True
    first = arrays[0] if arrays and arrays[0].ndim else None
    # slices, for the elements of an array of strings are not arrays
    rows = [] if first is None else [first[at : at + 1] for at in range(len(first))]
    return any(not same_array(rows[0], row) for row in rows[1:])


def _check_meaning(inputs: Inputs) -> None:
    """Refuses where a synthetic length or index may be one with which the others do not matter."""
    from onnxlint.runtime.feeds.synthesis import Meaning

    sizes = (Meaning.COUNT, Meaning.LENGTH, Meaning.GIVEN)
    counted = {slot.name for slot in inputs.slots if slot.meaning in sizes}
    made_up = sorted(counted | inputs.parameters)
    if inputs.synthetic and made_up:
        raise Unavailable(f"synthetic input {made_up[0]!r} may disable other inputs (use --data)")


def _exchangeable(inputs: Inputs) -> list[Slot]:
    """The inputs with numbers to exchange; a mask may well hide what is not read anyway."""
    from onnxlint.runtime.feeds.synthesis import Meaning

    free = (slot for slot in inputs.slots if slot.name not in inputs.parameters)
    fixed = (Meaning.MASK, Meaning.COUNT, Meaning.LENGTH, Meaning.GIVEN)
    return [slot for slot in free if slot.meaning not in fixed]


class _Trial:
    """One input, what it is changed to, and which outputs have followed it so far."""

    def __init__(self, value: Value, slot: Slot, outputs: list[Value], others: list[Array]) -> None:
        self.value, self.slot, self.outputs = value, slot, outputs
        self.followed = set[Value]()
        self.tried = 0
        self._others = others

    def next(self, most: int) -> list[Array]:
        """Other values to try, unless all outputs have followed."""
        return [] if self._is_settled else self._others[self.tried : self.tried + most]

    def take(self, before: Outputs, after: Outputs) -> None:
        """What came of the next of them; what was asked for nothing does not count."""
        if not self._is_settled:
            self.tried += 1
            self.followed |= {
                v for v in self.outputs if not same_array(before[v.name], after[v.name])
            }

    @property
    def _is_settled(self) -> bool:
        return len(self.followed) == len(self.outputs)

    def result(self, base: Feed, samples: int) -> Variation | None:
        """What one input changed; None where there was nothing to try, or to compare."""
        if not self.tried:
            return None
        followed, outputs = frozenset(self.followed), tuple(self.outputs)
        size = base[self.slot.name].size // max(1, samples)
        return Variation(self.value, outputs, followed, self.tried, samples, size)


class _Trials:
    """The first feed, what it gives, and what it gives with one input changed."""

    def __init__(self, reruns: Reruns, inputs: Inputs) -> None:
        self._reruns, self._inputs = reruns, inputs
        self._feeds = reruns.attempt.feeds
        self._base = reruns.of_samples(0)
        self._samples = reruns.attempt.samples_per_run

    def of(self, asked: list[tuple[Value, Slot, list[Value]]]) -> list[Variation]:
        """What each input changed, of those with something to try.

        Small ones are tried at once, large ones are in memory one after the other. To change the
        only input is to feed another sample, which has been done.
        """
        if len(self._inputs.slots) == 1 and (others := self._other_samples(asked[0][1])):
            return self._of_samples(*asked[0], others)
        is_small = sum(array.nbytes for array in self._feeds[0].values()) <= TOGETHER_BYTES
        groups = [asked] if is_small else [[each] for each in asked]
        return [result for group in groups for result in self._of(group)]

    def _of(self, asked: list[tuple[Value, Slot, list[Value]]]) -> Iterator[Variation]:
        """Where runs are made side by side, none of them idles: another change is tried in it."""
        trials = [
            _Trial(value, slot, self._judged(outputs), self._others(slot))
            for value, slot, outputs in asked
        ]
        lanes, first = self._reruns.lanes, self._feeds[0]
        while waiting := [trial for trial in trials if trial.next(1)]:
            most = max(1, lanes // len(waiting))
            changes = [(trial, array) for trial in waiting for array in trial.next(most)]
            feeds = ({**first, trial.slot.name: array} for trial, array in changes)
            for (trial, _), answer in zip(changes, self._reruns.answers(feeds), strict=True):
                trial.take(self._base, answer())
        yield from filter(None, (trial.result(first, self._samples) for trial in trials))

    def _other_samples(self, slot: Slot) -> list[int]:
        """The first runs of the samples that differ from the first one, if there are so many."""
        first, others = self._feeds[0][slot.name], range(1, len(self._feeds))
        differing = (
            number for number in others
            if (array := self._feeds[number][slot.name]).shape == first.shape
            and not same_array(array, first)
        )  # fmt: skip
        found = [*islice(differing, VARIATIONS)]
        return found if len(found) == VARIATIONS else []

    def _of_samples(
        self, value: Value, slot: Slot, outputs: list[Value], others: list[int]
    ) -> list[Variation]:
        trial = _Trial(value, slot, self._judged(outputs), [])
        for number in others:
            trial.take(self._base, self._reruns.of_samples(number))
        found = trial.result(self._feeds[0], self._samples)
        return [found] if found is not None else []

    def _judged(self, outputs: list[Value]) -> list[Value]:
        return [output for output in outputs if _is_judged(self._base.get(output.name))]

    def _others(self, slot: Slot) -> list[Array]:
        """Other valid values: those of other samples, else newly synthesised."""
        base = self._feeds[0][slot.name]
        found = [array for array in self._candidates(slot, base) if not same_array(base, array)]
        return found[:VARIATIONS]

    def _candidates(self, slot: Slot, base: Array) -> Iterator[Array]:
        import numpy as np

        from onnxlint.runtime.feeds.random_values import redrawn
        from onnxlint.runtime.feeds.synthesis import batch_axes

        if self._inputs.synthetic:
            seed = self._inputs.settings.seed
            yield from redrawn(slot, base.shape, self._samples, seed, VARIATIONS)
            return
        axis = batch_axes(self._inputs.slots)[slot.name]
        if axis is not None and base.shape[axis] > 1:
            yield from (np.roll(base, step, axis) for step in (1, base.shape[axis] // 2))
        others = (feed[slot.name] for feed in self._feeds[1:])
        yield from (array for array in others if array.shape == base.shape)


def _is_judged(array: Array | None) -> bool:
    """Whether it holds numbers that are not whole: those of labels, flags and counts are."""
    import numpy as np

    if array is None or array.dtype.kind != "f":
        return False
    finite = array[np.isfinite(array)]
    return bool((finite != np.round(finite)).any())


class _Following:
    """What follows values; of a function that is called often it is looked for once."""

    def __init__(self) -> None:
        self._known: dict[Value, set[Value]] = {}

    def of(self, start: Value, calls: int = 0) -> set[Value]:
        """What follows a value, but for what lies behind steps, and branches that need not run."""
        if start not in self._known:
            self._known[start] = {start}  # where a function calls itself
            self._known[start] = self._reached(start, calls)
        return self._known[start]

    def _reached(self, start: Value, calls: int) -> set[Value]:
        reached = set[Value]()
        walk = Walk([start])
        for value in walk:
            reached.add(value)
            for node in (*dict.fromkeys(value.consumers), *value.yielded_to):
                if not _is_step(node):
                    walk.add(*self._fed_by(node, value, calls))
        return reached

    def _fed_by(self, node: Node, value: Value, calls: int) -> Iterator[Value]:
        """What a node passes a value on to; of a function, the outputs that follow it inside."""
        if node.called is None or calls == MOST_CALLS:
            yield from filter(None, node.outputs)
            for graph in node.subgraphs:
                yield from graph.inputs
            return
        for given, inside in zip(node.inputs, node.called.inputs, strict=False):
            if given is value:
                followers = self.of(inside, calls + 1)
                for out, made in zip(node.outputs, node.called.outputs, strict=False):
                    if out is not None and made in followers:
                        yield out


MOST_CALLS = 50
"""Functions that call each other are looked into so deep. A choice of ours: exporters nest some."""


def _is_step(node: Node) -> bool:
    """A loop with several outputs counts too: which of them follow which input is not seen."""
    several = len(node.outputs) > 1 and bool(node.subgraphs)
    return node.op in UNANSWERING or several


Tried = Variation
"""The name until 0.2, which rules of teams may import."""
