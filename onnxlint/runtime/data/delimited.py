"""CSV and its kin, row by row: no more than one row of text is in memory where numbers are read."""

from __future__ import annotations

import array
import contextlib
import csv
import io
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import chain, islice
from pathlib import Path
from typing import IO

import numpy as np

from onnxlint.model.file.errors import DataError
from onnxlint.runtime.data import files
from onnxlint.runtime.data.arrays import LARGEST_BYTES, LOOKED_AT_BYTES, TEXT_BYTES
from onnxlint.runtime.data.cells import (
    MOST_COLUMNS,
    MOST_NUMBERS,
    NotANumberError,
    affordable,
    number,
)
from onnxlint.runtime.data.wording import quoted
from onnxlint.runtime.protocol import Array

LONGEST_ROW = 1 << 24
"""Characters of a row; a file without line ends, or with a quote that never ends, is none."""

MOST_BLANK_LINES = 1_000_000
"""Empty lines between rows: more of them are no table, and take seconds."""

DIFFERENT_TEXTS = 1 << 16
"""Cells of text that are kept once where they repeat, as names of classes do."""


@contextmanager
def opened(path: Path, expected: set[str]) -> Iterator[Rows]:
    """The table in a file of CSV; a first row with one of the expected names is a header.

    Raises:
        DataError: it is none.
    """
    try:
        with io.TextIOWrapper(
            io.BufferedReader(files.raw(path)), encoding="utf-8-sig", newline=""
        ) as file:
            yield Rows(path, file, expected)
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: is not UTF-8 text ({error}); save it as UTF-8") from error
    except (OSError, csv.Error) as error:
        raise DataError(f"{path}: cannot be read as CSV ({error}); save it again") from error


