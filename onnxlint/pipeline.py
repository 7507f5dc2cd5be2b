"""The way from a model file to findings, in one direction."""

from __future__ import annotations

import errno
import os
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, closing, contextmanager, redirect_stdout
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from onnxlint.analyses import Analyses, T, closure
from onnxlint.config import Config, Loaded, Plan, load_for, parse_bytes, plan
from onnxlint.findings import SHOWN_PLACES, Diagnostic, folded
from onnxlint.fix import Fix
from onnxlint.model.file.errors import DataError, MisfitError, ModelError
from onnxlint.model.graph.place import NotApplicable
from onnxlint.report import Metrics, ModelReport, TraceRow
from onnxlint.rules.diagnosis import crash, diagnostic, incomplete
from onnxlint.rules.rule import Rule, RuleError
from onnxlint.safety.limits import Alarm, Budget, RuleTimeout
from onnxlint.safety.unfinished import Terminated
from onnxlint.settings import DEFAULT_SAMPLES, LABELLED_SAMPLES, LabelSource, Settings
from onnxlint.severity import Severity, Stage

if TYPE_CHECKING:
    from onnxlint.analyses.execution.worker import Worker, Workers
    from onnxlint.model.file.load import Model

RULE_SHARE = 0.25
"""Of the time limit, what one rule may take before it counts as hanging; the median rule takes a
millisecond. Analyses that it asks for, and processes that it waits for, do not count."""


LEAST_RULE_SECONDS = 1.0
"""So long every rule may take, however little the model may."""


class Watcher:
    """Whoever wants to know how the judging of a model goes on, while it does."""

    may_interrupt = False
    """Whether this process is there for judging alone, and a rule may be interrupted in it."""

    def begins(self, doing: str, rule: Rule | None = None) -> None:
        """Something begins: a rule judges, or an analysis is made."""

    def found(self, diagnostics: list[Diagnostic]) -> None:
        """A rule judged, and this is what it found."""

    def check_unharmed(self) -> None:
        """A rule judged: whether this process still has what it needs."""

    def begins_anew(self) -> None:
        """The model is judged from the start, as after it was fixed."""


def lint(
    path: str | Path,
    *,
    config: Path | None = None,
    trust_config: bool = False,
    select: Iterable[str] = (),
    ignore: Iterable[str] = (),
    stage: Stage | None = None,
    rules: Iterable[Path] = (),
    settings: Settings | None = None,
) -> ModelReport:
    """Lints one model as the command does; a file that cannot be read is told in the report.

    Args:
        path: the model, or `-` for standard input.
        config: a configuration file; without it the nearest one holds.
        trust_config: whether one that lies with the model, and not at or above the working
            directory, may do more than declare what the model is.
        select: codes, prefixes or names of the rules to run.
        ignore: those not to run.
        stage: how far training is; without it the configuration's, else `trained`.
        rules: files and folders with rules of one's own.
        settings: data, samples, seed, limits and targets; without it the configuration's.

    Raises:
        ConfigError: the configuration or a selector cannot be used.
        PackError: a rule pack does not load.
    """
    loaded = load_for(str(path), config, trusts_all=trust_config)
    chosen = plan(
        loaded, loaded.registry(rules), str(path), select=select, ignore=ignore, stage=stage
    )
    return lint_model(str(path), chosen, settings or settings_of(loaded))


def settings_of(loaded: Loaded, **given: Any) -> Settings:
    """The settings that a configuration file makes; what is given and not None wins over it."""
    config: Config = loaded.config
    settings = Settings(
        data=loaded.path(config.data) if config.data else None,
        reference=loaded.path(config.reference) if config.reference else None,
        labels=LabelSource.of(loaded.path(config.labels)) if config.labels else None,
        baseline=config.baseline,
        seed=config.seed,
        time_limit=config.time_limit,
        memory_limit=parse_bytes(config.memory_limit) if config.memory_limit else None,
        full_trace=config.trace == "full",
    )
    told = {name: value for name, value in given.items() if value is not None}
    settings = replace(settings, **told)
    if "samples" in told:
        return settings
    default = DEFAULT_SAMPLES if settings.labels is None else LABELLED_SAMPLES
    return replace(settings, samples=config.samples or default)


