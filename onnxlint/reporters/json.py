"""The machine-readable report, version 1: one strict JSON document however many models."""

from __future__ import annotations

from operator import attrgetter
from typing import Any

from msgspec import to_builtins
from msgspec.structs import fields

from onnxlint.findings import Diagnostic
from onnxlint.model.graph.place import Place
from onnxlint.report import FixReport, ModelReport, TraceRow
from onnxlint.reporters.protocol import Gathering, Outcome, Run
from onnxlint.safety.printable import json_text
from onnxlint.series_report import SeriesReport
from onnxlint.severity import Severity

REPORT_VERSION = 1

DIGITS = 9
"""Significant digits of what was measured, as many as float32 has: behind them stands only in which
order it was added up, and that is another on another machine."""

_PLACE = tuple(field.name for field in fields(Place))
_IN_PLACE = attrgetter(*_PLACE)


class Json(Gathering):
    """The format `json`."""

    def end(self, outcome: Outcome) -> str:
        """One document."""
        document = {
            "version": REPORT_VERSION,
            "tool": tool_document(self.run),
            "models": [model_document(report) for report in self.reports],
            **outcome_document(outcome),
        }
        return json_text(document) + "\n"


def tool_document(run: Run) -> dict[str, Any]:
    """What wrote the report."""
    return {"name": "onnxlint", "version": run.version, "packs": dict(run.packs)}


def outcome_document(outcome: Outcome) -> dict[str, Any]:
    """How the run ended."""
    return {
        "exit_code": outcome.exit_code,
        "error": outcome.error,
        "failures": list(outcome.failures),
        "notes": list(outcome.notes),
    }


def model_document(report: ModelReport) -> dict[str, Any]:
    """What was found in one model."""
    summary = {severity.value: report.count(severity) for severity in Severity}
    return {
        "path": report.path,
        "sha256": report.sha256,
        "error": report.error,
        "configuration": report.configuration and to_builtins(report.configuration),
        "summary": {
            **summary,
            "rules_run": report.rules_run,
            "not_applicable": len(report.not_applicable),
            "suppressed": len(report.suppressed),
            "not_run": list(report.not_run),
            "samples": report.samples,
            "data": report.data,
            "sample_files": report.sample_files and list(report.sample_files),
            "not_executed": report.not_executed,
        },
        "metrics": report.metrics and to_builtins(report.metrics),
        "findings": [_finding(finding) for finding in report.findings],
        "suppressed": [
            {
                "finding": _finding(each.finding),
                "kind": each.kind,
                "reason": each.reason,
                "file": each.file,
                "until": each.until,
            }
            for each in report.suppressed
        ],
        "gone": [to_builtins(each) for each in report.gone],
        "mending": report.mending and _mending(report.mending),
        "series": report.series and _series(report.series),
        "trace": None if report.trace is None else [_row(row) for row in report.trace],
    }


def _finding(finding: Diagnostic) -> dict[str, Any]:
    return {
        "code": finding.code,
        "name": finding.name,
        "severity": finding.severity.value,
        "message": finding.message,
        "hint": finding.hint,
        "place": dict(zip(_PLACE, _IN_PLACE(finding.place), strict=True)),
        "measured": _shortened(finding.measured),
        "limit": _shortened(finding.limit),
        "unit": finding.unit,
        "evidence": dict(finding.evidence),
        "synthetic": finding.synthetic,
        "fix": finding.fix,
        "fingerprint": finding.fingerprint,
        "structural_fingerprint": finding.structural_fingerprint,
    }


def _series(series: SeriesReport) -> dict[str, Any]:
    found: dict[str, Any] = _rounded(to_builtins(series))
    return found


def _rounded(told: Any) -> Any:
    """The same in JSON's types, its numbers shortened."""
    if isinstance(told, dict):
        return {name: _rounded(each) for name, each in told.items()}
    return [*map(_rounded, told)] if isinstance(told, list | tuple) else _shortened(told)


def _row(row: TraceRow) -> dict[str, Any]:
    return {name: _shortened(seen) for name, seen in to_builtins(row).items()}


def _shortened(number: Any) -> Any:
    return float(f"{number:.{DIGITS}g}") if isinstance(number, float) else number


def _mending(mending: FixReport) -> dict[str, Any]:
    return {
        "fixed": [_finding(finding) for finding in mending.fixed],
        "refused": [
            {"finding": _finding(finding), "reason": reason} for finding, reason in mending.refused
        ],
        "written": mending.written,
        "unverified": mending.unverified,
        "problem": mending.problem,
    }
