"""CSV and Parquet: columns to inputs of their names, or all columns in order to the one input."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import IO, Any

import numpy as np

from onnxlint.model.errors import DataError, Misfit, MisfitError
from onnxlint.runtime.messages import Array
from onnxlint.runtime.synthesis import Slot

SUFFIXES = (".csv", ".tsv", ".parquet")

LONGEST_LINE = 1 << 24
"""Characters of a line of CSV; a file without line ends is none."""

MISSING = frozenset({"", "na", "n/a", "nan", "null", "none"})
"""How a missing number is written, in lower case."""

_PANDAS_INDEX = re.compile(r"__index_level_\d+__")


LARGEST_COLUMN = 10_000_000
"""Rows of labels that are read at most."""


def read(path: Path, slots: list[Slot], rows: int, without: str | None = None) -> dict[str, Array]:
    """The first `rows` rows as arrays under the model's names; `without` names no feature.

    Raises:
        MisfitError: the columns are not those of the model.
        DataError: the file cannot be read.
    """
    expected = {slot.name for slot in slots} | ({without} if without else set())
    columns = _columns(path, expected, rows)
    columns.pop(without or "", None)
    if all(slot.name in columns for slot in slots):
        return {slot.name: _shaped(_column(columns, slot.name, slot), slot) for slot in slots}
    if len(slots) != 1:
        missing = ", ".join(repr(slot.name) for slot in slots if slot.name not in columns)
        has = ", ".join(map(repr, columns))
        raise MisfitError([Misfit(None, f"no column for input {missing}", f"it has {has}")])
    (slot,) = slots
    table = np.stack([_column(columns, name, slot) for name in columns], axis=1)
    return {slot.name: table[:, 0] if len(slot.dims) == 1 and table.shape[1] == 1 else table}


def columns(path: Path, expected: set[str]) -> dict[str, Array]:
    """All columns as they stand; a first row with one of the expected names is a header.

    Raises:
        DataError: the file cannot be read.
    """
    return _columns(path, expected, LARGEST_COLUMN)


def numbers(column: Array) -> Array:
    """A column of cells as numbers, where all of them are; whole ones become integers."""
    if column.dtype.kind == "O":
        parsed = [_number(cell) for cell in column.tolist()]
        if None in parsed:
            return column
        column = np.array(parsed, np.float64)
    if column.dtype.kind != "f" or not np.isfinite(column).all():
        return column
    whole = (column == np.floor(column)).all() and (np.abs(column) < 2**53).all()
    return column.astype(np.int64) if whole else column


def _columns(path: Path, expected: set[str], rows: int) -> dict[str, Array]:
    if path.suffix.lower() == ".parquet":
        return _parquet(path, rows)
    return _csv(path, expected, rows)


def _shaped(column: Array, slot: Slot) -> Array:
    return column[:, None] if len(slot.dims) == 2 else column


def _column(columns: Mapping[str, Array], name: str, slot: Slot) -> Array:
    """One column as its input wants it: text as it stands, numbers parsed.

    Raises:
        MisfitError: the model wants numbers, and a cell is none.
    """
    column = columns[name]
    if slot.dtype == "str":
        return np.array(["" if cell is None else str(cell) for cell in column.tolist()], object)
    if column.dtype.kind not in "biuf":
        numbers = np.full(len(column), np.nan)
        for at, cell in enumerate(column.tolist()):
            number = _number(cell)
            if number is None:
                told = f"column {name!r} holds {str(cell)!r} in row {at + 1}"
                cause = "write decimals with a point" if _is_decimal_comma(cell) else (
                    "encode it as the training did"
                )  # fmt: skip
                raise MisfitError(
                    [Misfit(slot.name, f"{told}, and the model wants {slot.dtype}", cause)]
                )
            numbers[at] = number
        column = numbers
    return _whole(column, slot)


def _whole(column: Array, slot: Slot) -> Array:
    """Numbers of a file have no dtype: whole ones are integers where the model wants them."""
    wanted = np.dtype(slot.dtype)
    if column.dtype.kind == "f" and wanted.kind in "iub":
        whole = bool(np.isfinite(column).all() and (column == np.floor(column)).all())
        column = column.astype(np.int64) if whole and (np.abs(column) < 2**62).all() else column
    if column.dtype.kind in "iu" and wanted.kind == "b" and np.isin(column, (0, 1)).all():
        return column.astype(bool)
    if column.dtype.kind in "iuf" and wanted.kind == "f":
        with np.errstate(over="ignore"):
            narrow = column.astype(wanted)
        return column if (np.isinf(narrow) & ~np.isinf(column)).any() else narrow
    return column


def _number(cell: object) -> float | None:
    """What a cell means; NaN where it is empty or says so, None where it is no number."""
    text = "" if cell is None else str(cell).strip()
    if text.lower() in MISSING:
        return np.nan
    try:
        return None if "_" in text else float(text)
    except ValueError:
        return None


def _is_decimal_comma(cell: object) -> bool:
    return re.fullmatch(r"\s*[-+]?\d+,\d+\s*", str(cell)) is not None


def _csv(path: Path, expected: set[str], rows: int) -> dict[str, Array]:
    """Columns of text, by name."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            mark = _delimiter(file.readline(LONGEST_LINE))
            file.seek(0)
            reader = csv.reader(_lines(file), delimiter=mark)
            filled = ((reader.line_num, line) for line in reader if any(map(str.strip, line)))
            lines = list(islice(filled, rows + 1))
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: is no UTF-8 text ({error}); save it as UTF-8") from error
    except (OSError, csv.Error) as error:
        raise DataError(f"{path}: cannot be read as CSV ({error})") from error
    if not lines:
        raise DataError(f"{path}: is empty")
    cells = [line for _, line in lines]
    names = _names(
        path, lines.pop(0)[1] if _is_header(cells[0], cells[1:], expected) else None, cells
    )
    if not lines:
        raise DataError(f"{path}: has a header and no rows")
    for number, line in lines[:rows]:
        if len(line) != len(names):
            raise DataError(f"{path}: line {number} has {len(line)} cells, not {len(names)}")
    table = [line for _, line in lines[:rows]]
    return {name: np.array([line[at] for line in table], object) for at, name in enumerate(names)}


