"""MLflow: reports as artifacts and metrics of a run, and a gate before a model is registered.

    from onnxlint.mlflow import gate, log_report

    address = mlflow.get_artifact_uri("model")
    log_report(address)
    gate(address)
    mlflow.register_model(address, "classifier")

Needs the extra `mlflow`.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from onnxlint.pipeline import lint
from onnxlint.report import ModelReport, exit_code
from onnxlint.safety.printable import printable_lines
from onnxlint.severity import Severity

if TYPE_CHECKING:
    from onnxlint.settings import Settings

FOLDER = "onnxlint"
"""The folder of the artifacts."""

_URI = re.compile(r"[a-zA-Z][\w+.-]+:/")  # two letters at least: C:/ is a drive
_SCORES = ("accuracy", "log_loss", "calibration_error", "rmse", "r2")


class GateError(Exception):
    """A model that fails the gate, or that could not be linted; `report` says all of it."""

    def __init__(self, report: ModelReport, message: str) -> None:
        super().__init__(message)
        self.report = report


def log_report(
    report: ModelReport | str | Path, run_id: str | None = None, **options: Any
) -> ModelReport:
    """Logs a report to a run: JSON and Markdown as artifacts, counts as metrics, a verdict as tag.

    Args:
        report: what `onnxlint.lint` gave; or a model to be linted: a path, or an address of MLflow.
        run_id: the run; without it the active one, or a new one.
        options: those of `onnxlint.lint`, for a model.
    """
    import mlflow

    if not isinstance(report, ModelReport):
        report = _linted(report, options)
    if run_id is None:
        run_id = (mlflow.active_run() or mlflow.start_run()).info.run_id
    client = mlflow.MlflowClient()
    for name, text in _documents(report):
        client.log_text(run_id, text, f"{FOLDER}/{name}")
    for name, value in _metrics(report):
        client.log_metric(run_id, f"onnxlint.{name}", value)
    client.set_tag(run_id, "onnxlint.verdict", _verdict(report))
    return report


def gate(
    model: str | Path, *, log: bool = False, run_id: str | None = None,
    select: Iterable[str] = (), ignore: Iterable[str] = (), config: Path | None = None,
    settings: Settings | None = None,
) -> ModelReport:  # fmt: skip
    """Lints a model, and raises where its gate fails: to be called before it is registered.

    Args:
        model: a path, or an address of MLflow: `runs:/ID/model`, `models:/NAME/VERSION`.
        log: whether the report is logged, too; `run_id` is the run, without it the active one.
        run_id: see `log`.
        select: codes, prefixes or names of the rules to run.
        ignore: those not to run.
        config: a configuration file; without it the nearest one holds.
        settings: data, samples, seed, limits; without it the configuration's.

    Raises:
        GateError: a finding fails the gate, or the model cannot be linted.
    """
    options = {"select": select, "ignore": ignore, "config": config, "settings": settings}
    report = _linted(model, options)
    if log or run_id is not None:
        log_report(report, run_id)
    if exit_code([report]) or not (report.ran or report.not_applicable):
        raise GateError(report, _why(report))
    return report


def _linted(model: str | Path, options: dict[str, Any]) -> ModelReport:
    with _local(model) as path:
        return replace(lint(path, **options), path=str(model))


@contextmanager
def _local(model: str | Path) -> Iterator[str | Path]:
    """The file of a model, which MLflow fetches where it is an address."""
    if not isinstance(model, str) or not _URI.match(model):
        yield model
        return
    import mlflow

    with tempfile.TemporaryDirectory(prefix="onnxlint-mlflow-") as folder:
        fetched = Path(mlflow.artifacts.download_artifacts(artifact_uri=model, dst_path=folder))
        yield _model_in(fetched, model)


def _model_in(fetched: Path, address: str) -> Path:
    """The one model that was fetched.

    Raises:
        FileNotFoundError: there is none, or several.
    """
    if fetched.is_file():
        return fetched
    found = sorted(fetched.rglob("*.onnx"))
    if len(found) != 1:
        raise FileNotFoundError(
            f"{address} contains {len(found)} files *.onnx; name one of them"
            if found
            else f"{address} contains no file *.onnx; log the model with mlflow.onnx or as an "
            "artifact"
        )
    return found[0]


def _documents(report: ModelReport) -> Iterator[tuple[str, str]]:
    from onnxlint.reporters.json import Json
    from onnxlint.reporters.markdown import Markdown
    from onnxlint.reporters.protocol import Outcome, Run, rendered

    outcome = Outcome(exit_code([report]))
    yield "report.json", rendered(Json(Run()), [report], outcome)
    yield "report.md", rendered(Markdown(Run()), [report], outcome)


def _metrics(report: ModelReport) -> Iterator[tuple[str, float]]:
    names = {Severity.ERROR: "errors", Severity.WARNING: "warnings", Severity.INFO: "infos"}
    for severity, name in names.items():
        yield name, report.count(severity)
    yield "rules_run", report.rules_run
    yield "suppressed", len(report.suppressed)
    for name in _SCORES:
        value = getattr(report.metrics, name, None)
        if value is not None:
            yield name, value


def _verdict(report: ModelReport) -> str:
    return ("passed", "failed", "not linted")[exit_code([report])]


def _why(report: ModelReport) -> str:
    if report.error is not None:
        return printable_lines(f"{report.path}: {report.error}")
    failing = [
        f"{each.severity} {each.code} {each.name}: {each.place}: {each.message}"
        for each in report.findings
        if each.severity.rank <= report.fail_on.rank
    ]
    return printable_lines("\n".join([f"{report.path} fails the gate:", *failing]))
