"""Writes all reports of a run: to standard output while it goes on, to files at its end."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

import click
from msgspec.structs import replace

from onnxlint.cli.colours import terminal_width
from onnxlint.cli.output import make_folder, pages_folder, write_report, write_to_terminal
from onnxlint.report import Sharing
from onnxlint.reporters.protocol import Paged
from onnxlint.reporters.registry import reporter_class
from onnxlint.safety.printable import printable

if TYPE_CHECKING:
    from onnxlint.cli.formats import Wanted
    from onnxlint.report import ModelReport
    from onnxlint.reporters.protocol import Outcome, Reporter, Run


class Reporting:
    """The reporters of a run, and where each writes to."""

    def __init__(self, wanted: Sequence[Wanted], run: Run) -> None:
        self._outlets = [_Outlet(each, run) for each in wanted]

    def models(self, reports: Iterable[ModelReport]) -> Iterator[ModelReport]:
        """Writes what can be written of each as soon as it is there, and passes it on."""
        for outlet in self._outlets:
            outlet.take(outlet.reporter.begin())
        for report in map(Sharing().of, reports):
            for outlet in self._outlets:
                outlet.model(report)
            yield replace(report, portrait=None)

    def end(self, outcome: Outcome) -> None:
        """Writes the rest, and all files; then says on standard error why the run failed.

        Raises:
            click.UsageError: a file cannot be written; the others are.
        """
        problems = []
        for outlet in self._outlets:
            try:
                outlet.finish(outcome)
            except click.UsageError as error:
                problems.append(error)
        for failure in outcome.failures:
            click.echo(printable(f"failed: {failure}"), err=True)
        if outcome.error is not None:
            click.echo(printable(f"Error: {outcome.error}"), err=True)
        if problems:
            raise problems[0]


class _Outlet:
    """One reporter, and where its text goes."""

    def __init__(self, wanted: Wanted, run: Run) -> None:
        self._file = wanted.file
        self._option = wanted.option
        self._parts: list[str] = []
        is_here = wanted.file is None
        width = terminal_width() if is_here and wanted.is_for_people else None
        view = replace(run.view, width=width, tells_failure=not is_here)
        self.reporter: Reporter = reporter_class(wanted.name)(replace(run, view=view))
        self._pages = None
        if run.models > 1 and wanted.file is not None and isinstance(self.reporter, Paged):
            self._pages = pages_folder(wanted.file)
            make_folder(self._pages, wanted.option)
            self.reporter.begin_pages(self._pages.name)

    def take(self, text: str) -> None:
        if self._file is not None:
            self._parts.append(text)
        elif text:
            write_to_terminal(text)

    def model(self, report: ModelReport) -> None:
        if self._pages is not None and isinstance(self.reporter, Paged):
            name, text = self.reporter.page(report)
            write_report(text, self._pages / name, self._option)
        self.take(self.reporter.model(report))

    def finish(self, outcome: Outcome) -> None:
        self.take(self.reporter.end(outcome))
        if self._file is not None:
            write_report("".join(self._parts), self._file, self._option)
