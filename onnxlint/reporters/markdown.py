"""Markdown for a pull request: the verdict, counts, what fails; the rest is folded."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import groupby

from msgspec import Struct

from onnxlint.findings import Diagnostic
from onnxlint.report import Gone, ModelReport, Suppressed
from onnxlint.reporters.markdown_text import code, plain
from onnxlint.reporters.places import where
from onnxlint.reporters.protocol import Gathering, Outcome
from onnxlint.reporters.summary import counted, metrics_line, problems
from onnxlint.reporters.verdicts import aside, badness, in_a_word, state
from onnxlint.severity import Severity

MOST_BYTES = 65_000
"""A comment of GitHub holds 65,536 characters; the rest is for the note that more was left out."""

MOST_ROWS = 30
"""Models in the table; the others are counted. A choice: a screen."""

OF_A_RULE = 5
"""Findings of one rule that are shown for one model; the others are counted. A choice."""

LONGEST_LINE = 1_000
LONGEST_PATH = 200
"""Characters of a finding and of a model's path; a choice, as a comment has room for so many."""


Line = Callable[[], str]
"""A line that is written only if there is room for it."""


class _Section(Struct, frozen=True):
    """Lines between an opening and a closing, which stand only if there is a line."""

    opening: str
    lines: Sequence[Line]
    closing: str = ""


class Markdown(Gathering):
    """The format `markdown`."""

    def end(self, outcome: Outcome) -> str:
        """As much as a comment holds."""
        versions = {"onnxlint": self.run.version, **dict(sorted(self.run.packs.items()))}
        version = ", ".join(f"{name} {version}".strip() for name, version in versions.items())
        head = [*_verdict(self.reports, outcome), *_table(self.reports), *_metrics(self.reports)]
        sections = [*map(_failing, self.reports)]
        sections += [part for report in self.reports for part in _folded(report)]
        return _fitted(head, sections, ["", f"<sub>{plain(version, LONGEST_LINE)}</sub>"])


def _verdict(reports: Sequence[ModelReport], outcome: Outcome) -> Iterator[str]:
    yield f"## onnxlint {in_a_word(reports, outcome)}"
    yield ""
    words = [counted(sum(r.count(each) for r in reports), each.value) for each in Severity]
    yield f"{', '.join(words)} in {counted(len(reports), 'model')}{aside(reports)}."
    if outcome.error is not None:
        yield from ("", f"**Nothing checked:** {plain(outcome.error, LONGEST_LINE)}")
    for failure in outcome.failures:
        yield from ("", f"**Failed:** {plain(failure, LONGEST_LINE)}")
    for note in outcome.notes:
        yield from ("", plain(note, LONGEST_LINE))


def _table(reports: Sequence[ModelReport]) -> Iterator[str]:
    """The models of which there is something to tell, the worst first."""
    told = [each for each in reports if each.findings or each.suppressed or state(each)]
    told.sort(key=badness)
    if not told:
        return
    yield from ("", "| Model | Errors | Warnings | Infos | Not counted |", "|---|--:|--:|--:|--:|")
    for report in told[:MOST_ROWS]:
        counts = " | ".join(f"{report.count(each):,}" for each in Severity)
        name = code(report.path, LONGEST_PATH)
        yield f"| {name}{state(report)} | {counts} | {len(report.suppressed):,} |"
    rest, clean = len(told) - MOST_ROWS, len(reports) - len(told)
    if rest > 0:
        yield from ("", f"{counted(rest, 'model')} more with findings.")
    if clean:
        yield from ("", f"{counted(clean, 'model')} without findings.")


def _metrics(reports: Sequence[ModelReport]) -> Iterator[str]:
    """How the models meet their labels."""
    told = [(report.path, report.metrics) for report in reports if report.metrics is not None]
    for path, metrics in told[:MOST_ROWS]:
        yield from ("", f"{code(path, LONGEST_PATH)}: {plain(metrics_line(metrics), LONGEST_LINE)}")


