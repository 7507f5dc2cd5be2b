"""Whether results are stable: on the same input, in a batch, at other sizes and levels."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property, partial
from typing import TYPE_CHECKING, TypeVar

from msgspec import Struct

from onnxlint.analyses.execution.execution import Execution
from onnxlint.analyses.execution.reruns import Reruns
from onnxlint.analyses.execution.run_budget import MOST_SYMBOLS, Question, Work
from onnxlint.analyses.execution.runtime_errors import RuntimeFailure, read_refusal
from onnxlint.analyses.execution.worker import LimitReached, RunFailure, WorkerDied
from onnxlint.analyses.inputs.dynamic_axes import Sizes
from onnxlint.analyses.stability.output_difference import Difference, compare
from onnxlint.analyses.static.output_heads import recognise
from onnxlint.analyses.static.precision import Rounding
from onnxlint.analyses.static.shapes import Shapes, declared
from onnxlint.model.graph.graph import Graph
from onnxlint.model.graph.nodes import Node, Value
from onnxlint.model.graph.operators import DYNAMIC_SCALES
from onnxlint.model.graph.place import NotApplicable, Place
from onnxlint.settings import Settings

if TYPE_CHECKING:
    from onnxlint.runtime.protocol import Level
    from onnxlint.types import Array, Feed, Outputs

    Way = tuple[str, int, Mapping[str, int]]
    """An axis, another size of it, and all sizes that change then."""

T = TypeVar("T")

SUSPICIOUS = 0.001
"""A difference of two sessions, as a share of the peak in float32, that asks for a third: rounding
reached 0.0012 on the 205 models of the corpus, and 0.00001 on most."""

BETWEEN: tuple[Level, ...] = ("basic", "extended")
"""The levels of optimisation between nothing and all."""


class Repeat(Struct, frozen=True):
    """An output that differs between two runs on the same input.

    In one session, or only between two; `source` is a node that draws random numbers for it.
    """

    difference: Difference
    in_session: bool
    source: Node | None


class Resized(Struct, frozen=True):
    """A run at another size of one axis; exactly one of `outputs` and `refusal` is set."""

    symbol: str
    size: int
    place: Place
    outputs: Outputs | None = None
    refusal: RuntimeFailure | None = None


class ResizedAxis(Struct, frozen=True):
    """A dynamic axis of the inputs, and runs at other sizes than `base`, which is known to run."""

    symbol: str
    base: int
    place: Place
    trials: list[Resized]

    @property
    def refused(self) -> list[Resized]:
        """The runs that failed."""
        return [trial for trial in self.trials if trial.refusal is not None]


class BatchShapeViolation(Struct, frozen=True):
    """An output whose shape for one batch size does not fit that for another."""

    value: Value
    usual: tuple[int, ...]
    usual_size: int
    shape: tuple[int, ...]
    size: int


class Divergence(Struct, frozen=True):
    """How an optimisation level differs from the unoptimised model: a failure, or an output."""

    level: Level
    difference: Difference | None = None
    refusal: RuntimeFailure | None = None


class Behaviour:
    """Runs the model again and compares the outputs; every question is asked once.

    Everything is measured on the first feed. All differences are returned; whether they exceed
    rounding, a rule judges by a limit. A question that would cost too much is not applicable, which
    `Work` decides. Questions that follow up a difference are asked in any case.
    """

    def __init__(
        self,
        graph: Graph,
        shapes: Shapes,
        execution: Execution,
        reruns: Reruns,
        rounding: Rounding,
        settings: Settings,
        work: Work,
    ) -> None:
        self.synthetic = execution.synthetic
        self._rounding = rounding
        self._graph, self._reruns = graph, reruns
        self._unoptimisable = execution.unoptimisable
        self._heads = {v: recognise(graph, shapes, v, settings.outputs) for v in graph.outputs}
        self._feeds = reruns.attempt.feeds
        self._first_outputs = execution.runs[0].outputs
        self._work = work
        self._together: Outputs = {}
        self._sample_axes: dict[Value, int] = {}
        self.sizes = Sizes(execution.inputs.slots, self._feeds[0])
        self._is_time = _is_time(graph, shapes, self.sizes)

    @classmethod
    def build(
        cls,
        graph: Graph,
        shapes: Shapes,
        execution: Execution,
        reruns: Reruns,
        rounding: Rounding,
        settings: Settings,
        work: Work,
    ) -> Behaviour:
        """Nothing runs yet."""
        return cls(graph, shapes, execution, reruns, rounding, settings, work)

    @property
    def repetitions(self) -> list[Repeat]:
        """Every output that differs, however little, when the same is fed again in one session.

        Also those that differ in a new session, if the first one, in which they were watched, gave
        something else: watched or not, a sound model gives the same but for rounding.

        Raises:
            NotApplicable: it would cost too much.
        """
        self._work.check(Question.REPEATED)
        return self._repetitions

    @cached_property
    def _repetitions(self) -> list[Repeat]:
        first, second = self._twice
        found = [(difference, True) for difference in self._differences(first, second)]
        seen = {difference.value for difference, _ in found}
        if any(d.exceeds(SUSPICIOUS) for d in self._differences(self._first_outputs, first)):
            anew = self._differences(first, self._run(self._feeds[0], fresh=True))
            found += [(difference, False) for difference in anew if difference.value not in seen]
        return [Repeat(d, within, self._rounding.drawn_by(d.value)) for d, within in found]

    def repeats(self, value: Value) -> bool:
        """Whether an output is the same at every run; asked before a difference is blamed on more.

        Where a node draws random numbers it counts as changing, though onnxruntime deletes every
        dropout when it optimises, even one that is in training mode.
        """
        if self._rounding.drawn_by(value) is not None:
            return False
        return all(repeat.difference.value is not value for repeat in self._repetitions)

    @property
    def feed(self) -> Feed:
        """The inputs that everything is measured on."""
        return self._feeds[0]

    @property
    def company(self) -> tuple[Feed, Feed, Feed]:
        """Two samples, each as a feed of its own, and both as one feed.

        Raises:
            NotApplicable: there are no two.
        """
        first, second = self._pair
        return first, second, self._as_one(first, second)

    @property
    def batch_is_unsure(self) -> bool:
        """Whether there is a dynamic first axis whose name does not say that it counts samples."""
        return self.sizes.batch is not None and not self.sizes.batch_is_sure

    @cached_property
    def couplings(self) -> list[Difference]:
        """How each output of a sample differs when another sample is run with it.

        Raises:
            NotApplicable: no axis of the inputs is sure to count samples, there is one sample, the
                pair cannot be run, or it would cost too much.
        """
        first, second = self._pair
        self._work.check(Question.COMPANY)
        alone = self._alone(first, second)
        together = self._together or self._run(self._as_one(first, second))
        self._together = together
        self._sample_axes = dict(self._counting_axes(alone, together))
        return [
            self._compared(value, _joined(*_both(alone, value), axis), together[value.name])
            for value, axis in self._sample_axes.items()
        ]

    def _alone(self, *pair: Feed) -> list[Outputs]:
        """What each of the pair gives; most often they were run among the samples."""
        runs = [run for feed in pair if (run := self._run_of(feed)) is not None]
        if len(runs) == len(pair):
            known = [self._told(partial(self._reruns.of_samples, run)) for run in runs]
        else:
            known = self._all_attempted(pair)
        return [*map(self._succeeded, known)]

    def _run_of(self, feed: Feed) -> int | None:
        """Which run of the samples had this feed."""
        for run, known in enumerate(self._feeds[:2]):
            if all(feed[name] is known[name] for name in feed):
                return run
        return None

    def _as_one(self, first: Feed, second: Feed) -> Feed:
        axes = self.sizes.batch_axes
        return {
            name: _joined(first[name], second[name], axes[name]) if name in axes else first[name]
            for name in first
        }

    def depends_on_company(self, coupling: Difference, limit: float) -> bool:
        """Whether the other sample, or the place in the batch, causes one of `couplings`.

        Sums round otherwise in a larger batch, whoever is in it: then each sample gives the same
        twice when it is run together with itself, and the same as with the other one. Where that
        cannot be run, it is taken for granted.
        """
        value = coupling.value
        axis = self._sample_axes[value]
        try:
            twice = [self._run(self._as_one(sample, sample)) for sample in self._pair]
        except NotApplicable:
            return True
        one, other = _both(twice, value)
        firsts, seconds = (_joined(one.take([at], axis), other.take([at], axis), axis)
                           for at in (0, 1))  # fmt: skip
        mixed = _joined(one.take([0], axis), other.take([1], axis), axis)
        return any(
            self._compared(value, *pair).exceeds(limit)
            for pair in ((firsts, seconds), (mixed, self._together[value.name]))
        )

    @cached_property
    def batch(self) -> ResizedAxis | None:
        """Runs at other batch sizes; None where no axis is known to count samples.

        Raises:
            NotApplicable: it would cost too much.
        """
        if self.sizes.batch is None or self.batch_is_unsure or self.sizes.batch_is_doubtful:
            return None
        base = self._feeds[0]
        counts = {base[name].shape[axis] for name, axis in self.sizes.batch_axes.items()}
        if len(counts) != 1 or not (count := counts.pop()):
            return None
        self._work.check(Question.BATCH)
        symbol, sizes = self.sizes.batch, self._work.batches(count)
        pair = self._two_as_one() if 2 in sizes else None
        feeds = (
            pair if pair is not None and size == 2
            else self.sizes.with_batch(base, [row % count for row in range(size)])
            for size in sizes
        )  # fmt: skip
        trials = self._trials([(symbol, size) for size in sizes], feeds)
        if pair is not None:
            self._together = trials[sizes.index(2)].outputs or {}
        return ResizedAxis(symbol, count, self._place_of(symbol), trials)

    def _two_as_one(self) -> Feed | None:
        """The two samples whose company is asked for, too: they need not run together twice."""
        try:
            return self.company[2]
        except NotApplicable:
            return None

    @property
    def misshapen(self) -> list[BatchShapeViolation]:
        """Outputs that lose an axis, or do not grow with the batch that they are declared to have.

        Raises:
            NotApplicable: it would cost too much.
        """
        if self.batch is None:
            return []
        outputs = {trial.size: trial.outputs or {} for trial in self.batch.trials}
        outputs[self.batch.base] = self._first_outputs
        found = (self._misshapen(value, outputs) for value in self._graph.outputs)
        return [changed for changed in found if changed is not None]

    def _misshapen(self, value: Value, outputs: dict[int, Outputs]) -> BatchShapeViolation | None:
        shapes = {size: outputs[size][value.name].shape for size in sorted(outputs, reverse=True)
                  if value.name in outputs[size]}  # fmt: skip
        usual_size = next(iter(shapes), 0)
        usual = shapes.get(usual_size, ())
        shape = declared(value)
        grown = [
            axis for axis, size in enumerate(usual)
            if shape is not None and shape.dim(axis) == self.sizes.batch and size == usual_size
        ]  # fmt: skip
        for size, came in shapes.items():
            if len(came) != len(usual) or any(came[axis] != size for axis in grown):
                return BatchShapeViolation(value, usual, usual_size, came, size)
        return None

    @cached_property
    def axes(self) -> list[ResizedAxis]:
        """The other dynamic axes; each was varied until one size succeeded.

        Where an axis alone is refused, those of the same size are varied with it: two symbols may
        stand for one size. None are there where that would cost too much.

        Raises:
            NotApplicable: one of the sizes alone would cost too much.
        """
        if not self._axes_to_vary or not self._work.asks(Question.AXES):
            return []
        ways = [self._ways(symbol) for symbol in self._axes_to_vary[:MOST_SYMBOLS]]
        firsts = self._varied([next(each) for each in ways])
        return [self._axis(*each) for each in zip(firsts, ways, strict=True)]

    @property
    def _axes_to_vary(self) -> list[str]:
        """The symbols of any size: a first axis, too, that no name calls a batch."""
        others = self.sizes.others
        first = self.sizes.batch if self.batch_is_unsure else None
        return others if first is None or first in others else [first, *others]

    @cached_property
    def divergences(self) -> list[Divergence]:
        """How the outputs of the optimised model differ from those of the unoptimised model.

        Raises:
            NotApplicable: it would cost too much.
        """
        if self._unoptimisable is not None:
            return [Divergence(self._first_refused(), refusal=self._unoptimisable)]
        self._work.check(Question.OPTIMISED)
        if self._reruns.is_open_as_written:
            _ = self._written  # as long as it is
        shipped, written = self._twice[0], self._written  # in this order: it is loaded so
        if isinstance(written, RuntimeFailure):
            return [Divergence("none", refusal=written)]
        found = self._differences(written, shipped)
        return [Divergence("all", difference=d) for d in found]

    @cached_property
    def _twice(self) -> list[Outputs]:
        """What the first feed gives at the usual level, two times in one session."""
        return self._succeeded(self._told(partial(self._reruns.twice, self._feeds[0])))

    @cached_property
    def _written(self) -> Outputs | RuntimeFailure:
        """What the model gives when nothing is optimised."""
        return self._attempted(self._feeds[0], "none")

    def _first_refused(self) -> Level:
        """The lowest level of optimisation at which the model cannot be run."""
        with contextlib.suppress(NotApplicable):
            for level in BETWEEN:
                if isinstance(self._attempted(self._feeds[0], level), RuntimeFailure):
                    return level
        return "all"

    def first_divergent(self, difference: Difference, limit: float) -> Level:
        """The lowest level of optimisation at which an output differs by more than the limit."""
        for level in BETWEEN:
            try:
                other = self._run(self._feeds[0], level)
            except NotApplicable:
                break
            assert not isinstance(self._written, RuntimeFailure)
            found = self._differences(self._written, other)
            if any(d.exceeds(limit) for d in found if d.value is difference.value):
                return level
        return "all"

    @property
    def _pair(self) -> tuple[Feed, Feed]:
        """Two samples, each as a feed of its own."""
        sizes = self.sizes
        if not sizes.batch_axes:
            raise NotApplicable("no input has a dynamic first axis")
        if sizes.batch_is_doubtful or self._is_time:
            raise NotApplicable(f"the first axis {sizes.batch!r} may hold parts of one sample")
        one = self._feeds[0]
        name, axis = next(iter(sizes.batch_axes.items()))
        if one[name].shape[axis] > 1:
            first, second = self._unlike(one[name], axis) if self._scales_together else (0, 1)
            return sizes.with_batch(one, [first]), sizes.with_batch(one, [second])
        if len(self._feeds) < 2:
            raise NotApplicable("at least 2 samples are needed")
        other = one | {name: self._feeds[1][name] for name in sizes.batch_axes}
        if any(one[name].shape != other[name].shape for name in one):
            raise NotApplicable("the first two samples differ in shape")
        return one, other

    @property
    def _scales_together(self) -> bool:
        return any(True for _ in self._graph.nodes(*DYNAMIC_SCALES))

    def _unlike(self, array: Array, axis: int) -> tuple[int, int]:
        """The samples of the least and of the largest numbers: the loud one sets the scale."""
        import numpy as np

        if array.dtype.kind not in "fiu":
            return 0, 1
        rows = np.moveaxis(array, axis, 0).reshape(array.shape[axis], -1)
        peaks = np.abs(np.nan_to_num(rows.astype(np.float64))).max(axis=1, initial=0)
        least, most = int(peaks.argmin()), int(peaks.argmax())
        return (least, most) if least != most else (0, 1)

    def is_scaled_by_batch(self, value: Value) -> bool:
        """Whether a value is computed from values quantised with one scale for the whole batch."""
        before = self._graph.ancestors([value])
        return any(node in before for node in self._graph.nodes(*DYNAMIC_SCALES))

    def _counting_axes(
        self, alone: list[Outputs], together: Outputs
    ) -> Iterator[tuple[Value, int]]:
        """Outputs with an axis that counts samples, and that axis."""
        for value in self._graph.outputs:
            if any(value.name not in outputs for outputs in (*alone, together)):
                continue
            one, other = _both(alone, value)
            if one.shape != other.shape:
                continue
            axis = _grown_axis(one.shape, together[value.name].shape)
            if axis is not None:
                yield value, axis

    def _ways(self, symbol: str) -> Iterator[Way]:
        """Other sizes of an axis, alone and then with those of the same size; one at least."""
        base = self.sizes.base[symbol]
        tied = list(dict.fromkeys([symbol, *self.sizes.tied(symbol)]))
        for together in ([symbol], tied) if len(tied) > 1 else ([symbol],):
            for size in other_sizes(base):
                self._work.check_size(max(1, size / base) ** len(together))
                yield symbol, size, dict.fromkeys(together, size)

    def _axis(self, first: Resized, ways: Iterator[Way]) -> ResizedAxis:
        """The first way that was tried, and others until one succeeds."""
        symbol, trials = first.symbol, [first]
        while trials[-1].refusal is not None and (way := next(ways, None)) is not None:
            trials += self._varied([way])
        return ResizedAxis(symbol, self.sizes.base[symbol], self._place_of(symbol), trials)

    def _varied(self, ways: Sequence[Way]) -> list[Resized]:
        feeds = (self.sizes.resized(self._feeds[0], changed) for _, _, changed in ways)
        return self._trials([(symbol, size) for symbol, size, _ in ways], feeds)

    def _trials(self, asked: Sequence[tuple[str, int]], feeds: Iterable[Feed]) -> list[Resized]:
        return [
            Resized(symbol, size, self._place_of(symbol), refusal=found)
            if isinstance(found, RuntimeFailure)
            else Resized(symbol, size, self._place_of(symbol), outputs=found)
            for (symbol, size), found in zip(asked, self._all_attempted(feeds), strict=True)
        ]

    def _place_of(self, symbol: str) -> Place:
        for value in self._graph.inputs:
            slot = self.sizes.slot(value.name)
            if slot is not None and symbol in slot.dims:
                return value.place
        return self._graph.main.place

    def _differences(self, before: Outputs, after: Outputs) -> Iterator[Difference]:
        for value in self._graph.outputs:
            if value.name in before and value.name in after:
                found = self._compared(value, before[value.name], after[value.name])
                if found.measured:
                    yield found

    def _compared(self, value: Value, before: Array, after: Array) -> Difference:
        return compare(value, before, after, self._heads[value], self._rounding)

    def _run(self, feed: Feed, level: Level | None = None, *, fresh: bool = False) -> Outputs:
        """Raises NotApplicable where the run fails: a rule of its own says why."""
        return self._succeeded(self._attempted(feed, level, fresh=fresh))

    def _succeeded(self, found: T | RuntimeFailure) -> T:
        if isinstance(found, RuntimeFailure):
            raise NotApplicable(f"the model cannot be run again: {found}")
        return found

    def _attempted(
        self, feed: Feed, level: Level | None = None, *, fresh: bool = False
    ) -> Outputs | RuntimeFailure:
        return self._told(partial(self._reruns.outputs, feed, level, fresh=fresh))

    def _all_attempted(self, feeds: Iterable[Feed]) -> list[Outputs | RuntimeFailure]:
        return [*map(self._told, self._reruns.answers(feeds))]

    def _told(self, run: Callable[[], T]) -> T | RuntimeFailure:
        """What a run gives, or why it fails."""
        try:
            return run()
        except RunFailure as error:
            return read_refusal(self._graph, str(error))
        except LimitReached as error:
            raise NotApplicable(f"the model cannot be run again: {error}") from error
        except WorkerDied as error:
            return RuntimeFailure(self._graph.main.place, str(error), "")


def other_sizes(base: int) -> list[int]:
    """Sizes beside the one at which a model runs, cheap ones first.

    Half and double fit where layers halve a size, one more where they take any.
    """
    sizes = (base // 2, base + 1, base * 2)
    return [size for size in dict.fromkeys(sizes) if size not in (0, base)]


def _both(runs: list[Outputs], value: Value) -> tuple[Array, Array]:
    """An output in each of two runs."""
    one, other = (outputs[value.name] for outputs in runs)
    return one, other


def _joined(one: Array, other: Array, axis: int) -> Array:
    import numpy as np

    return np.concatenate([one, other], axis)


def beside(one: Array, other: Array, both: Array) -> tuple[Array, Array] | None:
    """Two samples along the axis that counts them, as `both` has them; None where none does."""
    axis = _grown_axis(one.shape, both.shape) if one.shape == other.shape else None
    return None if axis is None else (_joined(one, other, axis), both)


def _grown_axis(one: tuple[int, ...], two: tuple[int, ...]) -> int | None:
    """The only axis that differs, if it has size 1 for one sample and 2 for two."""
    if len(one) != len(two):
        return None
    differing = [axis for axis, (a, b) in enumerate(zip(one, two, strict=True)) if a != b]
    if len(differing) != 1 or (one[differing[0]], two[differing[0]]) != (1, 2):
        return None
    return differing[0]


def _is_time(graph: Graph, shapes: Shapes, sizes: Sizes) -> bool:
    """Whether a recurrent layer steps along the first axis of the inputs."""
    if sizes.batch is None:
        return False
    for node in graph.nodes("LSTM", "GRU", "RNN"):
        shape = shapes.of(node.input(0))
        if shape is not None and not node.attribute("layout", 0) and shape.dim(0) == sizes.batch:
            return True
    return False
