"""Workflow commands of GitHub Actions: findings as annotations, as far as GitHub shows them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from onnxlint.findings import Diagnostic
from onnxlint.model.graph.place import shortened
from onnxlint.report import ModelReport
from onnxlint.reporters.places import Files, Line, where
from onnxlint.reporters.protocol import Outcome, Run
from onnxlint.reporters.summary import counted, unlinted
from onnxlint.safety.printable import printable
from onnxlint.severity import Severity

MOST = 10
"""Annotations of one kind that GitHub shows of a step."""

LONGEST_TITLE = 255
LONGEST_MESSAGE = 4_000
"""Characters; GitHub takes 64 KB of a message, and nobody reads as much beside a line."""

_COMMANDS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "notice"}


class GitHub:
    """The format `github`: annotations while models are linted, then a line on all of them."""

    def __init__(self, run: Run) -> None:
        self._files = Files(run.folder)
        self._annotated: Counter[str] = Counter()
        self._found: Counter[Severity] = Counter()
        self._left_out = 0

    def begin(self) -> str:
        """Nothing."""
        return ""

    def model(self, report: ModelReport) -> str:
        """Its lines."""
        return "".join(f"{line}\n" for line in self._lines(report))

    def end(self, outcome: Outcome) -> str:
        """The summary."""
        lines = [
            self._told("error", "title=onnxlint", "onnxlint", each) for each in outcome.reasons
        ]
        words = ", ".join(counted(self._found[each], each.value) for each in Severity)
        rest = f"; {self._left_out:,} not annotated (GitHub shows {MOST} of a kind)"
        lines.append(f"onnxlint: {words}{rest if self._left_out else ''}")
        lines += map(printable, outcome.notes)
        return "".join(f"{line}\n" for line in lines)

    def _lines(self, report: ModelReport) -> Iterator[str]:
        model = self._files.model(report.path)
        if report.error is not None:
            what = unlinted(report)
            title = f"file={_property(model.path)},title={_property(what)}"
            yield self._told("error", title, f"{model.path}: {what}", report.error)
        for finding in report.findings:
            self._found[finding.severity] += 1
            kind = _COMMANDS[finding.severity]
            if self._annotated[kind] == MOST:
                self._left_out += 1
            else:
                self._annotated[kind] += 1
                yield f"::{kind} {self._where(finding, model)}::{_data(_message(finding, model))}"

    def _where(self, finding: Diagnostic, model: Line) -> str:
        place = self._files.source(finding.place) or model
        title = _property(shortened(f"{finding.code} {finding.name}", LONGEST_TITLE))
        return f"file={_property(place.path)},line={place.number},title={title}"

    def _told(self, kind: str, properties: str, plainly: str, message: str) -> str:
        """An annotation, or where GitHub would show no more of them, a line of the log."""
        if self._annotated[kind] == MOST:
            return printable(f"{plainly}: {message}")
        self._annotated[kind] += 1
        return f"::{kind} {properties}::{_data(message)}"


def _message(finding: Diagnostic, model: Line) -> str:
    hint = f" (hint: {finding.hint})" if finding.hint else ""
    return f"{model.path}: {where(finding.place)}{finding.message}{hint}"


def _data(text: str) -> str:
    """A message as a command holds it: one line, whose percent signs are no escapes."""
    text = shortened(printable(text), LONGEST_MESSAGE)
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