def _failing(report: ModelReport) -> _Section:
    """What makes the gate fail, open to the eye."""
    lines: list[Line] = [partial(_problem, *problem) for problem in problems(report)]
    lines += _items(each for each in report.findings if each.severity.rank <= report.fail_on.rank)
    return _Section(f"\n### {code(report.path, LONGEST_PATH)}\n", lines)


def _problem(what: str, why: str) -> str:
    return f"- **{what}**: {plain(why, LONGEST_LINE)}"


def _folded(report: ModelReport) -> Iterator[_Section]:
    """What does not."""
    mild = [each for each in report.findings if each.severity.rank > report.fail_on.rank]
    path = code(report.path, LONGEST_PATH)
    yield _details(f"{_worded(mild)} that {_do(mild)} not fail", path, [*_items(mild)])
    kept = [partial(_suppressed, each) for each in report.suppressed]
    yield _details(f"{len(kept):,} not counted", path, kept)
    gone = [partial(_gone, each) for each in report.gone]
    yield _details(f"{len(gone):,} accepted before and no longer found", path, gone)


def _worded(findings: Sequence[Diagnostic]) -> str:
    counts = ((each, sum(f.severity is each for f in findings)) for each in Severity)
    return ", ".join(counted(number, each.value) for each, number in counts if number)


def _do(findings: Sequence[Diagnostic]) -> str:
    return "does" if len(findings) == 1 else "do"


def _details(summary: str, path: str, lines: Sequence[Line]) -> _Section:
    opening = f"\n<details><summary>{summary}</summary>\n\n{path}\n"
    return _Section(opening, lines, "\n</details>")


def _items(findings: Iterable[Diagnostic]) -> Iterator[Line]:
    for rule, group in groupby(findings, key=lambda each: each.code):
        found = list(group)
        yield from (partial(_item, finding) for finding in found[:OF_A_RULE])
        if len(found) > OF_A_RULE:
            yield partial(_more, len(found) - OF_A_RULE, rule)


def _more(number: int, rule: str) -> str:
    return f"- … and {number:,} more of {rule}"


def _item(finding: Diagnostic) -> str:
    name = plain(finding.name, LONGEST_PATH)
    return f"- **{finding.severity.value}** {finding.code} {name}: {_told(finding)}"


def _told(finding: Diagnostic) -> str:
    hint = f"<br>Hint: {plain(finding.hint, LONGEST_LINE)}" if finding.hint else ""
    return f"{plain(where(finding.place) + finding.message, LONGEST_LINE)}{hint}"


def _suppressed(each: Suppressed) -> str:
    until = f", until {each.until}" if each.until else ""
    reason = f" — {plain(each.reason, LONGEST_LINE)}" if each.reason else ""
    return f"- {each.kind}{until}: {each.finding.code} {_told(each.finding)}{reason}"


def _gone(gone: Gone) -> str:
    return f"- {gone.code} {plain(gone.name, LONGEST_PATH)}: {plain(gone.where, LONGEST_LINE)}"


def _fitted(head: Sequence[str], sections: Iterable[_Section], tail: Sequence[str]) -> str:
    """As much of the sections as a comment holds, and how much does not fit."""
    left, written, room = 0, [*head], MOST_BYTES - _size([*head, *tail])
    for section in (each for each in sections if each.lines):
        frame = [section.opening, *([section.closing] if section.closing else [])]
        kept, room = _kept(section.lines if not left else (), room - _size(frame))
        left += len(section.lines) - len(kept)
        if kept:
            written += [frame[0], *kept, *frame[1:]]
    if left:
        written += ["", f"{counted(left, 'line')} left out: a comment holds no more."]
    return "\n".join([*written, *tail]) + "\n"


def _kept(lines: Iterable[Line], room: int) -> tuple[list[str], int]:
    """The first lines that there is room for, and the room that is then left."""
    kept: list[str] = []
    for line in lines:
        text = line()
        if _size([text]) > room:
            return kept, 0
        kept.append(text)
        room -= _size([text])
    return kept, room


def _size(lines: Iterable[str]) -> int:
    return sum(len(line.encode("utf-8", "backslashreplace")) + 1 for line in lines)
