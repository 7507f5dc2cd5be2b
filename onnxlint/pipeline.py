"""The way from a model file to findings, in one direction."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from onnxlint.analyses import Analyses, closure
from onnxlint.config import Config, Loaded, Plan, find, load, parse_bytes, plan
from onnxlint.findings import Diagnostic, Finding, NotApplicable, Place, Severity, Stage
from onnxlint.model.errors import DataError, ModelError
from onnxlint.packs import discover
from onnxlint.reports import ModelReport
from onnxlint.rules import Rule
from onnxlint.settings import Settings

if TYPE_CHECKING:
    from onnxlint.analyses.worker import Workers

CRASHED = ("LNT001", "rule-crashed")
"""Code and name of the engine's own finding: a rule raised instead of judging."""

Progress = Callable[[str], None]


def lint(
    path: str | Path,
    *,
    config: Path | None = None,
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
        select: codes, prefixes or names of the rules to run.
        ignore: those not to run.
        stage: how far training is; without it the configuration's, else `trained`.
        rules: files and folders with rules of one's own.
        settings: data, samples, seed and limits; without it the configuration's.

    Raises:
        ConfigError: the configuration or a selector cannot be used.
        PackError: a rule pack does not load.
    """
    loaded = load(config or find(str(path)))
    registry = discover([*map(loaded.path, loaded.config.rule_paths), *rules],
                        loaded.config.require_packs)  # fmt: skip
    chosen = plan(loaded, registry, str(path), select=select, ignore=ignore, stage=stage)
    return lint_model(str(path), chosen, settings or settings_of(loaded))


def settings_of(loaded: Loaded) -> Settings:
    """The settings that a configuration file makes."""
    config: Config = loaded.config
    return Settings(
        data=loaded.path(config.data) if config.data else None,
        samples=config.samples,
        seed=config.seed,
        time_limit=config.time_limit,
        memory_limit=parse_bytes(config.memory_limit) if config.memory_limit else None,
    )


def lint_model(
    path: str, chosen: Plan, settings: Settings, *, static_only: bool = False,
    progress: Progress | None = None, workers: Workers | None = None,
) -> ModelReport:  # fmt: skip
    """Runs a plan's rules on one model; `workers` serves many models, and stays open."""
    start = time.perf_counter()
    settings = replace(settings, stage=chosen.stage, heads=chosen.heads)
    rules = [rule for rule in chosen.rules if not (static_only and needs_runtime(rule))]
    analyses = Analyses(settings)
    with ExitStack() as stack:
        stack.callback(analyses.close)
        if any(map(needs_runtime, rules)):
            workers = workers or stack.enter_context(closing(_new_workers()))
            analyses.give(workers.with_limits(settings.time_limit, settings.memory_limit))
        try:
            report = _lint(path, rules, chosen, analyses, progress)
        except ModelError as error:
            report = ModelReport(path, error=f"{error.problem}; {error.remedy}")
    return replace(report, seconds=time.perf_counter() - start, fail_on=chosen.fail_on)


def needs_runtime(rule: Rule) -> bool:
    """Whether a rule asks for an analysis that runs the model."""
    from onnxlint.analyses.worker import Worker

    return any(Worker in closure(kind) for kind in rule.requests.values())


def _lint(
    path: str, rules: list[Rule], chosen: Plan, analyses: Analyses, progress: Progress | None
) -> ModelReport:
    from onnxlint.model.load import open_model

    with open_model(path) as model:
        analyses.give(model)
        judged = _Judgement(chosen, analyses)
        for rule in sorted(rules, key=needs_runtime):  # the worker starts meanwhile
            if progress is not None:
                progress(rule.name)
            judged.run(rule)
        return judged.report(model.path, model.sha256)


def _new_workers() -> Workers:
    from onnxlint.analyses.worker import Workers

    return Workers()


class _Judgement:
    """What the rules said so far about one model."""

    def __init__(self, chosen: Plan, analyses: Analyses) -> None:
        self._plan = chosen
        self._analyses = analyses
        self._findings: list[Diagnostic] = []
        self._not_applicable: dict[str, str] = {}
        self._crashed: list[str] = []
        self._problem: str | None = None
        self._run = 0

    def run(self, rule: Rule) -> None:
        """Runs one rule; what it raises becomes a finding of ours, and the others still run."""
        try:
            self._check_applicable(rule)
            wanted: dict[str, Any] = {
                name: self._analyses.get(kind) for name, kind in rule.requests.items()
            }
            found = list(rule(**wanted, **self._plan.options.get(rule.code, {})) or ())
            self._findings += [self._diagnostic(rule, finding) for finding in found]
            self._run += 1
        except NotApplicable as reason:
            self._not_applicable[rule.code] = str(reason)
        except DataError as error:
            self._problem = str(error)
        except Exception as error:
            self._crashed.append(rule.code)
            self._findings.append(_crash(rule, error))

    def _check_applicable(self, rule: Rule) -> None:
        from onnxlint.model.graph import Graph

        if self._plan.stage not in rule.stages:
            wanted = " or ".join(sorted(rule.stages))
            raise NotApplicable(f"it judges stage {wanted}, and this is {self._plan.stage}")
        if rule.ops and rule.ops.isdisjoint(self._analyses.get(Graph).ops):
            raise NotApplicable(f"the model has no {', '.join(sorted(rule.ops))}")

    def _diagnostic(self, rule: Rule, finding: Finding) -> Diagnostic:
        severity = self._plan.severities.get(rule.code) or finding.severity or rule.severity
        return Diagnostic(
            code=rule.code,
            name=rule.name,
            severity=severity,
            message=finding.message,
            place=finding.subject.place,
            measured=finding.measured,
            limit=finding.limit,
            unit=finding.unit,
            evidence=dict(finding.evidence),
            synthetic=needs_runtime(rule) and self._ran_on_synthetic(),
        )

    def _ran_on_synthetic(self) -> bool:
        from onnxlint.analyses.execution import Execution

        execution = self._analyses.have(Execution)
        return execution is not None and execution.synthetic

    def report(self, path: str, sha256: str) -> ModelReport:
        """Everything in its stable order."""
        from onnxlint.analyses.execution import Execution

        execution = self._analyses.have(Execution)
        ran = execution is not None and execution.ran
        return ModelReport(
            path=path,
            sha256=sha256,
            error=self._problem,
            findings=tuple(sorted(self._findings, key=Diagnostic.order)),
            rules_run=self._run,
            not_applicable=self._not_applicable,
            crashed=tuple(self._crashed),
            samples=execution.samples if execution is not None and ran else None,
            data=execution.inputs.description if execution is not None and ran else None,
        )


def _crash(rule: Rule, error: Exception) -> Diagnostic:
    code, name = CRASHED
    what: dict[str, Any] = {"rule": rule.code, "exception": type(error).__name__}
    message = f"rule {rule.code} {rule.name!r} crashed: {type(error).__name__}: {error}"
    return Diagnostic(code, name, Severity.ERROR, message, Place(), evidence=what)
