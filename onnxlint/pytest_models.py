"""pytest lints models: a test for each, which fails with the report where the gate fails."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from onnxlint.job import Job
    from onnxlint.planner import Planner
    from onnxlint.report import ModelReport

SUFFIX = ".onnx"


class ModelFile(pytest.File):
    """A model."""

    def collect(self) -> Iterator[pytest.Item]:
        """The one test of it."""
        yield ModelItem.from_parent(self, name="onnxlint")


class GateFailed(Exception):  # noqa: N818 - it is the verdict
    """The gate fails for a model; the message is the report."""


class ModelItem(pytest.Item):
    """The test of a model: the gate of its configuration."""

    def __init__(self, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.add_marker("onnxlint")

    @property
    def model(self) -> str:
        """The model, as the command would be given it."""
        relative = os.path.relpath(self.path)
        return str(self.path) if relative.startswith(os.pardir) else relative

    def runtest(self) -> None:
        """Fails where the command would exit with a code other than 0."""
        from onnxlint.report import exit_code

        report = _lints(self.session).report_of(self)
        if exit_code([report]) or not (report.ran or report.not_applicable):
            raise GateFailed(_text(report))

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """The report; no traceback, for none of it is about the model."""
        from onnxlint.rules.packs import PackError
        from onnxlint.safety.printable import printable_lines
        from onnxlint.toml_tables import ConfigError

        if isinstance(excinfo.value, GateFailed | ConfigError | PackError):
            return printable_lines(str(excinfo.value))
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, None, str]:
        """Where it stands in pytest's output."""
        return self.path, None, f"onnxlint {self.model}"


class _Lints:
    """Lints the models of a session one after the other, by one worker, in pytest's order."""

    def __init__(self, session: pytest.Session) -> None:
        from onnxlint.planner import Planner

        self._planner = Planner()
        self._ahead: list[ModelItem] = []
        if not hasattr(session.config, "workerinput"):  # xdist runs only some of them here
            self._ahead = [item for item in session.items if isinstance(item, ModelItem)]
        self._reports: Generator[ModelReport] | None = None

    def report_of(self, item: ModelItem) -> ModelReport:
        """The report of a model; those of skipped ones before it are left out."""
        while item in self._ahead:
            if self._reports is None:
                self._reports = _linted(self._planner, self._ahead)
            report = next(self._reports)
            if self._ahead.pop(0) is item:
                return report
        (report,) = _linted(self._planner, [item])
        return report

    def close(self) -> None:
        """Ends the process that runs models."""
        if self._reports is not None:
            self._reports.close()


def _linted(planner: Planner, items: Sequence[ModelItem]) -> Generator[ModelReport]:
    from onnxlint.job_pool import run_jobs
    from onnxlint.pipeline import lint_model
    from onnxlint.report_cache import ReportCache

    jobs: list[Job | ModelReport] = planner.jobs([item.model for item in items])
    return run_jobs(jobs, lint_model, cache=ReportCache.of_environment())


_KEY = pytest.StashKey[_Lints]()


def _lints(session: pytest.Session) -> _Lints:
    if _KEY not in session.stash:
        session.stash[_KEY] = _Lints(session)
    return session.stash[_KEY]


def end(session: pytest.Session) -> None:
    """Ends what linting the session's models began."""
    if _KEY in session.stash:
        session.stash[_KEY].close()


def _text(report: ModelReport) -> str:
    """The report as the command prints it, without colours."""
    import click

    from onnxlint.report import exit_code
    from onnxlint.reporters.protocol import Outcome, Run, View, rendered
    from onnxlint.reporters.text import Text
    from onnxlint.severity import Severity

    mildest = max(report.fail_on, Severity.WARNING, key=lambda severity: severity.rank)
    checked = report.ran or report.not_applicable or not report.complete
    outcome = Outcome(exit_code([report]) or 2, None if checked else "no rule ran")
    return click.unstyle(rendered(Text(Run(view=View(show=mildest))), [report], outcome)).rstrip()
