"""What changed between two releases, for people: the verdict, then section by section."""

from __future__ import annotations

from collections.abc import Iterator

import click

from onnxlint.release_diff import ReleaseDiff
from onnxlint.reporters.diff_rows import ADDED, REMOVED, Row, Section
from onnxlint.reporters.diff_sections import headline, run_on, sections, unchanged
from onnxlint.reporters.summary import COLOURS
from onnxlint.safety.printable import printable

SHOWN = 10
"""Changes of a section that are shown; the others are counted. A choice: half a screen."""

_COLOURS = {ADDED: "green", REMOVED: "red"}


def render(diff: ReleaseDiff, *, verbose: bool = False, width: int | None = None) -> str:
    """The whole report, ending in a line break.

    Args:
        diff: what changed.
        verbose: whether every change is shown, and not only the first ones of a section.
        width: columns of the terminal; without it no line is broken.
    """
    lines = [*_lines(diff, verbose)]
    if width is not None:
        from onnxlint.reporters.wrapping import wrapped

        lines = [piece for line in lines for piece in wrapped(line, width)]
    return "\n".join(lines) + "\n"


def _lines(diff: ReleaseDiff, verbose: bool) -> Iterator[str]:
    paths = f"{printable(diff.old.path)} → {printable(diff.new.path)}"
    verdict = click.style(headline(diff), fg="yellow" if diff.differs else "green")
    yield f"{click.style(paths, bold=True)}: {verdict}"
    for section in sections(diff):
        yield ""
        yield from _section(section, verbose)
    if diff.differs:
        yield ""
    same = unchanged(diff)
    if same and diff.differs:
        yield click.style(f"no change in {', '.join(same)}", dim=True)
    told = run_on(diff)
    if told is not None:
        yield click.style(printable(told), dim=True)
    for what, reason in diff.not_compared.items():
        yield f"{click.style(f'{what} not compared', fg='yellow')}: {printable(reason)}"
    for problem in diff.incomplete:
        yield f"{click.style('incomplete', fg='red')}: {printable(problem)}"


def _section(section: Section, verbose: bool) -> Iterator[str]:
    yield f"{click.style(section.title.capitalize(), bold=True)}: {printable(section.summary)}"
    shown = section.rows if verbose else section.rows[:SHOWN]
    yield from map(_row, shown)
    if len(shown) < len(section.rows):
        rest = len(section.rows) - len(shown)
        yield click.style(f"  … and {rest:,} more (-v shows all)", dim=True)


def _row(row: Row) -> str:
    colour = COLOURS[row.severity] if row.severity and row.sign == ADDED else _COLOURS.get(row.sign)
    head = f"{row.sign} {printable(row.subject)}"
    return f"  {click.style(head, fg=colour) if colour else head}: {printable(row.told)}"
