"""What taps inside If, Loop, Scan and local functions show while the model runs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING

from msgspec import Struct

from onnxlint.analyses.execution.execution import Execution
from onnxlint.analyses.execution.probed_session import AS_WRITTEN, serialised
from onnxlint.analyses.execution.probes import chosen, constants
from onnxlint.analyses.execution.tapped_bodies import (
    TappedBody,
    every_body,
    is_copied_cheaply,
    with_taps,
)
from onnxlint.analyses.execution.tapped_model import can_tap
from onnxlint.analyses.execution.worker import LimitReached, RunFailure, Worker, WorkerDied
from onnxlint.analyses.static.body_models import Body
from onnxlint.analyses.static.shapes import Shapes
from onnxlint.model.graph.graph import Graph
from onnxlint.model.graph.nodes import Scope, Value

if TYPE_CHECKING:
    from onnxlint.runtime.protocol import Array, Ran, Statistics, Watch

    Feed = dict[str, Array]

MOST_SHOWN = 2048
"""Iterations of one body that are measured, in all runs together: a choice, each value takes some
hundredths of a millisecond."""

NUMBERS_SINCE = 12
"""The opset from which on `Constant` takes a number as it is."""

LEAST_SHOWN = 128
"""Iterations that are measured in each run, however many runs there are."""

MOST_SHOWN_FULL = 1 << 17
"""The same of a full trace, in each run."""


class Reach(Struct, frozen=True):
    """How often a body ran: in `runs` of `of_runs` runs of the model, `times` in all of them.

    `is_cut`: it ran more often than it was looked at.
    """

    runs: int
    of_runs: int
    times: int
    is_cut: bool = False

    def __add__(self, other: Reach) -> Reach:
        """Of two calls of one function: they are of the same runs."""
        runs = max(self.runs, other.runs)
        return Reach(runs, self.of_runs, self.times + other.times, self.is_cut or other.is_cut)


class Shown(Struct, frozen=True):
    """What was seen of one body; `reach` is None where nothing in it can be watched."""

    body: Body
    statistics: Mapping[str, Statistics]
    reach: Reach | None


class TappedRuns(Struct, frozen=True):
    """What was seen of all bodies, and the numbers of the runs with NaN or infinities in them."""

    shown: list[Shown]
    odd: list[int]


class BodyTaps:
    """One model with taps in its bodies; `beyond` is the first of those that are too many."""

    def __init__(self, graph: Graph, shapes: Shapes, worker: Worker, execution: Execution) -> None:
        self._graph, self._shapes, self._worker = graph, shapes, worker
        self._execution = execution
        settings = execution.inputs.settings
        self._full, self._with_inputs = settings.full_trace, settings.integers
        self._bodies, self.beyond = every_body(graph)

    def run(self, feeds: Mapping[int, Feed], samples: int) -> TappedRuns | None:
        """Runs the model on these feeds; None where onnxruntime refuses the taps, or dies of
        them.

        Raises:
            LimitReached: it went over a limit.
        """
        if not can_tap(self._graph.model.proto):
            return None
        ways = [(self._with_inputs, False), (False, False), (False, True)]
        for with_inputs, known_only in dict.fromkeys(ways):  # what may be no tensor is refused
            tapped = list(self._tapped(with_inputs=with_inputs, known_only=known_only))
            if not is_copied_cheaply(tapped):
                return None
            try:
                self._load(tapped, len(feeds))
                return self._ran(tapped, feeds, samples)
            except LimitReached:
                raise
            except WorkerDied:  # the taps, or the model unoptimised: bodies run by themselves
                return None
            except RunFailure:
                self._worker.total()  # of no use without the others
        return None

    def _tapped(self, *, with_inputs: bool, known_only: bool) -> Iterator[TappedBody]:
        watches: dict[Scope, list[Watch]] = {}
        for number, body in enumerate(self._bodies):
            scope = body.scope
            if scope not in watches:
                watches[scope] = list(self._watches(scope, known_only=known_only))
                watches[scope] += self._of_inputs(scope) if with_inputs else ()
            yield TappedBody(body, number, watches[scope], is_counted=_has_constants(scope))

    def _watches(self, scope: Scope, *, known_only: bool) -> Iterator[Watch]:
        wanted = chosen(self._graph, self._shapes, every=True, integers=True, scope=scope)
        if self._full:
            wanted += constants(self._graph, self._shapes, scope)
        for watch in wanted:
            value = scope.values[watch.name]
            if value.producer is not None and not (known_only and self._shapes.of(value) is None):
                yield watch

    def _of_inputs(self, scope: Scope) -> Iterator[Watch]:
        """What a body is fed by its node, for people who look at it."""
        from onnxlint.runtime.protocol import Watch

        for value in scope.inputs:
            shape = self._shapes.of(value)
            if value in self._omitted:
                continue
            if shape is None or shape.dtype in ("float", "float16", "double"):
                yield Watch(value.name)
            elif shape.is_integer or shape.dtype == "bool":
                yield Watch(value.name, integers=True)

    @cached_property
    def _omitted(self) -> set[Value]:
        """Inputs of functions that some call leaves out, or hands on from one that did."""
        omitted: set[Value] = set()
        for body in self._bodies:
            if body.scope.function is not None:
                for slot, formal in enumerate(body.scope.inputs):
                    given = body.owner.input(slot)
                    if given is None or given in omitted:
                        omitted.add(formal)
        return omitted

    def _load(self, tapped: list[TappedBody], runs: int) -> None:
        model, names = with_taps(self._graph, tapped)
        files, synthetic = self._graph.model.files, self._execution.synthetic
        data, folder = serialised(model, files, (), synthetic=synthetic)
        most = MOST_SHOWN_FULL if self._full else max(LEAST_SHOWN, MOST_SHOWN // runs)
        self._worker.load(data, folder, AS_WRITTEN, taps=names, most_shown=most)
        self._most = most

    def _ran(
        self, tapped: list[TappedBody], feeds: Mapping[int, Feed], samples: int
    ) -> TappedRuns:  # fmt: skip
        from onnxlint.runtime.protocol import Run

        watches = [watch for each in tapped for watch in each.keyed()]
        runs = {at: self._worker.run(Run(feed, watches, [], 0, samples, True), whole=False)
                for at, feed in feeds.items()}  # fmt: skip
        seen = self._worker.total()
        shown = [self._shown(each, runs.values(), seen) for each in tapped]
        return TappedRuns(shown, [at for at, ran in runs.items() if not ran.is_finite])

    def _shown(
        self, tapped: TappedBody, runs: Iterable[Ran], seen: Mapping[str, Statistics]
    ) -> Shown:  # fmt: skip
        keys = {name: tapped.key(name) for name in tapped.names}
        times = [
            max((ran.shown.get(key, int(key in ran.types)) for key in keys.values()), default=0)
            for ran in runs
        ]
        statistics = {name: seen[key] for name, key in keys.items() if key in seen}
        if not keys:
            return Shown(tapped.body, statistics, None)
        looked_at = sum(min(count, self._most) for count in times)
        is_cut = any(count > self._most for count in times)
        reach = Reach(sum(count > 0 for count in times), len(times), looked_at, is_cut)
        return Shown(tapped.body, statistics, reach)


def _has_constants(scope: Scope) -> bool:
    """Whether the opset has what counts the runs of a body in which nothing can be watched."""
    return scope.opsets.get("", 0) >= NUMBERS_SINCE
