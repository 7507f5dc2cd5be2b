"""CSV and Parquet: columns to inputs of their names, or all columns in order to the one input."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import numpy as np

from onnxlint.model.file.errors import Misfit, MisfitError
from onnxlint.runtime.data import delimited, parquet
from onnxlint.runtime.data.cells import NotANumberError
from onnxlint.runtime.data.fitting import is_rounded
from onnxlint.runtime.data.wording import listed, quoted
from onnxlint.runtime.feeds.synthesis import Slot
from onnxlint.runtime.protocol import Array

SUFFIXES = (".csv", ".tsv", ".parquet")

LARGEST_COLUMN = 10_000_000
"""Rows of labels that are read at most: as many as samples can be run."""


class Table(Protocol):
    """An opened table: the names of its columns, and what they hold."""

    @property
    def names(self) -> list[str]:
        """The names of the columns, each another one."""

    def matrix(self, without: str | None, rows: int, looked_at: int) -> Array:
        """All columns but one as numbers, [rows, columns]: at least `rows`, if there are as many.

        Raises:
            NotANumberError: a cell is none.
            DataError: the file cannot be read, or is too large.
        """

    def columns(
        self, numbers: Sequence[str], texts: Sequence[str], rows: int, looked_at: int
    ) -> dict[str, Array]:
        """Some columns, as numbers or as text (dtype object); rows as in `matrix`.

        Raises:
            NotANumberError: a cell is none.
            DataError: the file cannot be read, or is too large.
        """


def read(
    path: Path, slots: list[Slot], rows: int, looked_at: int, without: str | None = None
) -> dict[str, Array]:
    """The first `looked_at` rows, or `rows` of wide tables, as arrays under the model's names.

    `without` names a column that is not a feature.

    Raises:
        MisfitError: the columns are not those of the model.
        DataError: the file cannot be read.
    """
    expected = {slot.name for slot in slots} | ({without} if without else set())
    with _opened(path, expected) as table:
        known = set(table.names) - {without}
        if all(slot.name in known for slot in slots):
            return _by_name(table, slots, rows, looked_at)
        if len(slots) != 1:
            missing = [slot.name for slot in slots if slot.name not in known]
            has = listed([name for name in table.names if name != without])
            problem = f"no column for input {listed(missing)}"
            raise MisfitError([Misfit(None, problem, f"the data has {has}")])
        (slot,) = slots
        found = _whole_table(table, slot, without, rows, looked_at)
    return {slot.name: found[:, 0] if len(slot.dims) == 1 and found.shape[1] == 1 else found}


def names(path: Path, expected: set[str]) -> list[str]:
    """The names of the columns; a first row with one of the expected names is a header.

    Raises:
        DataError: the file cannot be read.
    """
    with _opened(path, expected) as table:
        return list(table.names)


def column(path: Path, expected: set[str], name: str) -> Array:
    """One column: numbers where all its cells are, whole ones as integers; else text.

    Raises:
        DataError: the file cannot be read.
    """
    rows = LARGEST_COLUMN
    try:
        with _opened(path, expected) as table:
            return whole_numbers(table.columns([name], [], rows, rows)[name])
    except NotANumberError:
        with _opened(path, expected) as table:
            return table.columns([], [name], rows, rows)[name]


def whole_numbers(array: Array) -> Array:
    """Floating-point numbers as integers, where all are whole."""
    if array.dtype.kind != "f" or not np.isfinite(array).all():
        return array
    whole = (array == np.floor(array)).all() and (np.abs(array) < 2**53).all()
    return array.astype(np.int64) if whole else array


@contextmanager
def _opened(path: Path, expected: set[str]) -> Iterator[Table]:
    if path.suffix.lower() == ".parquet":
        with parquet.opened(path) as table:
            yield table
    else:
        with delimited.opened(path, expected) as rows:
            yield rows


def _by_name(table: Table, slots: list[Slot], rows: int, looked_at: int) -> dict[str, Array]:
    """The columns that inputs are named after: text as it stands, numbers parsed."""
    texts = [slot.name for slot in slots if slot.dtype == "str"]
    numeric = {slot.name: slot for slot in slots if slot.dtype != "str"}
    try:
        found = table.columns([*numeric], texts, rows, looked_at)
    except NotANumberError as error:
        raise _misfit(error, numeric[error.column]) from error
    found |= {name: _whole(found[name], slot) for name, slot in numeric.items()}
    return {slot.name: _shaped(found[slot.name], slot) for slot in slots}


def _whole_table(table: Table, slot: Slot, without: str | None, rows: int, looked_at: int) -> Array:
    if slot.dtype == "str":
        chosen = [name for name in table.names if name != without]
        if not chosen:
            raise MisfitError([Misfit(slot.name, "the data has no column except the labels")])
        texts = table.columns([], chosen, rows, looked_at)
        return np.stack([texts[name] for name in chosen], axis=1)
    try:
        return _whole(table.matrix(without, rows, looked_at), slot)
    except NotANumberError as error:
        raise _misfit(error, slot) from error


def _misfit(error: NotANumberError, slot: Slot) -> MisfitError:
    told = f"column {quoted(error.column)} contains {quoted(error.cell)} in row {error.row}"
    cause = "encode it as in training"
    if re.fullmatch(r"\s*[-+]?\d+,\d+\s*", error.cell):
        cause = "write decimals with a point"
    return MisfitError([Misfit(slot.name, f"{told}, model expects {slot.dtype}", cause)])


def _shaped(column: Array, slot: Slot) -> Array:
    return column[:, None] if len(slot.dims) == 2 else column


def _whole(array: Array, slot: Slot) -> Array:
    """Numbers of a file have no dtype: whole ones are integers where the model wants them."""
    wanted = np.dtype(slot.dtype)
    if array.dtype.kind == "f" and wanted.kind in "iub":
        whole = bool(np.isfinite(array).all() and (array == np.floor(array)).all())
        array = array.astype(np.int64) if whole and (np.abs(array) < 2**62).all() else array
    if array.dtype.kind in "iu" and wanted.kind == "b" and np.isin(array, (0, 1)).all():
        return array.astype(bool)
    if array.dtype.kind in "iuf" and wanted.kind == "f":
        with np.errstate(over="ignore"):
            narrow = array.astype(wanted)
        is_lossy = (np.isinf(narrow) & ~np.isinf(array)).any() or is_rounded(array, narrow)
        return array if is_lossy else narrow
    return array