def lint_model(
    path: str, chosen: Plan, settings: Settings, *, static_only: bool = False,
    watcher: Watcher | None = None, workers: Workers | None = None, spool: Path | None = None,
) -> ModelReport:  # fmt: skip
    """Runs a plan's rules on one model; `workers` serves many models, and stays open.

    `spool` holds standard input, if that is the model and was read already.
    """
    start = time.perf_counter()
    try:
        with (
            Bench(chosen, settings, static_only, watcher, workers) as bench,
            bench.opened(path, spool) as model,
            bench.judged(model) as judgement,
        ):
            report = judgement.report(model.path, model.sha256)
    except ModelError as error:
        report = ModelReport(path, error=f"{error.problem}; {error.remedy}")
    return replace(
        report,
        seconds=time.perf_counter() - start,
        fail_on=chosen.fail_on,
        configuration=chosen.configuration,
    )


def needs_runtime(rule: Rule) -> bool:
    """Whether a rule asks for an analysis that runs the model."""
    from onnxlint.analyses.execution.worker import Worker

    return any(Worker in closure(kind) for kind in rule.requests.values())


def _effort(rule: Rule) -> tuple[bool, int]:
    """Sort key: static rules first, while the worker starts, then what asks for least.

    Whether the model runs at all is so told before what hangs on it.
    """
    asked = frozenset().union(*(closure(kind) for kind in rule.requests.values()))
    return needs_runtime(rule), len(asked)


class Bench:
    """What stays the same while one model is judged, and judged again after it was mended."""

    def __init__(
        self, chosen: Plan, settings: Settings, static_only: bool = False,
        watcher: Watcher | None = None, workers: Workers | None = None,
    ) -> None:  # fmt: skip
        self._plan = chosen
        targets = chosen.targets or settings.targets
        inputs = chosen.inputs or settings.inputs
        outputs = chosen.outputs or settings.outputs
        self._settings = replace(
            settings, stage=chosen.stage, targets=targets, inputs=inputs, outputs=outputs
        )
        self._rules = [rule for rule in chosen.rules if not (static_only and needs_runtime(rule))]
        scored = settings.labels is not None and not static_only
        self._runs = scored or any(map(needs_runtime, self._rules))
        self._watcher = watcher or Watcher()
        self._workers = workers
        self._stack = ExitStack()
        self.budget = Budget.build(self._settings)

    def __enter__(self) -> Bench:
        if self._runs:
            self.worker()  # it starts while the model is read
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def worker(self) -> Worker:
        """The process that runs the model, started."""
        from onnxlint.analyses.execution.worker import Workers

        if self._workers is None:
            self._workers = self._stack.enter_context(closing(Workers()))
        worker = self._workers.with_limits(self._settings.time_limit, self._settings.memory_limit)
        worker.serve(self.budget)
        return worker

    @contextmanager
    def opened(self, path: str, spool: Path | None = None) -> Iterator[Model]:
        """The model at a path, open meanwhile; `spool` is standard input in a file.

        Raises:
            ModelError: there is no readable model.
        """
        from onnxlint.model.file.load import open_model, open_spooled

        self._watcher.begins("reading the model")
        with (
            open_model(path, self.budget)
            if spool is None
            else open_spooled(spool, self.budget) as model
        ):
            yield model

    @contextmanager
    def judged(self, model: Model) -> Iterator[Judgement]:
        """What the plan's rules say of a model; its analyses end with the context."""
        with closing(Analyses(self._settings, model)) as analyses:
            analyses.give(self.budget)
            if self._runs:
                analyses.give(self.worker())
            judgement = Judgement(self._plan, analyses, self._watcher)
            self._watcher.begins_anew()
            self._watcher.begins("shape inference")
            analyses.start(kind for rule in self._rules for kind in rule.requests.values())
            for rule in sorted(self._rules, key=_effort):
                judgement.run(rule)
            yield judgement


