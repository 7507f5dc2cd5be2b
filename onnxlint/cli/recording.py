"""`--record`: adds a run to a history, after its reports are written, so that none is lost."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click
from msgspec.structs import replace

from onnxlint.safety.printable import printable

if TYPE_CHECKING:
    from onnxlint.history.records import Recorded
    from onnxlint.job import Job
    from onnxlint.report import ModelReport
    from onnxlint.reporters.protocol import Run

_URI = re.compile(r"[a-zA-Z][\w+.-]+://")


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
        from onnxlint.history.store import HistoryError, add

        recorded = self._recorded(exit_code, run)
        try:
            if _URI.match(self._target):
                _log(recorded, self._target)
            else:
                add(Path(self._target), recorded)
        except (HistoryError, click.ClickException) as error:
            click.echo(printable(f"Error: --record {error}; the run is not recorded"), err=True)
            return False
        return True

    def _recorded(self, exit_code: int, run: Run) -> Recorded:
        from onnxlint.history.records import Recorded, record_of

        versions: Mapping[str, str] = {"onnxlint": run.version, **run.libraries, **run.packs}
        models = map(record_of, self._tasks, self._reports)
        now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        return Recorded(now, exit_code, versions, tuple(models))


def _log(recorded: Recorded, address: str) -> None:
    """Logs to MLflow, whose own errors are of many types."""
    try:
        from onnxlint.history.mlflow_runs import log

        log(recorded, address)
    except ImportError as error:
        told = f"{address!r} needs MLflow: pip install 'onnxlint[mlflow]'"
        raise click.ClickException(told) from error
    except Exception as error:
        first = str(error).strip().partition("\n")[0]
        told = f"{address!r} cannot be written ({first}); check the address and the server"
        raise click.ClickException(told) from error
