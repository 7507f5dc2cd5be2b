"""Fixes a model by the fixes that its findings carry, and proves that nothing else changed.

Round after round: judge, make the fixes in a copy, run the copy on the inputs of the original,
keep the fixes whose outputs are equal. One fix makes another possible; where none is left, the
model is written.
"""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from onnxlint.findings import Diagnostic
from onnxlint.fix import Fix
from onnxlint.job import Job
from onnxlint.model.file.errors import DataError, ModelError
from onnxlint.model.graph.place import NotApplicable
from onnxlint.report import FixReport, ModelReport
from onnxlint.rule_runner import RuleRunner
from onnxlint.safety.printable import printable
from onnxlint.session import JudgingSession
from onnxlint.watcher import Watcher

if TYPE_CHECKING:
    from onnxlint.analyses.comparison.fix_verification import Agreement
    from onnxlint.analyses.execution.worker import Workers
    from onnxlint.model.file.load import Model
    from onnxlint.model.graph.graph import Graph
    from onnxlint.model.preflight import Preflight

MOST_GUILTY = 3
"""Fixes of one rule that may change outputs, before the others of that rule are not tried."""

MAX_ROUNDS = 10
"""A chain of fixes that make each other possible is seldom longer than three."""


class FixRequest(Struct, frozen=True):
    """How to fix: into which file, or only as a diff, and whether without proof.

    `target` None fixes the model's own file. `unverified` makes fixes also where the model cannot
    be run, or gives another result each time; what a run disproves is never written.
    """

    target: Path | None = None
    diff: bool = False
    unverified: bool = False


def fix_model(
    job: Job, request: FixRequest, *,
    watcher: Watcher | None = None, workers: Workers | None = None,
) -> ModelReport:  # fmt: skip
    """Fixes one model; the report says what was fixed, what was not, and what remains."""
    start = time.perf_counter()
    report = unfixed = None
    try:
        with (
            JudgingSession(job, watcher, workers) as session,
            ExitStack() as later,
            session.opened() as model,
        ):
            repair = _Repair(session, model, request, may_run=not job.static_only)
            report, unfixed = repair.run(), repair.unfixed
            target = _write(repair, request, later) if report.error is None else None
        report = _with_target(report, target)
    except (ModelError, OSError) as error:
        report = _failed(job.path, unfixed, error)
    except DataError as error:
        report = ModelReport(job.path, error=str(error))
    return job.completed(report, seconds=time.perf_counter() - start)


def _failed(path: str, unfixed: ModelReport | None, error: ModelError | OSError) -> ModelReport:
    """The report where the model could not be read, or (with its report) not be written."""
    reason = f"{error.problem}; {error.remedy}" if isinstance(error, ModelError) else str(error)
    if unfixed is None:
        return ModelReport(path, error=reason)
    return replace(unfixed, mending=FixReport(problem=reason))


class _Task(Struct):
    """One fix, and the findings that it removes."""

    fix: Fix
    findings: list[Diagnostic]

    @property
    def code(self) -> str:
        """The rule's."""
        return self.findings[0].code