class Judgement:
    """What the rules said about one model; `fixes` holds what would mend which findings."""

    def __init__(self, chosen: Plan, analyses: Analyses, watcher: Watcher) -> None:
        self.fixes: list[tuple[Diagnostic, Fix]] = []
        self.analyses = analyses
        self._plan = chosen
        self._watcher = watcher
        self._findings: list[Diagnostic] = []
        self._not_applicable: dict[str, str] = {}
        self._crashed: list[str] = []
        self._too_late: list[str] = []
        self._problem: str | None = None
        self._misfit: MisfitError | None = None
        self._run = 0

    def run(self, rule: Rule) -> None:
        """Runs one rule; what it raises becomes a finding of ours, and the others still run."""
        budget = self.analyses.get(Budget)
        if budget.is_overdrawn:
            self._too_late.append(rule.code)
            return
        try:
            self._check_applicable(rule)
            self._watcher.begins(f"analyses for {rule.name}")
            wanted: dict[str, Any] = {
                name: self.analyses.get(kind) for name, kind in rule.requests.items()
            }
            self._judge(rule, wanted)
            self._run += 1
        except NotApplicable as reason:
            self._not_applicable[rule.code] = str(reason)
        except MisfitError as error:
            self._misfit = error
            self._not_applicable[rule.code] = "the data does not fit the model's inputs"
        except DataError as error:
            self._problem = str(error)
        except BaseException as error:  # sys.exit, too: no rule decides how the command ends
            if self._is_not_of_a_rule(error):
                raise
            self._crash(rule, error)

    def _is_not_of_a_rule(self, error: BaseException) -> bool:
        """Whether it is the user's, or the system's: it ends more than a rule."""
        if isinstance(error, KeyboardInterrupt):
            return not self._watcher.may_interrupt
        too_few_files = isinstance(error, OSError) and error.errno in (errno.EMFILE, errno.ENFILE)
        return isinstance(error, Terminated) or too_few_files

    def _judge(self, rule: Rule, wanted: dict[str, Any]) -> None:
        """Takes in what a rule yields, all of it or, if it crashes, none."""
        settings = self.analyses.get(Settings)
        seconds = max(LEAST_RULE_SECONDS, settings.time_limit * RULE_SHARE)
        self._watcher.begins(rule.name, rule)
        with (
            _at_home(),
            redirect_stdout(sys.stderr),
            Alarm.after(seconds if self._watcher.may_interrupt else None),
        ):
            found = [*folded(rule(**wanted, **self._plan.options.get(rule.code, {})) or ())]
            severity = self._plan.severity_of(rule)
            synthetic = needs_runtime(rule) and self._ran_on_synthetic()
            judged = [
                diagnostic(rule, each, severity=severity, synthetic=synthetic) for each in found
            ]
        self._watcher.check_unharmed()
        self._findings += judged
        self.fixes += [
            (told, each.fix) for told, each in zip(judged, found, strict=True) if each.fix
        ]
        self._watcher.found(judged)

    def _crash(self, rule: Rule, error: BaseException) -> None:
        self._watcher.check_unharmed()
        if isinstance(error, RuleTimeout) and self.analyses.get(Budget).is_spent:
            self._too_late.append(rule.code)  # it is the model that took too long
            return
        self._crashed.append(rule.code)
        told = crash(rule, error, self.analyses.get(Budget))
        self._findings.append(told)
        self._watcher.found([told])

    def _check_applicable(self, rule: Rule) -> None:
        from onnxlint.model.graph.graph import Graph

        if self._plan.stage not in rule.stages:
            wanted = " or ".join(sorted(rule.stages))
            raise NotApplicable(f"it judges stage {wanted}, and this is {self._plan.stage}")
        if rule.ops and rule.ops.isdisjoint(self.analyses.get(Graph).ops):
            raise NotApplicable(f"the model has no {', '.join(sorted(rule.ops))}")

    def _untold_misfit(self) -> str | None:
        """Why nothing was run, unless findings say so."""
        told = {finding.message for finding in self._findings}
        misfits = self._misfit.misfits if self._misfit is not None else []
        return None if {each.problem for each in misfits} <= told else str(self._misfit)

    def _ran_on_synthetic(self) -> bool:
        from onnxlint.analyses.execution.execution import Execution

        execution = self.analyses.have(Execution)
        fed = execution is not None and execution.session_failure is None
        return execution is not None and fed and execution.synthetic

    def report(self, path: str, sha256: str) -> ModelReport:
        """Everything in its stable order."""
        from onnxlint.analyses.execution.execution import Execution

        metrics = self._metrics()
        self._findings += self._losses()
        execution = self.analyses.have(Execution)
        ran = execution is not None and execution.ran
        return ModelReport(
            path=path,
            sha256=sha256,
            error=self._problem or self._untold_misfit(),
            findings=tuple(sorted(self._findings, key=Diagnostic.order)),
            rules_run=self._run,
            not_applicable=self._not_applicable,
            crashed=tuple(self._crashed),
            not_run=tuple(self._too_late),
            samples=execution.samples if execution is not None and ran else None,
            data=execution.inputs.description if execution is not None and ran else None,
            not_executed=self._not_executed(),
            trace=self._trace(),
            metrics=metrics,
        )

    def _not_executed(self) -> str | None:
        """Why nothing ran, where something was to run."""
        from onnxlint.analyses.execution.execution import Execution

        execution = self.analyses.have(Execution)
        if execution is not None:
            return execution.failure
        problem = self.analyses.failure(Execution)
        return None if problem is None else str(problem)

    def _losses(self) -> Iterator[Diagnostic]:
        """What could not be judged, so that silence about it is no praise."""
        from onnxlint.analyses.static.shapes import Shapes
        from onnxlint.analyses.trace.witnesses import Witnesses

        budget = self.analyses.get(Budget)
        shapes = self.analyses.have(Shapes)
        if shapes is not None and shapes.loss is not None:
            yield incomplete(f"{shapes.loss}; rules saw fewer shapes", lost="shape inference")
        if self._too_late:
            yield incomplete(
                f"judging took longer than the {budget.allowed_time} allowed; "
                f"{len(self._too_late)} rules were not run (--time-limit allows more)",
                lost="rules",
                severity=Severity.ERROR,
                rules=self._too_late,
            )
        yield from self._runs_left_out()
        witnesses = self.analyses.have(Witnesses)
        for problem in witnesses.problems if witnesses is not None else ():
            yield incomplete(problem, lost="witness", severity=Severity.ERROR)

    def _runs_left_out(self) -> Iterator[Diagnostic]:
        """What was not run: at the user's limits, and because it costs too much."""
        from onnxlint.analyses.execution.worker import Worker

        worker = self.analyses.have(Worker)
        told = {finding.message for finding in self._findings}
        for message in dict.fromkeys(worker.cut_short if worker is not None else ()):
            if message not in told:
                yield incomplete(f"{message}; what it was run for is not judged", lost="runs")
        yield from self._too_expensive()

    def _too_expensive(self) -> Iterator[Diagnostic]:
        """What was not run because a run of the model costs much."""
        from onnxlint.analyses.execution.execution import Execution
        from onnxlint.analyses.execution.run_budget import Work

        work, execution = self.analyses.have(Work), self.analyses.have(Execution)
        asked = [str(question) for question in work.left_out] if work is not None else []
        told = [f"it was not run for: {', '.join(asked)}"] if asked else []
        if execution is not None and execution.runs_left_out:
            runs = len(execution.runs)
            usual = runs + execution.runs_left_out
            told.insert(0, f"{runs} instead of {usual} runs on synthetic samples were made")
        if told:
            size = self.analyses.get(Work).sample
            yield incomplete(
                f"a run of this model takes about {size:.0e} operations, so {', and '.join(told)} "
                "(--trace full runs all)",
                lost="runs",
                severity=Severity.INFO,
                questions=asked,
            )
        yield from self._unwatched()

    def _unwatched(self) -> Iterator[Diagnostic]:
        """Subgraphs and functions that were not looked into."""
        from onnxlint.analyses.execution.body_values import Within

        within = self.analyses.have(Within)
        unseen = within.unseen if within is not None else []
        reasons = {str(body.owner.place): reason for body, reason in unseen}
        for place, reason in list(reasons.items())[:1]:
            count = f" ({len(reasons):,} nodes)" if len(reasons) > 1 else ""
            yield incomplete(
                f"values inside {place} are not watched: {reason}{count}",
                lost="runs",
                severity=Severity.INFO,
                places=[*reasons][:SHOWN_PLACES],
            )

    def _metrics(self) -> Metrics | None:
        """How the model meets the labels, whatever rules were selected."""
        from onnxlint.analyses.execution.worker import Worker
        from onnxlint.analyses.predictions.baselines import Baselines
        from onnxlint.analyses.predictions.scores import Scores

        settings = self.analyses.get(Settings)
        if settings.labels is None or self.analyses.have(Worker) is None:
            return None
        scores = self._had(Scores)
        if scores is None:
            return None
        baselines = self._had(Baselines) if settings.baseline else None
        return scores.metrics(None if baselines is None else baselines.figures)

    def _had(self, kind: type[T]) -> T | None:
        """An analysis; None where it cannot be had, and the report says so if that is a problem."""
        try:
            return self.analyses.get(kind)
        except NotApplicable:
            return None
        except MisfitError as error:
            self._misfit = error
        except DataError as error:
            self._problem = str(error)
        return None

    def _trace(self) -> tuple[TraceRow, ...] | None:
        from onnxlint.analyses.trace.trace import Trace

        trace = self.analyses.have(Trace)
        if trace is None or not self.analyses.get(Settings).full_trace:
            return None
        return tuple(trace.rows())


@contextmanager
def _at_home() -> Iterator[None]:
    """Comes back to the working directory, whatever a rule made of it.

    Raises:
        RuleError: the rule changed it.
    """
    home = _working_directory()
    try:
        yield
    finally:
        strayed = home is not None and _working_directory() != home
        if home is not None and strayed:
            os.chdir(home)
    if strayed:
        raise RuleError("changed the working directory")


def _working_directory() -> str | None:
    try:
        return os.getcwd()  # noqa: PTH109 - of every rule, and several times as fast
    except OSError:
        return None
