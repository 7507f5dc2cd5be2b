"""What the cells of tables mean, and how many of them are read."""

from __future__ import annotations

from math import isinf, nan

MISSING = frozenset({"", "na", "n/a", "nan", "null", "none"})
"""How a missing number is written, in lower case."""

MOST_NUMBERS = 1 << 27
"""Numbers of a table that are read: 1 GiB, as Python reads them."""

MOST_COLUMNS = 1_000_000
"""Columns of a table: a choice. The widest in use count genes or words, tens of thousands."""


class NotANumberError(ValueError):
    """A cell where numbers are wanted: in which column and row (from 1), and what it holds."""

    def __init__(self, column: str, row: int, cell: str) -> None:
        super().__init__(f"column {column!r}, row {row}")
        self.column, self.row, self.cell = column, row, cell


def number(cell: object) -> float | None:
    """What a cell means; NaN where it is empty or says so, None where it is not a number.

    A number beyond what can be computed with is none: it would be taken for infinity.
    """
    text = "" if cell is None else str(cell).strip()
    if text.lower() in MISSING:
        return nan
    try:
        found = None if "_" in text else float(text)
    except ValueError:
        return None
    if found is not None and isinf(found) and "inf" not in text.lower():
        return None
    return found


def affordable(rows: int, looked_at: int, columns: int, most_looked_at: int) -> int:
    """How many rows of so many columns to read: those that are run, and some to look at."""
    return max(rows, min(looked_at, most_looked_at // max(1, columns)))
