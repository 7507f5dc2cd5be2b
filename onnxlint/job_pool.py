"""Does many jobs, several at a time, each in a judge's process, whose worker serves them all."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import ExitStack, closing, nullcontext

from msgspec.structs import replace

from onnxlint.bundle import rest_bundle
from onnxlint.job import Job
from onnxlint.judge_ahead import taken_over
from onnxlint.judges import Case, Judges
from onnxlint.judging import Lint, judging, workers_for
from onnxlint.report import ModelReport
from onnxlint.report_cache import Looked, ReportCache
from onnxlint.runtime.worker.ahead import end_ahead
from onnxlint.safety.limits import Budget
from onnxlint.suppression import StaleSuppressions

Elsewhere = Callable[[Sequence[Job]], Generator[ModelReport]]
"""Judges jobs on other machines; the reports come in their order."""


def run_jobs(
    jobs: Sequence[Job | ModelReport], lint: Lint, parallel: int = 1,
    begins: Callable[[str], None] | None = None, cache: ReportCache | None = None,
    elsewhere: Elsewhere | None = None, *, stays: bool = True,
) -> Generator[ModelReport]:  # fmt: skip
    """A report for each job, in their order; where there is one already it stays.

    Each job is done in a judge, `parallel` at a time, or `elsewhere`; `begins` hears what they do.
    The model `-` is standard input, which is read once, into a file. What `cache` has is not done
    again. Who ends when the reports are there does not stay until all processes have.
    """
    with ExitStack() as stack:
        jobs = _with_standard_input(jobs, stack)
        known = [_known(job, cache) for job in jobs]
        able = [job for job, looked in zip(jobs, known, strict=True)
                if isinstance(job, Job) and looked.report is None]  # fmt: skip
        judged = elsewhere(able) if elsewhere else _judged(
            [_remembering(job, cache) for job in able], lint, parallel, begins, stays=stays
        )  # fmt: skip
        done = stack.enter_context(closing(judged))
        reports = (
            _kept(cache, looked, job, next(done)) if looked.report is None else looked.report
            for job, looked in zip(jobs, known, strict=True)
        )
        yield from with_stale(zip(jobs, reports, strict=True))
        if cache is not None:
            cache.trim()


def _remembering(job: Job, cache: ReportCache | None) -> Job:
    return job if cache is None else replace(job, remembers=cache.folder)


def _known(job: Job | ModelReport, cache: ReportCache | None) -> Looked:
    if isinstance(job, ModelReport):
        return Looked(report=job)
    return Looked() if cache is None else cache.look_up(job)


def _kept(
    cache: ReportCache | None, looked: Looked, job: Job | ModelReport, report: ModelReport
) -> ModelReport:
    if cache is not None and isinstance(job, Job):
        cache.keep(looked, job, report)
    return report


def with_stale(
    done: Iterable[tuple[Job | ModelReport, ModelReport]],
) -> Generator[ModelReport]:
    """The reports; the last one tells of suppressions that no model's findings met."""
    stale, held = StaleSuppressions(), None
    for job, report in done:
        if held is not None:
            yield held
        if isinstance(job, Job):
            stale.add(job.suppressions, report)
        held = report
    if held is not None:
        yield stale.told_in(held)


def _with_standard_input(
    jobs: Sequence[Job | ModelReport], stack: ExitStack
) -> list[Job | ModelReport]:
    from onnxlint.model.file.errors import ModelError
    from onnxlint.model.file.source import spooled

    def is_piped(job: Job | ModelReport) -> bool:
        return isinstance(job, Job) and job.path == "-"

    if not any(map(is_piped, jobs)):
        return [*jobs]
    try:
        source = stack.enter_context(spooled())
    except ModelError as error:
        unread = ModelReport("-", error=f"{error.problem}; {error.remedy}")
        return [unread if is_piped(job) else job for job in jobs]
    return [
        replace(job, source=source) if isinstance(job, Job) and job.path == "-" else job
        for job in jobs
    ]


def _judged(
    jobs: Sequence[Job], lint: Lint, parallel: int, begins: Callable[[str], None] | None,
    *, stays: bool,
) -> Generator[ModelReport]:  # fmt: skip
    if all(job.static_only for job in jobs):
        end_ahead()
    ready = taken_over(jobs, lint)
    is_alone = ready is not None and min(parallel, len(jobs)) == 1
    workers = None if is_alone else workers_for(jobs)  # which takes as long to load as a rule pack
    cases = [Case(job.path, Budget.build(job.settings), n) for n, job in enumerate(jobs)]
    rules = {rule for job in jobs for rule in job.rules}
    judge = judging(jobs, lint, workers)
    rest_bundle()
    with nullcontext() if workers is None else closing(workers):
        judges = Judges(judge, cases, rules, parallel, ready, stays=stays)
        yield from judges.reports(begins)
