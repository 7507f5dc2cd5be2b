"""What is recorded of a run: how each model was judged, what was found, and from which files."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from msgspec import Struct, field

from onnxlint.digests import sha256_of
from onnxlint.findings import Diagnostic
from onnxlint.job import Job
from onnxlint.report import ModelReport, exit_code
from onnxlint.report_keys import Unkeyed, external_states
from onnxlint.severity import Severity

SCORES = ("accuracy", "log_loss", "calibration_error", "rmse", "r2")
COUNTS = {Severity.ERROR: "errors", Severity.WARNING: "warnings", Severity.INFO: "infos"}
VERDICTS = ("passed", "failed", "not linted")


class Found(Struct, frozen=True):
    """A finding: its identity, with names and free of them, and what was said of it where."""

    fingerprint: str
    structural: str
    code: str
    name: str
    severity: str
    message: str
    place: str

    @classmethod
    def of(cls, finding: Diagnostic) -> Found:
        """What is recorded of a finding; one about the whole model has no surroundings."""
        structural = finding.structural_fingerprint if finding.surroundings else ""
        return cls(finding.fingerprint, structural, finding.code, finding.name,
                   finding.severity.value, finding.message, str(finding.place))  # fmt: skip


class Record(Struct, frozen=True):
    """A model in a run. `location` is its whole path; `hashes` are by what was hashed.

    `ran` are the codes of the rules that judged it: a finding of another is not gone.
    """

    path: str
    location: str
    sha256: str | None
    verdict: str
    error: str | None
    figures: Mapping[str, float] = field(default_factory=dict)
    hashes: Mapping[str, str] = field(default_factory=dict)
    ran: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    seed: int | None = None
    findings: tuple[Found, ...] = ()


class Recorded(Struct, frozen=True):
    """A run: when it was, by which versions, and its models. Nothing is judged by the time."""

    at: str
    exit_code: int
    versions: Mapping[str, str]
    models: tuple[Record, ...]
    number: int = 0


def record_of(job: Job | ModelReport, report: ModelReport) -> Record:
    """What is recorded of a model; of one that was fixed, the file that was written."""
    settings = job.settings if isinstance(job, Job) else None
    path = (report.mending and report.mending.written) or report.path
    sizes, hashes = _files(path, report.external)
    if isinstance(job, Job):
        hashes |= _hashes(job)
    return Record(
        path,
        os.path.abspath(path),  # noqa: PTH100 - of a link, where it lies
        report.sha256,
        VERDICTS[exit_code([report])],
        report.error,
        {**_figures(report), **sizes},
        hashes,
        tuple(sorted(report.ran)),
        report.asked,
        None if settings is None else settings.seed,
        tuple(map(Found.of, report.findings)),
    )


def _figures(report: ModelReport) -> dict[str, float]:
    counts = {name: float(report.count(severity)) for severity, name in COUNTS.items()}
    scores = {name: getattr(report.metrics, name, None) for name in SCORES}
    told = {
        **counts,
        "suppressed": float(len(report.suppressed)),
        "rules_run": float(report.rules_run),
        "samples": report.samples,
        **scores,
        **dict(_entropies(report.portrait or {})),
    }
    return {name: float(seen) for name, seen in told.items()
            if seen is not None and math.isfinite(seen)}  # fmt: skip


def _entropies(portrait: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    """Mean entropy of predictions by output, where a page was asked for, which needs it."""
    for head in (portrait.get("predictions") or {}).get("heads") or ():
        if head.get("entropy") is not None:
            yield f"entropy of {head['output']}", head["entropy"]


def _files(
    model: str, locations: tuple[str, ...] | None
) -> tuple[dict[str, float], dict[str, str]]:
    """Size of the model with its external data, and the hashes of these."""
    path = Path(model)
    try:
        states = external_states(model, locations or ())
        files = [path, *(path.parent / location for location in states)]
        size = float(sum(file.stat().st_size for file in files))
    except (OSError, ValueError, Unkeyed):  # it came from a pipe, or is gone
        return {}, {}
    return {"bytes": size}, {f"external {name}": state[0] for name, state in states.items()}


def _hashes(job: Job) -> dict[str, str]:
    """Of what the model was judged with; what is no file has none."""
    settings, configuration = job.settings, job.configuration
    files: dict[str, Path | None] = {
        "data": settings.data,
        "labels": None if settings.labels is None else settings.labels.file,
        "reference": settings.reference,
        "configuration": None if configuration is None else Path(configuration.file),
    }
    return {name: digest for name, file in files.items()
            if file is not None and (digest := _digest(file)) is not None}  # fmt: skip


def _digest(file: Path) -> str | None:
    try:
        return sha256_of(file)
    except (OSError, ValueError):  # a function of a module, a pipe
        return None
