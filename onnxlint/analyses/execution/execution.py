"""The runs of the model: in a worker process, with intermediate outputs recorded."""

from __future__ import annotations

import contextlib
from functools import partial
from itertools import chain, islice
from typing import TYPE_CHECKING

from msgspec import Struct, field
from msgspec.structs import replace

from onnxlint.analyses import Unavailable
from onnxlint.analyses.execution.gathering import Gathering
from onnxlint.analyses.execution.lanes import LANES
from onnxlint.analyses.execution.probed_session import AS_WRITTEN, Runner, nbytes, told
from onnxlint.analyses.execution.runtime_errors import RuntimeFailure
from onnxlint.analyses.execution.watching import Watching
from onnxlint.analyses.execution.worker import LimitReached, RunFailure, Worker, WorkerDied
from onnxlint.analyses.inputs.dynamic_axes import Sizes
from onnxlint.analyses.inputs.inputs import Inputs
from onnxlint.analyses.static.chosen_layer import chosen_layer
from onnxlint.analyses.static.endless_loops import MOST_TRIPS, is_endless
from onnxlint.analyses.static.operation_counts import OperationCounts, affordable_runs, watching
from onnxlint.contributions import Contributions
from onnxlint.model.graph.graph import Graph
from onnxlint.model.preflight import Preflight
from onnxlint.settings import DEFAULT_SAMPLES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from onnxlint.runtime.feeds.synthesis import Attempt
    from onnxlint.runtime.protocol import Level, Ran, Statistics

MOST_HEEDED = 3
"""So many refusals are taken at their word: a choice, each costs a run or two."""

MOST_NAMED = 10_000
"""Files of samples that a report names; a choice, a megabyte."""

INNER_SAMPLES = 8
"""Samples that are run again to look inside fused kernels: as many as synthetic ones by default."""

INNER_BYTES = 4 * 1024 * 1024
"""Of models whose watched values take more than this a sample, two samples are run again.

Two tell whether something is constant, and cost a quarter of a trace of eight. Bytes decide, not
seconds, so that a report is the same on every machine.
"""


