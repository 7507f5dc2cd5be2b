"""What changed between two releases as Markdown for a pull request: the verdict, then tables.

What a reviewer reads first is open to the eye; long lists are folded.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from onnxlint.release_diff import ReleaseDiff
from onnxlint.reporters.diff_rows import Row, Section
from onnxlint.reporters.diff_sections import headline, run_on, sections, unchanged
from onnxlint.reporters.markdown_text import code, plain

MOST_ROWS = 30
"""Changes of a section; the others are counted. A choice: nine sections are below the 65,536
characters that a comment of GitHub takes."""

LONGEST = 160
"""Characters of a cell; a choice, for the same reason."""

OPEN = frozenset({"findings", "predictions", "labels", "interface"})
"""Sections that are not folded."""

FEW = 10
"""Layers are not folded where so few changed; a choice, half a screen."""


def render(diff: ReleaseDiff) -> str:
    """The whole report, ending in a line break."""
    return "\n".join(_lines(diff)) + "\n"


def _lines(diff: ReleaseDiff) -> Iterator[str]:
    yield f"## onnxlint diff: {'changed' if diff.differs else 'no change'}"
    yield ""
    paths = f"{code(diff.old.path, LONGEST)} → {code(diff.new.path, LONGEST)}"
    yield f"{paths}: {headline(diff)}."
    for problem in diff.incomplete:
        yield from ("", f"**Incomplete:** {plain(problem, 1_000)}")
    for what, reason in diff.not_compared.items():
        yield from ("", f"**{what.capitalize()} not compared:** {plain(reason, 1_000)}")
    yield from _numbers(diff)
    for section in sections(diff):
        if section.title != "size":  # the first table has it
            yield ""
            yield from _section(section)
    told, same = run_on(diff), unchanged(diff)
    if same and diff.differs:
        yield from ("", f"No change in {', '.join(same)}.")
    if told is not None:
        yield from ("", f"<sub>Both {plain(told, 1_000)}</sub>")


def _numbers(diff: ReleaseDiff) -> Iterator[str]:
    yield from ("", "| | Old | New |", "|---|--:|--:|")
    old, new, score = diff.old, diff.new, diff.score
    if score is not None:
        measure = score.measure[:1].upper() + score.measure[1:]
        yield f"| {measure} | {score.old:.4g} | {score.new:.4g} |"
    for what in ("parameters", "nodes", "macs", "peak_memory", "bytes"):
        before, after = getattr(old, what), getattr(new, what)
        if None not in (before, after):
            title = "MACs" if what == "macs" else what.replace("_", " ").capitalize()
            yield f"| {title} | {before:,} | {after:,} |"


def _section(section: Section) -> Iterator[str]:
    title = f"{section.title.capitalize()}: {plain(section.summary, LONGEST)}"
    table = [*_table(section.rows)]
    if section.title in OPEN or (section.title == "layers" and len(section.rows) <= FEW):
        yield from (f"### {title}", "", *table)
    else:
        yield from (f"<details><summary>{title}</summary>", "", *table, "", "</details>")


def _table(rows: Sequence[Row]) -> Iterator[str]:
    yield from ("| | What | Change |", "|---|---|---|")
    for row in rows[:MOST_ROWS]:
        yield f"| {code(row.sign)} | {plain(row.subject, LONGEST)} | {_cell(row.told)} |"
    if len(rows) > MOST_ROWS:
        yield f"| | … and {len(rows) - MOST_ROWS:,} more | |"


def _cell(text: str) -> str:
    return plain(text, 2 * LONGEST)
