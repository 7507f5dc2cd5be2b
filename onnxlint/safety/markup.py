"""Pieces of a page for notebooks, in which every text stays text."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from html import escape

from onnxlint.safety.printable import printable

MOST_ROWS = 1000
"""Rows of a table that are shown: a choice, notebooks keep all of it in their file."""


def text(value: object) -> str:
    """A text in which nothing is markup, and nothing hides or moves other text."""
    return escape(printable(str(value)))


def paragraph(value: object) -> str:
    """A line of its own."""
    return f"<p>{text(value)}</p>"


def heading(value: object) -> str:
    """What the rest is about."""
    return f"<p><strong>{text(value)}</strong></p>"


def table(
    names: Sequence[str], rows: Sequence[Sequence[object]], numbers: Collection[int] = ()
) -> str:
    """Rows below the names of their columns; those of `numbers` are set to the right."""
    head = "".join(f'<th style="text-align: left">{text(name)}</th>' for name in names)
    body = "".join(_row(row, numbers) for row in rows[:MOST_ROWS])
    more = len(rows) - MOST_ROWS
    rest = paragraph(f"{more:,} more rows are not shown") if more > 0 else ""
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{rest}"


def _row(cells: Iterable[object], numbers: Collection[int]) -> str:
    return f"<tr>{''.join(_cells(cells, numbers))}</tr>"


def _cells(cells: Iterable[object], numbers: Collection[int]) -> Iterator[str]:
    for at, cell in enumerate(cells):
        side = "right" if at in numbers else "left"
        yield f'<td style="text-align: {side}"><bdi>{text(cell)}</bdi></td>'
