"""GitLab's code quality report: the findings that the merge request shows."""

from __future__ import annotations

import hashlib
from collections import Counter
from typing import Any

from onnxlint.report import ModelReport
from onnxlint.reporters.places import Files, Line, identity, where
from onnxlint.reporters.protocol import Gathering, Outcome, Run
from onnxlint.reporters.summary import unlinted
from onnxlint.safety.printable import json_text, printable
from onnxlint.severity import Severity

_SEVERITIES = {Severity.ERROR: "critical", Severity.WARNING: "major", Severity.INFO: "info"}

_OURS = "onnxlint"


class GitLab(Gathering):
    """The format `gitlab`; findings that do not count are left out, for it knows no such."""

    def __init__(self, run: Run) -> None:
        super().__init__(run)
        self._files = Files(run.folder)
        self._issues: list[dict[str, Any]] = []
        self._alike: Counter[tuple[str, str]] = Counter()

    def end(self, outcome: Outcome) -> str:
        """All issues, those of the run behind those of the models."""
        for report in self.reports:
            self._add_model(report)
        nowhere = Line(".", 1)
        for reason in outcome.reasons:
            self._add(nowhere, nowhere, _OURS, "blocker", reason, reason)
        return json_text(self._issues) + "\n"

    def _add_model(self, report: ModelReport) -> None:
        model = self._files.model(report.path)
        if report.error is not None:
            self._add(model, model, _OURS, "blocker", f"{unlinted(report)}: {report.error}", _OURS)
        for finding in report.findings:
            place = self._files.source(finding.place) or model
            told = f"{where(finding.place)}{finding.message}"
            if place is not model:
                told += f" (model {model.path})"
            severity = _SEVERITIES[finding.severity]
            self._add(model, place, f"{finding.code} {finding.name}", severity, told,
                      identity(finding))  # fmt: skip

    def _add(
        self, model: Line, place: Line, rule: str, severity: str, description: str, same: str
    ) -> None:
        self._alike[model.path, same] += 1
        number = self._alike[model.path, same]
        self._issues.append(
            {
                "type": "issue",
                "check_name": rule,
                "description": printable(description) or rule,
                "fingerprint": _digest(model.path, same, number),
                "severity": severity,
                "categories": ["Bug Risk"],
                "location": {"path": printable(place.path), "lines": {"begin": place.number}},
            }
        )


def _digest(model: str, same: str, number: int) -> str:
    """Unique in a report: GitLab shows only one finding of a fingerprint."""
    text = f"{model}\n{same}\n{number}"
    return hashlib.sha256(text.encode("utf-8", "backslashreplace")).hexdigest()[:32]