class _Repair:
    """One model on its way from what was found to what is fixed."""

    def __init__(
        self, session: JudgingSession, model: Model, request: FixRequest, *, may_run: bool
    ) -> None:
        self.original = self.model = model
        self._session, self._request, self._may_run = session, request, may_run
        self._agreement: Agreement | None = None
        self._fixed: list[Diagnostic] = []
        self._refused: dict[str, tuple[Diagnostic, str]] = {}
        self._unverified: str | None = None
        self.unfixed: ModelReport | None = None
        self.preflight: Preflight | None = None
        """Of the model as it is to be written, where that is into another file."""

    def run(self) -> ModelReport:
        """Round after round, until nothing is left to fix."""
        from onnxlint.model.preflight import Preflight

        for rounds in range(MAX_ROUNDS + 1):
            with self._session.judged(self.model) as runner:
                report = runner.report(self.model.path, self.original.sha256)
                self.unfixed = self.unfixed or report
                if self._request.target is not None:
                    self.preflight = runner.analyses.get(Preflight)
                done = report.error is not None or rounds == MAX_ROUNDS
                if done or not self._round(runner):
                    break
        diff = diff_of(self.original, self.model) if self._request.diff else ""
        refused = tuple(self._refused.values())
        fix_report = FixReport(tuple(self._fixed), refused, unverified=self._unverified, diff=diff)
        return replace(report, mending=fix_report)

    def _round(self, runner: RuleRunner) -> bool:
        """Makes what can be accepted of the fixes of one round; whether the model changed."""
        from onnxlint.model.graph.graph import Graph

        tasks = self._tasks(runner)
        if not tasks:
            return False
        graph = runner.analyses.get(Graph)
        obstacle = self._obstacle(runner, graph)
        if obstacle is not None:
            for task in tasks:
                self._refuse(task, obstacle)
            return False
        accepted: list[_Task] = []
        for exact in (True, False):
            alike = [task for task in tasks if task.fix.exact is exact]
            accepted = self._settled(graph, accepted, self._compatible(graph, accepted, alike))
        if not accepted:
            return False
        self.model = self._with_fixes(graph, accepted)
        self._fixed += [finding for task in accepted for finding in task.findings]
        if self._agreement is not None:
            self._agreement.accept()
        return True

    def _tasks(self, runner: RuleRunner) -> list[_Task]:
        tasks: dict[int, _Task] = {}
        for finding, fix in runner.fixes:
            if finding.fingerprint not in self._refused:
                tasks.setdefault(id(fix), _Task(fix, [])).findings.append(finding)
        return list(tasks.values())

    def _obstacle(self, runner: RuleRunner, graph: Graph) -> str | None:
        """Why no fix can be made; where only the proof is impossible, and unwanted, None."""
        from onnxlint.model.preflight import Preflight

        refusal = runner.analyses.get(Preflight).refusal
        if refusal is not None:
            return f"the file is not safe to work on: {refusal}"
        if self._agreement is None and self._unverified is None:
            self._unverified = self._compare(runner, graph)
        if self._unverified is not None and not self._request.unverified:
            return f"cannot be verified: {self._unverified}"
        return None

    def _compare(self, runner: RuleRunner, graph: Graph) -> str | None:
        """Runs the original; why there is nothing to compare with, if so."""
        if not self._may_run:
            return "the model is not run (--static-only)"
        from onnxlint.analyses.comparison.fix_verification import Agreement
        from onnxlint.analyses.execution.execution import Execution
        from onnxlint.analyses.inputs.inputs import Inputs

        try:
            inputs = runner.analyses.get(Inputs)
        except NotApplicable as reason:
            return str(reason)
        execution = runner.analyses.have(Execution)
        agreement = Agreement(graph, inputs, execution, self._session.worker())
        if agreement.obstacle is None:
            self._agreement = agreement
        return agreement.obstacle

    def _compatible(self, graph: Graph, accepted: list[_Task], tasks: list[_Task]) -> list[_Task]:
        """The tasks that can be done together; those in each other's way wait a round."""
        from onnxlint.model.edit.draft import Draft, FixConflictError, FixError

        while True:
            draft, fit = Draft(graph), []
            for task in accepted:
                with draft.step():
                    task.fix.apply(draft)
            for task in tasks:
                try:
                    with draft.step():
                        task.fix.apply(draft)
                    fit.append(task)
                except FixConflictError:
                    continue
                except FixError as error:
                    self._refuse(task, str(error))
                except Exception as error:  # a team's fix may raise anything
                    self._refuse(task, f"the fix crashed: {type(error).__name__}: {error}")
            if len(fit) == len(tasks):
                return fit
            tasks = fit  # what failed may have left traces in the draft

    def _settled(self, graph: Graph, accepted: list[_Task], doubtful: list[_Task]) -> list[_Task]:
        """`accepted`, and those of the doubtful that change no output.

        One after the other of those that do is found by halving: it costs the logarithm of their
        number. Where several are of one rule, all others of that rule are refused.
        """
        guilty: Counter[str] = Counter()
        while doubtful:
            difference = self._difference(graph, [*accepted, *doubtful])
            if difference is None:
                return [*accepted, *doubtful]
            number, difference = self._first_guilty(graph, accepted, doubtful, difference)
            task = doubtful[number]
            self._refuse(task, f"verification failed: {difference}")
            guilty[task.code] += 1
            accepted, doubtful = [*accepted, *doubtful[:number]], doubtful[number + 1 :]
            if guilty[task.code] >= MOST_GUILTY:
                doubtful = self._without(doubtful, task.code)
        return accepted

    def _first_guilty(
        self, graph: Graph, accepted: list[_Task], doubtful: list[_Task], difference: str
    ) -> tuple[int, str]:
        """The first that changes an output after those before it, if all together do."""
        harmless, harmful = 0, len(doubtful)
        while harmful - harmless > 1:
            middle = (harmless + harmful) // 2
            at_middle = self._difference(graph, [*accepted, *doubtful[:middle]])
            if at_middle is None:
                harmless = middle
            else:
                harmful, difference = middle, at_middle
        return harmless, difference

    def _without(self, tasks: list[_Task], code: str) -> list[_Task]:
        for task in tasks:
            if task.code == code:
                self._refuse(task, f"not tried: {MOST_GUILTY} fixes of {code} changed outputs")
        return [task for task in tasks if task.code != code]

    def _difference(self, graph: Graph, tasks: list[_Task]) -> str | None:
        from onnxlint.model.graph.graph import Graph as Reread

        if self._agreement is None:
            return None
        fixed = Reread(self._with_fixes(graph, tasks))
        return self._agreement.difference(fixed, exact=all(task.fix.exact for task in tasks))

    def _with_fixes(self, graph: Graph, tasks: list[_Task]) -> Model:
        from onnxlint.model.edit.draft import Draft

        draft = Draft(graph)
        for task in tasks:
            with draft.step():
                task.fix.apply(draft)
        return draft.finish()

    def _refuse(self, task: _Task, reason: str) -> None:
        for finding in task.findings:
            self._refused[finding.fingerprint] = (finding, reason)


