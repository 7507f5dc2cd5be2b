"""Runs the jobs of a command: in judges of their own, with a bar on the terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from onnxlint.cli.colours import console, is_dumb
from onnxlint.report import ModelReport

if TYPE_CHECKING:
    from onnxlint.analyses.execution.worker import Workers
    from onnxlint.cli.planning import Job
    from onnxlint.fixing import Wish
    from onnxlint.pipeline import Watcher


def judged(
    jobs: Sequence[Job], *, static_only: bool, wish: Wish | None, parallel: int, quiet: bool,
    spool: Path | None,
) -> Iterator[ModelReport]:  # fmt: skip
    """A report for each job, in their order; `spool` is standard input in a file."""
    from onnxlint.analyses.execution.worker import Workers
    from onnxlint.judges import Case, Judges
    from onnxlint.safety.limits import Budget

    able = [job for job in jobs if job.plan is not None and job.settings is not None]
    rules = {rule for job in able if job.plan is not None for rule in job.plan.rules}
    cases = [Case(job.path, Budget.build(job.settings)) for job in able if job.settings]
    with _progress(len(jobs), quiet) as (step, begins), closing(Workers()) as workers:

        def judge(number: int, watcher: Watcher, without: Collection[str]) -> ModelReport:
            return _judged(able[number], static_only, wish, spool, workers, watcher, without)

        reports = Judges(judge, cases, rules, parallel).reports(begins) if cases else iter(())
        for job in jobs:
            if job.problem is not None:
                yield ModelReport(job.path, error=job.problem)
            else:
                yield next(reports)
            step()


def _judged(
    job: Job, static_only: bool, wish: Wish | None, spool: Path | None, workers: Workers,
    watcher: Watcher, without: Collection[str],
) -> ModelReport:  # fmt: skip
    """One job done, in the judge's process."""
    from onnxlint.pipeline import lint_model
    from onnxlint.safety.limits import Budget, limit_memory

    assert job.plan is not None
    assert job.settings is not None
    limit_memory(Budget.build(job.settings).memory)
    rules = tuple(rule for rule in job.plan.rules if rule.code not in without)
    plan = replace(job.plan, rules=rules)
    source = spool if job.path == "-" else None
    if wish is not None:
        from onnxlint.cli.fix import fix_one

        return fix_one(job.path, plan, job.settings, wish, static_only=static_only,
                       watcher=watcher, workers=workers, spool=source)  # fmt: skip
    return lint_model(job.path, plan, job.settings, static_only=static_only, watcher=watcher,
                      workers=workers, spool=source)  # fmt: skip


@contextmanager
def _progress(
    total: int, quiet: bool
) -> Iterator[tuple[Callable[[], None], Callable[[str], None] | None]]:
    """A bar on standard error, on a terminal alone."""
    if quiet or sys.stderr is None or not sys.stderr.isatty() or is_dumb():
        yield (lambda: None), None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    from onnxlint.safety.printable import printable

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=console(err=True), transient=True) as bar:
        task = bar.add_task("linting", total=total)
        yield (
            lambda: bar.advance(task),
            lambda name: bar.update(task, description=f"{printable(name):<28.28}"),
        )
