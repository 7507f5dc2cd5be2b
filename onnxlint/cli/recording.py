"""`--record`: adds a run to a history, after its reports are written, so that none is lost."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click
from msgspec.structs import replace

from onnxlint.cli.read_files import is_same
from onnxlint.safety.printable import printable

if TYPE_CHECKING:
    from onnxlint.cli.formats import Wanted
    from onnxlint.history.records import Recorded
    from onnxlint.job import Job
    from onnxlint.report import ModelReport
    from onnxlint.reporters.protocol import Run


def check_record(target: str | None, wanted: Sequence[Wanted]) -> None:
    """Refuses a history that is also a report.

    Raises:
        click.UsageError: it is.
    """
    if target is None:
        return
    from onnxlint.history.mlflow_runs import is_address

    if is_address(target):
        return
    for each in wanted:
        if each.file is not None and is_same(each.file, Path(target)):
            message = f"--record and {each.option} name one file; choose another name"
            raise click.UsageError(message)


class Recording:
    """Keeps what is recorded of each model; without a target it keeps nothing."""

    def __init__(self, target: str | None, tasks: Sequence[Job | ModelReport]) -> None:
        self._target, self._tasks = target, tasks
        self._reports: list[ModelReport] = []

    def models(self, reports: Iterable[ModelReport]) -> Iterator[ModelReport]:
        """Passes reports on, as they come."""
        for report in reports:
            if self._target is not None:
                kept = {"predictions": (report.portrait or {}).get("predictions")}
                self._reports.append(replace(report, portrait=kept, trace=None))
            yield report

    def end(self, exit_code: int, run: Run) -> bool:
        """Writes the run, or says on standard error why not; whether nothing failed."""
        if self._target is None:
            return True
        from onnxlint.history.mlflow_runs import is_address, log
        from onnxlint.history.store import HistoryError, add

        recorded = self._recorded(exit_code, run)
        try:
            if is_address(self._target):
                log(recorded, self._target)
            else:
                add(Path(self._target), recorded)
        except HistoryError as error:
            click.echo(printable(f"Error: --record {error}; the run is not recorded"), err=True)
            return False
        return True

    def _recorded(self, exit_code: int, run: Run) -> Recorded:
        from onnxlint.history.records import Recorded, record_of

        versions: Mapping[str, str] = {"onnxlint": run.version, **run.libraries, **run.packs}
        models = map(record_of, self._tasks, self._reports)
        now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        return Recorded(now, exit_code, versions, tuple(models))
