"""Runs rules over one model's analyses, and gathers what they find into its report."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, redirect_stdout
from itertools import chain
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from onnxlint.acceptance import Entry, known
from onnxlint.analyses import Analyses, Foreseeing, in_order, is_timed, runs_model
from onnxlint.asking import needs_of, needs_worker
from onnxlint.contributions import Contributions, Loss
from onnxlint.findings import Diagnostic, counted, folded
from onnxlint.fix import Fix
from onnxlint.job import Job
from onnxlint.model.file.errors import DataError, MisfitError, ModelError
from onnxlint.model.graph.place import NotApplicable
from onnxlint.report import Gone, ModelReport, Suppressed
from onnxlint.rules.diagnosis import crash, defective, diagnostic, incomplete
from onnxlint.rules.rule import Rule, RuleError
from onnxlint.safety.limits import Alarm, Budget, RuleTimeout
from onnxlint.safety.unfinished import Terminated
from onnxlint.severity import Severity
from onnxlint.suppression import suppressed
from onnxlint.watcher import Watcher

if TYPE_CHECKING:
    from onnxlint.runtime.worker.client import Worker

RULE_SHARE = 0.25
"""Of the time limit, what one rule may take before it counts as hanging; the median rule takes a
millisecond. Analyses that it asks for, and processes that it waits for, do not count."""


LEAST_RULE_SECONDS = 1.0
"""So long every rule may take, however little the model may."""


class RuleRunner:
    """What the rules said about one model; `fixes` holds what would fix which findings.

    `worker` is the process that runs the model; None where nothing does.
    """

    def __init__(
        self, job: Job, analyses: Analyses, watcher: Watcher, worker: Worker | None
    ) -> None:
        self.fixes: list[tuple[Diagnostic, Fix]] = []
        self.analyses = analyses
        self._job = job
        self._watcher = watcher
        self._worker = worker
        self._findings: list[Diagnostic] = []
        self._not_applicable: dict[str, str] = {}
        self._crashed: list[str] = []
        self._too_late: list[str] = []
        self._problem: str | None = None
        self._misfit: MisfitError | None = None
        self._ran: list[str] = []
        self._is_timed = False
        self._doing: tuple[str, Rule | None] | None = None

    def run(self, rule: Rule) -> None:
        """Runs one rule; what it raises becomes a finding of ours, and the others still run.

        It may be run while another one waits for the worker.
        """
        before = self._doing
        try:
            self._run(rule)
        finally:
            self._doing = before
        if before is not None:
            self._watcher.begins(*before)

    def let_go(self) -> None:
        """Between two rules nobody reads weights."""
        from onnxlint.model.file.load import Model

        self.analyses.get(Model).files.let_go()

    def put_in_order(self, rules: Sequence[Rule]) -> None:
        """Orders what was taken in by these rules, whichever of them ran while others waited."""
        places = {rule.code: place for place, rule in enumerate(rules)}

        def by_rule(code: str) -> int:
            return places.get(code, len(places))

        self._findings.sort(key=lambda finding: by_rule(finding.code))
        self.fixes.sort(key=lambda judged: by_rule(judged[0].code))
        self._crashed.sort(key=by_rule)
        self._too_late.sort(key=by_rule)
        reasons = self._not_applicable
        self._not_applicable = {code: reasons[code] for code in sorted(reasons, key=by_rule)}

    def is_applicable(self, rule: Rule) -> bool:
        """Whether nothing is known yet that keeps a rule from running."""
        try:
            self._check_applicable(rule)
        except NotApplicable:
            return False
        return True

    def preparing(self, rule: Rule) -> Iterator[None]:
        """Does what a rule will need, step by step, while others wait; nothing of it is told.

        Whatever it raises is met again by `run`.
        """
        if rule.code in self._ran or rule.code in self._not_applicable:
            return
        steps = self._preparing(rule)
        while self._prepares(rule, steps):
            yield

    def _prepares(self, rule: Rule, steps: Iterator[bool]) -> bool:
        before = self._doing
        self._watcher.begins(f"analyses for {rule.name}", rule)
        is_more = False
        try:
            with self._alarm():
                is_more = next(steps, False)
        except BaseException as error:
            if self._is_not_of_a_rule(error):
                raise
        if before is not None:
            self._watcher.begins(*before)
        return is_more

    def _preparing(self, rule: Rule) -> Iterator[bool]:
        self._check_applicable(rule)
        asked = chain.from_iterable(map(in_order, (*rule.requests.values(), *rule.wishes.values())))
        for kind in dict.fromkeys(asked):
            if issubclass(kind, Foreseeing) and not runs_model(kind):
                for _ in self.analyses.get(kind).foresee():
                    yield True

    def _begin(self, doing: str, rule: Rule | None = None) -> None:
        self._doing = doing, rule
        self._watcher.begins(doing, rule)

    def _run(self, rule: Rule) -> None:
        if self.analyses.get(Budget).is_overdrawn:
            self._too_late.append(rule.code)
            return
        try:
            self._check_applicable(rule)
            self._begin(f"analyses for {rule.name}")
            arguments: dict[str, Any] = {
                name: self.analyses.get(kind) for name, kind in rule.requests.items()
            }
            arguments |= {name: self._wished(kind) for name, kind in rule.wishes.items()}
            self._call(rule, arguments)
            self._ran.append(rule.code)
            had = [kind for name, kind in rule.wishes.items() if arguments[name] is not None]
            self._is_timed |= any(map(is_timed, (*rule.requests.values(), *had)))
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

    def _wished(self, kind: type) -> Any:
        """An analysis, or None where it cannot be had."""
        if self._worker is None and runs_model(kind):
            return None
        try:
            return self.analyses.get(kind)
        except (NotApplicable, DataError):  # the rules that need it say why
            return None

    def _is_not_of_a_rule(self, error: BaseException) -> bool:
        """Whether it is the user's, or the system's: it ends more than a rule."""
        if isinstance(error, KeyboardInterrupt):
            return not self._watcher.may_interrupt
        too_few_files = isinstance(error, OSError) and error.errno in (errno.EMFILE, errno.ENFILE)
        return isinstance(error, Terminated | ModelError) or too_few_files

    def _call(self, rule: Rule, arguments: dict[str, Any]) -> None:
        """Takes in what a rule yields, all of it or, if it crashes, none."""
        self._begin(rule.name, rule)
        with _at_home(), redirect_stdout(sys.stderr), self._alarm():
            options = self._job.options.get(rule.code, {})
            findings = [*folded(rule(**arguments, **options) or ())]
            severity = self._job.severity_of(rule)
            synthetic = needs_worker(rule) and self.analyses.ran_on_synthetic
            diagnostics = [
                self._placed(diagnostic(rule, each, severity=severity, synthetic=synthetic))
                for each in findings
            ]
        self._watcher.check_unharmed()
        self._findings += diagnostics
        self.fixes += [
            (judged, each.fix)
            for judged, each in zip(diagnostics, findings, strict=True)
            if each.fix
        ]
        self._watcher.found(diagnostics)

    def _alarm(self) -> AbstractContextManager[None]:
        """Interrupts a rule that takes too long."""
        seconds = max(LEAST_RULE_SECONDS, self._job.settings.time_limit * RULE_SHARE)
        return Alarm.after(seconds if self._watcher.may_interrupt else None)

    def _placed(self, finding: Diagnostic) -> Diagnostic:
        """A finding with the hash of what stands at its place."""
        from onnxlint.model.graph.surroundings import Surroundings

        known_by, place = self.analyses.get(Surroundings), finding.place
        return replace(finding, surroundings=known_by.at(place), fed_by=known_by.feeders(place))

    def _crash(self, rule: Rule, error: BaseException) -> None:
        self._watcher.check_unharmed()
        if isinstance(error, RuleTimeout) and self.analyses.get(Budget).is_spent:
            self._too_late.append(rule.code)  # it is the model that took too long
            return
        self._crashed.append(rule.code)
        finding = crash(rule, error, self.analyses.get(Budget))
        self._findings.append(finding)
        self._watcher.found([finding])

    def _check_applicable(self, rule: Rule) -> None:
        from onnxlint.model.graph.graph import Graph

        stage = self._job.settings.stage
        if stage not in rule.stages:
            stages = " or ".join(sorted(rule.stages))
            raise NotApplicable(f"applies to stage {stages} only (this model: {stage})")
        for setting, why_not in needs_of(rule).settings:
            if getattr(self._job.settings, setting) is None:
                raise NotApplicable(why_not)
        if rule.ops and rule.ops.isdisjoint(self.analyses.get(Graph).ops):
            raise NotApplicable(f"the model has no {', '.join(sorted(rule.ops))}")
        self.analyses.check_not_missing(needs_of(rule).requested)

    def report(self, path: str, sha256: str | None) -> ModelReport:
        """Everything in its stable order."""
        self._watcher.begins("the report")
        parts = self._contributions()
        losses = [*parts.losses, *self._rules_not_run(), *self._runs_ended()]
        told = [*map(_reported, losses)]
        findings, away, left = self._counted([each for each in told if each.is_note])
        findings += [each for each in told if not each.is_note]
        findings += (defective(each.message, each.place, each.evidence) for each in parts.defects)
        judged = {*self._ran, *self._not_applicable}
        return ModelReport(
            path=path,
            sha256=sha256,
            error=self._problem or self._untold_misfit(),
            findings=tuple(sorted(findings, key=Diagnostic.order)),
            ran=tuple(sorted(self._ran)),
            not_applicable=self._not_applicable,
            crashed=tuple(self._crashed),
            not_run=tuple(self._too_late),
            samples=parts.samples,
            data=parts.data,
            sample_files=parts.sample_files,
            not_executed=parts.not_executed,
            trace=parts.trace,
            metrics=parts.metrics,
            series=parts.series,
            shift=parts.shift,
            suppressed=tuple(sorted(away, key=lambda each: each.finding.order())),
            gone=tuple(
                Gone(e.code, e.name, e.where, e.fingerprint) for e in left if e.code in judged
            ),
            external=self._external(),
        )

    def _external(self) -> tuple[str, ...] | None:
        from onnxlint.model.preflight import Preflight

        if self._is_timed or (self._worker is not None and self._worker.cut_short):
            return None
        try:
            files = self.analyses.get(Preflight).externals
        except NotApplicable:
            return None
        return tuple(sorted({each.location for each in files}))

    def _counted(
        self, notes: list[Diagnostic]
    ) -> tuple[list[Diagnostic], list[Suppressed], list[Entry]]:
        """The findings that count, those that do not, and accepted ones that are not there."""
        findings, away = suppressed([*self._findings, *notes], self._job.suppressions)
        accepted = self._job.accepted
        entries = () if accepted is None else accepted.of(self._job.path)
        if accepted is None or not entries:
            return findings, away, []
        from onnxlint.model.graph.surroundings import Surroundings

        surroundings = self.analyses.get(Surroundings)
        mandatory = [each for each in findings if each.code in self._job.mandatory]
        others = [each for each in findings if each.code not in self._job.mandatory]
        new, known_ones, left = known(others, accepted, entries, surroundings)
        meant = [each.finding for each in away]  # what is suppressed, too, is not gone
        left = known(meant, accepted, left, surroundings)[2]
        return [*mandatory, *new], [*away, *known_ones], left

    def _contributions(self) -> Contributions:
        """What analyses say; where one cannot be had, the report says so if that is a problem."""
        from onnxlint.analyses.reported import reported

        for kind in reported(self.analyses, runs=self._worker is not None):
            try:
                self.analyses.get(kind)
            except NotApplicable:
                continue
            except MisfitError as error:
                self._misfit = error
            except DataError as error:
                self._problem = str(error)
        return self.analyses.contributions()

    def _untold_misfit(self) -> str | None:
        """Why nothing was run, unless findings say so."""
        messages = {finding.message for finding in self._findings}
        misfits = self._misfit.misfits if self._misfit is not None else []
        return None if {each.problem for each in misfits} <= messages else str(self._misfit)

    def _rules_not_run(self) -> Iterator[Loss]:
        if self._too_late:
            yield Loss(
                f"linting took longer than the {self.analyses.get(Budget).allowed_time} allowed: "
                f"{counted(len(self._too_late), 'rule')} not run",
                "rules",
                Severity.ERROR,
                {"rules": self._too_late},
                "raise --time-limit, or run fewer rules (--select)",
            )

    def _runs_ended(self) -> Iterator[Loss]:
        """What was not run to its end, as limits ended it, unless findings say so."""
        messages = {finding.message for finding in self._findings}
        ended = self._worker.cut_short if self._worker is not None else ()
        for message, option in {str(each): each.option for each in ended}.items():
            if message not in messages:
                told = f"{message}: findings that need this run are missing"
                yield Loss(told, "runs", hint=f"raise {option}")


def _reported(loss: Loss) -> Diagnostic:
    return incomplete(
        loss.message, lost=loss.lost, severity=loss.severity, hint=loss.hint, **loss.evidence
    )


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
