"""The machine-readable report as JSON Lines: one object a model, as soon as it is linted."""

from __future__ import annotations

from collections import Counter
from typing import Any

from onnxlint.report import ModelReport
from onnxlint.reporters.json import (
    REPORT_VERSION,
    model_document,
    outcome_document,
    tool_document,
)
from onnxlint.reporters.protocol import Outcome, Run
from onnxlint.safety.printable import json_line
from onnxlint.severity import Severity


class JsonLines:
    """The format `jsonl`: a line for the run, one for each model, and one with the totals."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._totals = Counter({severity.value: 0 for severity in Severity})
        self._totals.update(suppressed=0, models=0)

    def begin(self) -> str:
        """What wrote the report."""
        return _line("run", {"version": REPORT_VERSION, "tool": tool_document(self._run)})

    def model(self, report: ModelReport) -> str:
        """Its object."""
        self._totals.update({each.value: report.count(each) for each in Severity})
        self._totals.update(suppressed=len(report.suppressed), models=1)
        return _line("model", model_document(report))

    def end(self, outcome: Outcome) -> str:
        """Totals, and how the run ended."""
        return _line("end", {"totals": dict(self._totals), **outcome_document(outcome)})


def _line(kind: str, document: dict[str, Any]) -> str:
    return json_line({"type": kind, **document}) + "\n"