class Execution(Struct):
    """The failures, or the runs, of one model.

    At most one of `session_failure` and `crash` is set; with `execution_failure` there are no runs.
    `over_limit`: the run was ended for its time or memory. `unoptimisable` says why the model only
    runs unoptimised.
    `runs` holds what each feed gave at the shipped optimisation level, and `statistics` what was
    watched in all of them; `inner` is what stands inside the fused kernels of these, watched in
    other runs of the first `inner_samples`. `close_runs` are those of the same feeds, each with its
    own statistics of every value and nothing fused, made where NaN or infinities show. `log` is
    what onnxruntime printed until then. `runs_left_out` counts synthetic feeds that were not run,
    because a run of the model costs much. `gathering` is what was gathered of the layer that a page
    shows.
    """

    inputs: Inputs
    session_failure: RuntimeFailure | None = None
    unoptimisable: RuntimeFailure | None = None
    execution_failure: RuntimeFailure | None = None
    crash: str | None = None
    over_limit: bool = False
    no_valid_input: str | None = None
    runs: list[Ran] = field(default_factory=list)
    statistics: dict[str, Statistics] = field(default_factory=dict)
    inner: dict[str, Statistics] = field(default_factory=dict)
    inner_samples: int = 0
    close_runs: list[Ran] = field(default_factory=list)
    attempt: Attempt | None = None
    runner: Runner | None = None
    log: str = ""
    runs_left_out: int = 0
    gathering: Gathering | None = None
    _unlooked: Callable[[], None] | None = None
    _inside: Runner | None = None

    @classmethod
    def build(
        cls, graph: Graph, preflight: Preflight, inputs: Inputs,
        counts: OperationCounts, watched: Watching, worker: Worker,
    ) -> Execution:  # fmt: skip
        """Runs the model on its inputs; every way to fail is recorded, none is raised.

        Raises:
            Unavailable: preflight forbids native code to open the file.
        """
        if preflight.refusal is not None:
            raise Unavailable(f"the model was not run: {preflight.refusal}")
        execution = cls(inputs)
        runner = execution.runner = Runner(watched, worker, synthetic=inputs.synthetic)
        if inputs.settings.layer is not None:
            chosen = chosen_layer(graph, inputs.settings.layer)
            execution.gathering = runner.gathering = Gathering(chosen, inputs.slots)
        try:
            execution._run(runner, counts, worker)
            runner.gathering = None  # what others run with it is not gathered
        except WorkerDied as error:
            execution.crash = str(error)
            execution.over_limit = isinstance(error, LimitReached)
            return execution
        if execution.attempt is not None:
            execution._unlooked = partial(execution._look_closer, watched, worker)
        return execution

    def open_at(self, level: Level | None) -> Runner | None:
        """Who still has the model loaded as it ships, or as it is at another level."""
        if level is None:
            return (
                self.runner if self.runner is not None and self.runner.is_open_as_shipped else None
            )
        inside = self._inside
        return inside if inside is not None and inside.is_open and inside.level == level else None

    def look_closer(self) -> None:
        """Sees `inner` and `close_runs`, the first time; whoever reads them asks for it.

        Until then the model is loaded as it ships, for all who want no more.
        """
        unlooked, self._unlooked = self._unlooked, None
        if unlooked is not None:
            unlooked()

    def _look_closer(self, watched: Watching, worker: Worker) -> None:
        assert self.attempt is not None
        assert self.runner is not None
        seen_inside = self._look_inside(watched, worker)
        if not all(ran.is_finite for ran in [*self.runs, *seen_inside]):
            self._look_closely(self.runner, self.attempt)

    def contribute(self, report: Contributions) -> None:
        """What was run, or why nothing was."""
        report.not_executed = self.failure
        if self.ran:
            report.samples, report.data = self.samples, self.inputs.description
            if not self.inputs.synthetic:
                named = self.inputs.fed.names[: min(self.samples, MOST_NAMED)]
                report.sample_files = tuple(named) or None

    @classmethod
    def contribute_failure(cls, problem: Exception, report: Contributions) -> None:
        """Why nothing was run."""
        report.not_executed = str(problem)

    @property
    def ran_on_synthetic(self) -> bool:
        """Whether what was seen was seen on samples that were synthesised."""
        return self.synthetic and self.session_failure is None

    @property
    def samples(self) -> int:
        """How many samples were run."""
        if self.attempt is None or self.attempt.samples is None:
            return len(self.runs) * (self.attempt.samples_per_run if self.attempt else 1)
        return self.attempt.samples

    @property
    def synthetic(self) -> bool:
        """Whether the samples are synthetic."""
        return self.inputs.synthetic

    @property
    def ran(self) -> bool:
        """Whether any run succeeded."""
        return bool(self.runs)

    @property
    def failure(self) -> str | None:
        """Why no run succeeded, in a few words."""
        if self.session_failure is not None:
            return "onnxruntime cannot load the model"
        if self.execution_failure is not None:
            return "onnxruntime cannot run the model"
        return self.crash or self.no_valid_input

    @property
    def level(self) -> Level:
        """The optimisation level of the runs: the default, where onnxruntime supports it."""
        return "all" if self.unoptimisable is None else AS_WRITTEN

    def _open(self, runner: Runner) -> bool:
        """Loads it as it ships, else as it is written."""
        settings = self.inputs.settings
        watched = {"every": settings.full_trace, "integers": settings.integers}
        try:
            runner.open(**watched)
            return True
        except RunFailure as error:
            refusal = runner.refusal(error)
        runner.level = AS_WRITTEN
        try:
            runner.open(**watched)
        except RunFailure:
            self.session_failure = refusal
            return False
        self.unoptimisable = refusal
        return True

    def _run(self, runner: Runner, counts: OperationCounts, worker: Worker) -> None:
        attempts = _Attempts(self.inputs, counts)
        worker.first = attempts.make_first
        if not self._open(runner):
            return
        if self.inputs.obstacle is not None:
            self.no_valid_input = self.inputs.obstacle
            return
        refusals: list[RuntimeFailure] = []
        heeded = MOST_HEEDED
        for attempt in attempts:
            if self._try(runner, attempt, counts, refusals) or is_endless(refusals[-1].message):
                break
            again = self.inputs.corrected(attempt, refusals[-1].message) if heeded else None
            if again is not None:
                heeded -= 1
                if self._try(runner, again, counts, refusals):
                    break
        if self.attempt is None:
            self._refused(refusals)
        self.log = runner.log

    def _try(
        self, runner: Runner, attempt: Attempt, counts: OperationCounts,
        refusals: list[RuntimeFailure],
    ) -> bool:  # fmt: skip
        """Runs all feeds of an attempt, or those that cost little enough; whether it could."""
        settings = self.inputs.settings
        chosen = not self.synthetic or settings.samples != DEFAULT_SAMPLES or settings.full_trace
        chosen = chosen or self.inputs.given is not None
        enough = None if chosen else partial(self._affordable, attempt, counts)
        try:
            spare = attempt.limits[0].feed if attempt.limits and self.synthetic else None
            self.runs, self.statistics = runner.run_all(attempt, enough, spare)
        except RunFailure as error:
            refusals.append(replace(runner.refusal(error), fed=told(attempt.feeds[0])))
            return False
        self.attempt = attempt
        self.runs_left_out = len(attempt.feeds) - len(self.runs)
        if self.runs_left_out:
            self.attempt = replace(attempt, feeds=attempt.feeds[: len(self.runs)])
        return True

    def _affordable(self, attempt: Attempt, counts: OperationCounts, first: Ran) -> int:
        """How many runs are made on synthetic samples, by what the first showed."""
        run, budget = counts.running(attempt.sizes, first.types), self.inputs.settings.budget
        return affordable_runs(counts.loading, run, watching(first.types), budget)

    def _refused(self, refusals: list[RuntimeFailure]) -> None:
        if is_endless(refusals[-1].message):
            self.no_valid_input = (
                f"a Loop without a trip count still runs after {MOST_TRIPS:,} iterations on "
                "synthetic input"
            )
        elif self.synthetic and self.inputs.guessed and not refusals[0].is_of_dtype:
            self.no_valid_input = f"no valid synthetic input: {refusals[0]}"
        else:
            self.execution_failure = refusals[0]

    def _look_inside(self, watched: Watching, worker: Worker) -> list[Ran]:
        """Runs some samples again for what was not watched, unless some kernel is only fused.

        With a full trace that is what no input changes: one run shows it. What is watched keeps
        kernels from being fused anyway: to optimise the others takes longer than these few runs.
        """
        for level in dict.fromkeys((AS_WRITTEN, self.level)):
            runner = Runner(watched, worker, level, synthetic=self.inputs.synthetic)
            with contextlib.suppress(RunFailure, WorkerDied):  # as it ships it did run
                return self._seen_inside(runner)
        return []

    def _seen_inside(self, runner: Runner) -> list[Ran]:
        """Raises RunFailure, WorkerDied: it does not run so."""
        assert self.attempt is not None
        full = self.inputs.settings.full_trace
        if not runner.open_inside(self.statistics, constants=full):
            return []
        self._inside = runner
        few = self._few(self.attempt, 1) if full else self.few(self.attempt)
        runs, seen = runner.run_all(few)
        if full:
            self.statistics |= seen
        else:
            self.inner = seen
            self.inner_samples = min(len(runs) * few.samples_per_run, self.samples)
        return runs

    def samples_inside(self, watched: Watching) -> int:
        """How many samples are run again to look inside fused kernels, or will be."""
        if self.attempt is None or self.inputs.settings.full_trace:
            return 0
        if not watched.inside(self.statistics):
            return 0
        few = self.few(self.attempt)
        return min(len(few.feeds) * few.samples_per_run, self.samples)

    def few(self, attempt: Attempt) -> Attempt:
        """The runs that are made again to look closer: of eight samples, or of two large ones."""
        return self._few(attempt, self._inner_samples())

    def _inner_samples(self) -> int:
        watched = sum(nbytes(*seen) for seen in self.runs[0].types.values())
        per_run = self.attempt.samples_per_run if self.attempt is not None else 1
        return INNER_SAMPLES if watched <= INNER_BYTES * per_run else 2

    def _few(self, attempt: Attempt, samples: int) -> Attempt:
        """The runs that hold so many samples; fewer of the first run, if they can be told apart."""
        from onnxlint.runtime.feeds.synthesis import Attempt

        per_run = attempt.samples_per_run
        axes = Sizes(self.inputs.slots, attempt.feeds[0])
        if samples >= per_run or not axes.batch_axes:
            return replace(attempt, feeds=attempt.feeds[: -(-samples // per_run)])
        feed = axes.with_batch(attempt.feeds[0], list(range(samples)))
        return Attempt(Sizes(self.inputs.slots, feed).base, samples, [feed])

    def _look_closely(self, runner: Runner, attempt: Attempt) -> None:
        """Runs again with every value watched, unless some kernel exists only when fused."""
        with contextlib.suppress(RunFailure, WorkerDied):
            runner.open(closely=True)
            self.close_runs = [runner.run_closely(feed) for feed in attempt.feeds]


class _Attempts:
    """The feeds to try in turn; the first ones are made while the model is loaded."""

    def __init__(self, inputs: Inputs, counts: OperationCounts) -> None:
        self._inputs, self._counts = inputs, counts
        self._made: Iterator[Attempt] | None = None

    def make_first(self) -> None:
        """Makes what is run first, which keeps it; and counts what that costs."""
        if self._inputs.obstacle is not None or not self._inputs.synthetic:
            return
        with contextlib.suppress(Exception):  # whoever tries them meets it again
            attempts = iter(self._inputs.attempts())
            first = next(attempts)
            _ = [*islice(first.feeds, LANES)]
            self._made = chain([first], attempts)
            self._counts.running(first.sizes, {})

    def __iter__(self) -> Iterator[Attempt]:
        return self._made or iter(self._inputs.attempts())
