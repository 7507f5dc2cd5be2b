"""CSV and Parquet: columns to inputs of their names, or all columns in order to the one input."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from contextlib import suppress
from itertools import islice
from pathlib import Path

import numpy as np

from onnxlint.model.errors import DataError
from onnxlint.runtime.data.fitting import Misfit, MisfitError
from onnxlint.runtime.messages import Array
from onnxlint.runtime.synthesis import Slot

SUFFIXES = (".csv", ".tsv", ".parquet")


def read(path: Path, slots: list[Slot], rows: int) -> dict[str, Array]:
    """The first `rows` rows as arrays under the model's names.

    Raises:
        MisfitError: the columns are not those of the model.
        DataError: the file cannot be read.
    """
    columns = _parquet(path, rows) if path.suffix.lower() == ".parquet" else _csv(path, slots, rows)
    if all(slot.name in columns for slot in slots):
        return {slot.name: _shaped(columns[slot.name], slot) for slot in slots}
    if len(slots) != 1:
        missing = ", ".join(repr(slot.name) for slot in slots if slot.name not in columns)
        has = ", ".join(map(repr, columns))
        raise MisfitError([Misfit(None, f"no column for input {missing}", f"it has {has}")])
    (slot,) = slots
    text = (
        [] if slot.dtype == "str" else [n for n, c in columns.items() if c.dtype.kind not in "biuf"]
    )
    if text:
        problem = f"column {text[0]!r} holds text, and the model wants {slot.dtype}"
        raise MisfitError([Misfit(slot.name, problem, "encode it as the training did")])
    if slot.dtype == "str":
        columns = {name: column.astype(object) for name, column in columns.items()}
    table = _whole(np.stack([*columns.values()], axis=1), slot)
    return {slot.name: table[:, 0] if len(slot.dims) == 1 and table.shape[1] == 1 else table}


def _shaped(column: Array, slot: Slot) -> Array:
    column = _whole(column, slot)
    return column[:, None] if len(slot.dims) == 2 else column


def _whole(table: Array, slot: Slot) -> Array:
    """Numbers of a file have no dtype: whole ones are integers where the model wants them."""
    if table.dtype.kind == "f" and slot.dtype not in ("float16", "float32", "float64", "str"):
        integers = np.isfinite(table).all() and (table == np.floor(table)).all()
        return table.astype(np.int64) if integers else table
    return table.astype(np.float32) if table.dtype.kind == "f" == np.dtype(
        "O" if slot.dtype == "str" else slot.dtype).kind else table  # fmt: skip


def _csv(path: Path, slots: list[Slot], rows: int) -> dict[str, Array]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            sample = file.readline()
            file.seek(0)
            mark = max("\t;,", key=sample.count)
            lines = [line for line in islice(csv.reader(file, delimiter=mark), rows + 1) if line]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path}: cannot be read as CSV ({error})") from error
    if not lines:
        raise DataError(f"{path}: is empty")
    names = lines.pop(0) if _is_header(lines[0], lines[1:], slots) else None
    width = len(names or lines[0])
    names = [name.strip() for name in names] if names else [f"column {n + 1}" for n in range(width)]
    if len(set(names)) != width:
        raise DataError(f"{path}: two columns have the same name")
    for number, line in enumerate(lines[:rows]):
        if len(line) != width:
            raise DataError(f"{path}: row {number + 1} has {len(line)} cells, not {width}")
    if not lines:
        raise DataError(f"{path}: has a header and no rows")
    return {name: _parsed(line[at] for line in lines[:rows]) for at, name in enumerate(names)}


def _is_header(first: list[str], others: list[list[str]], slots: list[Slot]) -> bool:
    """A row of names: those of the inputs, or text above numbers."""
    cells = [cell.strip() for cell in first]
    if {slot.name for slot in slots} & set(cells):
        return True
    below = others[0] if others else []
    return any(
        not _is_number(cell) and (at >= len(below) or _is_number(below[at]))
        for at, cell in enumerate(cells)
    )


def _is_number(cell: str) -> bool:
    with suppress(ValueError):
        return bool(cell.strip()) and float(cell) is not None
    return not cell.strip()


def _parsed(cells: Iterable[str]) -> Array:
    """Numbers, an empty cell as NaN; text where one of them is no number."""
    kept = [cell.strip() for cell in cells]
    try:
        return np.array([float(cell) if cell else np.nan for cell in kept])
    except ValueError:
        return np.array(kept)


def _parquet(path: Path, rows: int) -> dict[str, Array]:
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError as error:
        remedy = "pip install 'onnxlint[data]'"
        raise DataError(f"{path}: Parquet needs pyarrow: {remedy}") from error
    try:
        with parquet.ParquetFile(path) as file:
            batch = next(file.iter_batches(batch_size=rows), None)
    except (OSError, pyarrow.ArrowException) as error:
        raise DataError(f"{path}: cannot be read as Parquet ({error})") from error
    if batch is None:
        raise DataError(f"{path}: has no rows")
    return {
        name: column.to_numpy(zero_copy_only=False)
        for name, column in zip(batch.schema.names, batch.columns, strict=True)
    }