class Rows:
    """The rows of a table, which are read as they are asked for, and once."""

    def __init__(self, path: Path, file: IO[str], expected: set[str]) -> None:
        self._path = path
        mark = _delimiter(_first_line(file))
        file.seek(0)
        self._lines = _Lines(file)
        self._reader = csv.reader(self._lines, delimiter=mark)
        first = list(islice(self._filled(), 2))
        if not first:
            raise DataError(f"{path}: file is empty; write it again")
        cells = [row for _, row in first]
        header = cells[0] if _is_header(cells[0], cells[1:], expected) else None
        if header is not None:
            del first[0]
            if not first:
                raise DataError(f"{path}: has a header but no rows")
        self._first = first
        self.names = _names(path, header, len(cells[0]))

    def matrix(self, without: str | None, rows: int, looked_at: int) -> Array:
        """See `tables.Table`."""
        left_out = self.names.index(without) if without in self.names else None
        width = len(self.names) - (left_out is not None)
        if not width:
            raise DataError(f"{self._path}: has no column except the labels")
        together = array.array("d")
        wanted = affordable(rows, looked_at, width, LOOKED_AT_BYTES // 8)
        for at, row in enumerate(islice(self._rows(), wanted)):
            if (at + 1) * width > MOST_NUMBERS:
                told = f"{rows:,} samples have more than {MOST_NUMBERS:,} values"
                raise DataError(f"{self._path}: {told}; give fewer (--samples), or .npy")
            together.frombytes(self._parsed(at, row, left_out).tobytes())
        return np.frombuffer(together, np.float64).reshape(-1, width)

    def columns(
        self, numbers: Sequence[str], texts: Sequence[str], rows: int, looked_at: int
    ) -> dict[str, Array]:
        """See `tables.Table`."""
        position = {name: at for at, name in enumerate(self.names)}
        parsed = [(position[name], array.array("d")) for name in numbers]
        kept: list[tuple[int, list[str]]] = [(position[name], []) for name in texts]
        width = len(parsed) + len(kept) * (TEXT_BYTES // 8)
        wanted = affordable(rows, looked_at, width, LOOKED_AT_BYTES // 8)
        known: dict[str, str] = {}
        size = 0
        for at, row in enumerate(islice(self._rows(), wanted)):
            for column, found in parsed:
                found.append(self._number(at, column, row[column]))
            for column, cells in kept:
                cell = known.get(row[column])
                if cell is None:
                    cell = row[column]
                    size += TEXT_BYTES + len(cell)
                    if len(known) < DIFFERENT_TEXTS:
                        known[cell] = cell
                cells.append(cell)
            size += 8 * (len(parsed) + len(kept))
            if size > LARGEST_BYTES:
                told = f"takes more than {LARGEST_BYTES / 1024**3:.0f} GiB as text"
                raise DataError(f"{self._path}: {told}; give fewer samples")
        return {name: np.frombuffer(found, np.float64)
                for name, (_, found) in zip(numbers, parsed, strict=True)} | {
            name: np.array(cells, object)
            for name, (_, cells) in zip(texts, kept, strict=True)}  # fmt: skip

    def _rows(self) -> Iterator[list[str]]:
        """The rows below the header.

        Raises:
            DataError: one has another number of cells.
        """
        for line, row in chain(self._first, self._filled()):
            if len(row) != len(self.names):
                told = f"line {line:,} has {len(row):,} cells, not {len(self.names):,}"
                raise DataError(f"{self._path}: {told}")
            yield row

    def _filled(self) -> Iterator[tuple[int, list[str]]]:
        """The rows that hold anything, and the lines in which they end."""
        blank = 0
        for row in self._reader:
            self._lines.begin_row()
            if any(map(str.strip, row)):
                yield self._reader.line_num, row
                continue
            blank += 1
            if blank > MOST_BLANK_LINES:
                raise csv.Error(f"more than {MOST_BLANK_LINES:,} lines are empty")

    def _parsed(self, at: int, row: list[str], left_out: int | None) -> Array:
        """A row as numbers: at once, where all cells are plain ones."""
        cells = row if left_out is None else row[:left_out] + row[left_out + 1 :]
        if "_" not in "".join(cells):
            with contextlib.suppress(ValueError):
                parsed = np.array([*map(float, cells)])
                if not np.isinf(parsed).any():
                    return parsed
        columns = (column for column in range(len(row)) if column != left_out)
        return np.array([self._number(at, column, row[column]) for column in columns])

    def _number(self, at: int, column: int, cell: str) -> float:
        found = number(cell)
        if found is None:
            raise NotANumberError(self.names[column], at + 1, cell)
        return found


class _Lines:
    """The lines of a file; none of them, and no row of several, goes on for ever."""

    def __init__(self, file: IO[str]) -> None:
        self._file = file
        self._taken = 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._file.readline(LONGEST_ROW)
        self._taken += len(line)
        if self._taken >= LONGEST_ROW:
            raise csv.Error(f"a row has more than {LONGEST_ROW:,} characters")
        if not line:
            raise StopIteration
        return line

    def begin_row(self) -> None:
        """The last row is read: what follows belongs to the next one."""
        self._taken = 0


def _first_line(file: IO[str]) -> str:
    """The first line that holds anything, or a part of it."""
    lines = (file.readline(LONGEST_ROW) for _ in range(MOST_BLANK_LINES))
    return next((line for line in lines if not line or line.strip()), "")


def _delimiter(line: str) -> str:
    """Tab or semicolon where there are any: a comma beside them is a decimal mark."""
    outside = re.sub(r'"[^"]*"', "", line)
    return next((mark for mark in "\t;" if mark in outside), ",")


def _is_header(first: list[str], others: list[list[str]], expected: set[str]) -> bool:
    """A row of names: expected ones, or text above numbers."""
    if expected & {cell.strip() for cell in first}:
        return True
    below = others[0] if others else []
    return any(
        number(cell) is None and (at >= len(below) or number(below[at]) is not None)
        for at, cell in enumerate(first)
    )


def _names(path: Path, header: list[str] | None, columns: int) -> list[str]:
    """The names of the columns: the header's, else their numbers.

    Raises:
        DataError: two have the same, or there are too many.
    """
    if columns > MOST_COLUMNS:
        told = f"has {columns:,} columns (limit {MOST_COLUMNS:,})"
        raise DataError(f"{path}: {told}; give .npy, or an array in .npz")
    names: list[str] = []
    seen: set[str] = set()
    for at, cell in enumerate(header if header is not None else [""] * columns):
        name = cell.strip() or f"column {at + 1}"
        if name in seen:
            raise DataError(f"{path}: two columns have the name {quoted(name)}; rename one")
        seen.add(name)
        names.append(name)
    return names
