"""The confusion of classes for people: a small table, or of many classes those that matter."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from onnxlint.report import ConfusionTable
from onnxlint.safety.printable import printable

MOST_CLASSES = 10
"""Classes whose whole table is printed; a choice: a line each, and within 80 columns."""

WIDEST, NARROW = 12, 5
"""Columns of a class's name beside its row, and above a column where that would be too wide."""

WIDTH = 64
"""Columns for all classes, so that a table fits 80."""

MOST_NAMED = 5
"""Classes, and confusions, that are named of many."""


def confusion_lines(confusion: ConfusionTable) -> Iterator[str]:
    """Nothing where no class is taken for another."""
    if not confusion.different:
        return
    if len(confusion.classes) <= MOST_CLASSES and confusion.matrix is not None:
        yield "confusion (labels down, predictions across):"
        yield from _table(confusion, confusion.matrix)
        return
    named = ", ".join(f"{printable(name)} {share:.4g} (of {labels:,})"
                      for name, labels, share in confusion.lowest()[:MOST_NAMED])  # fmt: skip
    yield f"lowest recall of {len(confusion.classes):,} classes: {named}"
    most = ", ".join(f"{printable(each.label)} as {printable(each.predicted)} ({each.count:,})"
                     for each in confusion.pairs[:MOST_NAMED])  # fmt: skip
    rest = confusion.different - MOST_NAMED
    yield f"confused most: {most}" + (f" and {rest:,} more pairs" if rest > 0 else "")


def _table(confusion: ConfusionTable, matrix: Sequence[Sequence[int]]) -> Iterator[str]:
    from rich.cells import cell_len

    names = [_short(name, WIDEST) for name in confusion.classes]
    is_wide = sum(max(cell_len(name), NARROW) + 1 for name in names) > WIDTH
    heads = [_short(name, NARROW) for name in names] if is_wide else names
    cells = [[f"{count:,}" if count else "." for count in row] for row in matrix]
    widths = [max(map(cell_len, column)) for column in zip(heads, *cells, strict=True)]
    first = max(map(cell_len, names))
    yield f"  {' ' * first}  {_row(heads, widths)}"
    for name, row in zip(names, cells, strict=True):
        yield f"  {_right(name, first)}  {_row(row, widths)}"


def _row(cells: Sequence[str], widths: Sequence[int]) -> str:
    return " ".join(_right(*each) for each in zip(cells, widths, strict=True))


def _right(text: str, width: int) -> str:
    from rich.cells import cell_len

    return " " * (width - cell_len(text)) + text


def _short(name: str, widest: int) -> str:
    from rich.cells import cell_len, set_cell_size

    text = printable(name)
    return text if cell_len(text) <= widest else set_cell_size(text, widest - 1) + "…"
