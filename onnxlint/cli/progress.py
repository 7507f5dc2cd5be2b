"""Draws a bar on the terminal while the jobs of a command are done."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from onnxlint.cli.colours import console, is_dumb

if TYPE_CHECKING:
    from onnxlint.job import Job
    from onnxlint.job_pool import Lint
    from onnxlint.report import ModelReport
    from onnxlint.report_cache import ReportCache


def judged(
    jobs: Sequence[Job | ModelReport], lint: Lint, *, parallel: int, quiet: bool,
    cache: ReportCache | None = None,
) -> Iterator[ModelReport]:  # fmt: skip
    """A report for each job, in their order."""
    from onnxlint.job_pool import run_jobs

    with _progress(len(jobs), quiet) as (step, begins):
        for report in run_jobs(jobs, lint, parallel, begins, cache):
            yield report
            step()


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
