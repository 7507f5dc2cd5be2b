"""How runs and models ended, in the words that every format uses."""

from __future__ import annotations

from collections.abc import Sequence

from onnxlint.report import ModelReport
from onnxlint.reporters.protocol import Outcome
from onnxlint.reporters.summary import problems, unlinted
from onnxlint.severity import Severity


def in_a_word(reports: Sequence[ModelReport], outcome: Outcome) -> str:
    """How a run ended: passed, failed, or not everything was checked."""
    if outcome.error is not None:
        return "checked nothing"
    if outcome.exit_code == 2:
        return "could not check everything"
    failed = bool(outcome.failures) or any(report.failing for report in reports)
    passes = failed and outcome.exit_code == 0
    return ("failed" if failed else "passed") + (" (exit code 0: --exit-zero)" if passes else "")


def of_model(report: ModelReport) -> str:
    """How the lint of one model ended, as the beginning of a sentence."""
    if not report.complete:
        return "Not everything could be checked"
    return "Failed" if report.failing else "Passed"


def aside(reports: Sequence[ModelReport]) -> str:
    """What is counted beside the findings, in brackets; empty where there is nothing."""
    suppressed = [each.kind for report in reports for each in report.suppressed]
    gone = sum(len(report.gone) for report in reports)
    unread = [unlinted(report) for report in reports if report.error is not None]
    parts = [
        f"{number:,} {word}"
        for word, number in (
            ("not linted", unread.count("cannot lint")),
            ("incomplete", unread.count("incomplete")),
            ("suppressed", suppressed.count("suppressed")),
            ("accepted", suppressed.count("accepted")),
            ("accepted before and no longer found", gone),
        )
        if number
    ]
    return f" ({', '.join(parts)})" if parts else ""


def state(report: ModelReport) -> str:
    """What a reader of the counts must know of a model."""
    states = [what for what, _ in problems(report)]
    if report.not_executed is not None:
        states.append("not executed")
    return f" ({', '.join(states)})" if states else ""


def badness(report: ModelReport) -> tuple[bool, list[int]]:
    """Sort key: the worst model first."""
    return report.error is None, [-report.count(each) for each in Severity]
