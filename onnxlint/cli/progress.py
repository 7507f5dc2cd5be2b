"""Draws a bar on the terminal while the jobs of a command are done."""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from onnxlint.cli.colours import console, is_dumb
from onnxlint.safety.printable import printable

if TYPE_CHECKING:
    from rich.progress import Progress

    from onnxlint.job import Job
    from onnxlint.job_pool import Elsewhere
    from onnxlint.judging import Lint
    from onnxlint.report import ModelReport
    from onnxlint.report_cache import ReportCache


def judged(
    jobs: Sequence[Job | ModelReport], lint: Lint, *, parallel: int, quiet: bool,
    cache: ReportCache | None = None, elsewhere: Elsewhere | None = None,
) -> Generator[ModelReport]:  # fmt: skip
    """A report for each job, in their order."""
    from onnxlint.job_pool import run_jobs

    with progress(len(jobs), quiet) as bar:
        for report in run_jobs(jobs, lint, parallel, bar.begins, cache, elsewhere, stays=False):
            with bar.hidden():  # what is written of the report must not meet it
                yield report
            bar.step()


class _Bar:
    """No bar; everything that is asked of one."""

    begins: Callable[[str], None] | None = None

    def step(self, models: int = 1) -> None:
        """So many models more are done."""

    @contextmanager
    def hidden(self) -> Iterator[None]:
        """Away meanwhile."""
        yield


@contextmanager
def progress(total: int, quiet: bool) -> Iterator[_Bar]:
    """A bar on standard error, on a terminal alone."""
    if quiet or sys.stderr is None or not sys.stderr.isatty() or is_dumb():
        yield _Bar()
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=console(err=True), transient=True) as bar:
        yield _Drawn(bar, total)


class _Drawn(_Bar):
    """A bar that is drawn."""

    def __init__(self, bar: Progress, total: int) -> None:
        self._bar = bar
        self._task = bar.add_task("linting", total=total)
        self.begins = self._begins

    def _begins(self, name: str) -> None:
        self._bar.update(self._task, description=f"{printable(name):<28.28}")

    def step(self, models: int = 1) -> None:
        self._bar.advance(self._task, models)

    @contextmanager
    def hidden(self) -> Iterator[None]:
        self._bar.stop()
        try:
            yield
        finally:
            self._bar.start()