def _names(path: Path, header: list[str] | None, cells: list[list[str]]) -> list[str]:
    if header is None:
        return [f"column {at + 1}" for at in range(len(cells[0]))]
    names = [name.strip() or f"column {at + 1}" for at, name in enumerate(header)]
    doubled = next((name for at, name in enumerate(names) if name in names[:at]), None)
    if doubled is not None:
        raise DataError(f"{path}: two columns have the name {doubled!r}; rename one")
    return names


def _lines(file: IO[str]) -> Iterator[str]:
    while line := file.readline(LONGEST_LINE):
        if len(line) == LONGEST_LINE:
            raise csv.Error(f"a line has more than {LONGEST_LINE:,} characters")
        yield line


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
        _number(cell) is None and (at >= len(below) or _number(below[at]) is not None)
        for at, cell in enumerate(first)
    )


def _parquet(path: Path, rows: int) -> dict[str, Array]:
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError as error:
        remedy = "pip install 'onnxlint[data]'"
        raise DataError(f"{path}: Parquet needs pyarrow: {remedy}") from error
    try:
        with parquet.ParquetFile(path) as file:
            batches = list(_first(file.iter_batches(batch_size=rows), rows))
        columns = {
            name: _joined(name, [batch.column(at) for batch in batches])
            for at, name in enumerate(batches[0].schema.names if batches else ())
            if not _PANDAS_INDEX.fullmatch(name)
        }
    except (OSError, ValueError, pyarrow.ArrowException) as error:
        raise DataError(f"{path}: cannot be read as Parquet ({error})") from error
    if not columns:
        raise DataError(f"{path}: has no rows")
    return columns


def _first(batches: Iterable[Any], rows: int) -> Iterator[Any]:
    """Batches, which end with a group of the file, until there are so many rows."""
    for batch in batches:
        yield batch.slice(0, rows)
        rows -= batch.num_rows
        if rows <= 0:
            return


def _joined(name: str, parts: list[Any]) -> Array:
    column = np.concatenate([part.to_numpy(zero_copy_only=False) for part in parts])
    nested = next((type(cell).__name__ for cell in column.flat
                   if isinstance(cell, list | dict | np.ndarray)), None)  # fmt: skip
    if nested is not None:
        raise ValueError(f"column {name!r} holds a {nested} in a cell; give one number a column")
    return column
