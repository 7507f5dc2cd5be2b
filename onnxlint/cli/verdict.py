"""How a run ends: its exit code, and the reasons that are not findings."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from onnxlint.job import Job
from onnxlint.report import ModelReport, exit_code
from onnxlint.reporters.protocol import Outcome
from onnxlint.reporters.summary import counted
from onnxlint.rules.rule import Rule
from onnxlint.severity import Severity

NEEDS_RUN = "they run the model, which --static-only forbids"

NAMED_RULES = 5
"""Codes that a sentence names; the others are counted."""


def outcome_of(
    jobs: Sequence[Job | ModelReport],
    reports: Sequence[ModelReport],
    *,
    unmatched: str | None = None,
    most_warnings: int | None = None,
    exit_zero: bool = False,
    is_selected: bool = False,
    seconds: float | None = None,
) -> Outcome:
    """The end of a run; where nothing was checked it is an error, whatever was not found.

    Args:
        jobs: what was to be done.
        reports: what came of it.
        unmatched: why there is no model at all.
        most_warnings: warnings of all models from which on one more fails.
        exit_zero: whether findings leave the exit code 0.
        is_selected: whether the command line chooses the rules.
        seconds: how long it took.
    """
    able = [
        (job, report)
        for job, report in zip(jobs, reports, strict=True)
        if isinstance(job, Job) and report.error is None
    ]
    error = unmatched or _unchecked(able)
    failures = [*_too_many(reports, most_warnings)]
    code = 2 if error else exit_code(reports) or int(bool(failures))
    notes = [] if error else [*_notes(able, is_selected)]
    return Outcome(
        0 if exit_zero and code == 1 else code, error, tuple(failures), tuple(notes), seconds
    )


def _too_many(reports: Iterable[ModelReport], most: int | None) -> Iterator[str]:
    warnings = sum(report.count(Severity.WARNING) for report in reports)
    if most is not None and warnings > most:
        yield f"{counted(warnings, 'warning')} (limit {most:,}, --max-warnings)"


Able = Sequence[tuple[Job, ModelReport]]


def _unchecked(able: Able) -> str | None:
    """Why no rule looked at any model; None where one did, or where a report says why not."""
    if not able or any(_says_something(report) for _, report in able):
        return None
    reasons: dict[str, dict[str, None]] = {}
    for job, report in able:
        for rule in job.rules:
            reason = _obstacle(rule, job, report)
            if reason is None:
                return None
            reasons.setdefault(reason, {})[rule.code] = None
    if not reasons:
        remedy = "check --select, --ignore and the configuration"
        return f"no rule ran: every rule that was selected is ignored, too; {remedy}"
    told = (f"{_listed(codes)} ({reason})" for reason, codes in reasons.items())
    return f"no rule ran: {'; '.join(told)}"


def _says_something(report: ModelReport) -> bool:
    return bool(report.ran or report.findings or not report.complete)


def _obstacle(rule: Rule, job: Job, report: ModelReport) -> str | None:
    """Why a rule did not even look; None where it did, and was perhaps not applicable."""
    from onnxlint.asking import needs_worker

    if job.settings.stage not in rule.stages:
        stages = " or ".join(sorted(rule.stages))
        return f"for stage {stages} only; this is {job.settings.stage}, --stage sets it"
    if not needs_worker(rule):
        return None
    if job.static_only:
        return NEEDS_RUN
    if report.not_executed is not None:
        return f"the model was not executed: {report.not_executed}"
    return None


def _listed(codes: Iterable[str]) -> str:
    first = sorted(codes)
    named, rest = first[:NAMED_RULES], len(first) - NAMED_RULES
    return ", ".join(named) + (f" and {rest:,} more" if rest > 0 else "")


def _notes(able: Able, is_selected: bool) -> Iterator[str]:
    """What a green run may hide: rules that were asked for and not run."""
    if able and not any(_says_something(report) for _, report in able):
        yield "no rule had anything to judge: all were not applicable (--show-not-applicable)"
        return
    left_out = {code: None for job, report in able for code in sorted(job.mandatory)
                if code not in {*report.ran, *report.not_applicable, *report.crashed}}  # fmt: skip
    if left_out:
        yield f"mandatory by the policy, and not run: {_listed(left_out)}"
    if is_selected and any(job.static_only for job, _ in able):
        from onnxlint.asking import needs_worker

        idle = {rule.code: None for job, _ in able if job.static_only
                for rule in job.rules if needs_worker(rule)}  # fmt: skip
        if idle:
            yield f"not run: {_listed(idle)} ({NEEDS_RUN})"
