"""The report for people, one line a finding, for grep and for editors."""

from __future__ import annotations

from onnxlint.model.graph.place import Place
from onnxlint.report import ModelReport
from onnxlint.reporters.places import where
from onnxlint.reporters.protocol import Outcome, Run
from onnxlint.reporters.summary import others, problems, summary
from onnxlint.safety.printable import printable


class Concise:
    """The format `concise`: `path: place: code message`."""

    def __init__(self, run: Run) -> None:
        self._view, self._packs = run.view, run.packs
        self._reports: list[ModelReport] = []

    def begin(self) -> str:
        """Nothing."""
        return ""

    def model(self, report: ModelReport) -> str:
        """Its lines."""
        self._reports.append(report)
        lines = [f"{what}: {why}" for what, why in problems(report)]
        lines += [
            f"{where(each.place) or f'{Place()}: '}{each.code} {each.message}"
            for each in self._view.of(report.findings)
        ]
        return "".join(f"{printable(f'{report.path}: {line}')}\n" for line in lines)

    def end(self, outcome: Outcome) -> str:
        """The summary."""
        lines = [*summary(self._reports, self._view, outcome, tables=False), *others(self._packs)]
        return "".join(f"{line}\n" for line in lines)