def _write(repair: _Repair, request: FixRequest, later: ExitStack) -> Path | None:
    """Writes the model; `later` puts it in place, when nothing maps the original any more.

    With a target the model is written even where nothing was fixed: what reads the target next
    must not find an older one.
    """
    from onnxlint.model.edit.save import check_target, data_beside, write, write_copy
    from onnxlint.safety.writing import replacing

    original, model = repair.original, repair.model
    changed = model is not original
    if request.diff or (request.target is None and not changed):
        return None
    target = request.target or Path(original.path)
    check_target(model, target, in_place=request.target is None)
    if repair.preflight is not None:
        later.enter_context(data_beside(model, repair.preflight, target))
    file = later.enter_context(replacing(target, Path(original.path)))
    if changed or not write_copy(original, file, target.suffix):
        write(model, file, target.suffix)
    return target


def _with_target(report: ModelReport, target: Path | None) -> ModelReport:
    if target is None or report.mending is None:
        return report
    with target.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return replace(report, sha256=digest, mending=replace(report.mending, written=str(target)))


def diff_of(before: Model, after: Model) -> str:
    """What fixing changed, as a unified diff of two listings; empty where it is nothing."""
    from onnxlint.model.edit.text_diff import unified
    from onnxlint.model.edit.text_listing import listing

    if before is after:
        return ""
    name = printable(before.path)
    names = (name, f"{name} (fixed)")
    lines = unified(listing(before.proto), listing(after.proto), names)
    return "".join(f"{line}\n" for line in lines)
