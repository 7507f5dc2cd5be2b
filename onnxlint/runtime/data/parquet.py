"""Parquet, in batches of the columns that are wanted.

pyarrow is native code and believes what pages say of their own size: what is refused here is what
the footer shows, and its process needs a limit of memory for the rest.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np

from onnxlint.model.errors import DataError
from onnxlint.runtime.data import files
from onnxlint.runtime.data.arrays import LARGEST_BYTES, LOOKED_AT_BYTES, TEXT_BYTES
from onnxlint.runtime.data.cells import MOST_NUMBERS, NotANumberError, affordable, number
from onnxlint.runtime.data.wording import quoted, shortened
from onnxlint.runtime.messages import Array

LARGEST_FOOTER = 32 * 1024**2
"""Bytes of what a file says of its columns: some 100 for each, in each group of rows."""

MOST_COLUMNS = 50_000
"""Columns: a choice. pyarrow takes 10 kB of memory and 50 microseconds for each."""

BUFFER_BYTES = 64 * 1024
"""Of a column this much is read at a time, instead of all of it in a group of rows."""

BATCH_NUMBERS = 1 << 22
"""Numbers that are read at a time."""

_PANDAS_INDEX = re.compile(r"__index_level_\d+__")


@contextmanager
def opened(path: Path) -> Iterator[Batches]:
    """The table in a file of Parquet.

    Raises:
        DataError: it is none, or pyarrow is missing.
    """
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError as error:
        remedy = "pip install 'onnxlint[data]'"
        raise DataError(f"{path}: Parquet needs pyarrow: {remedy}") from error
    usual = pyarrow.default_memory_pool()
    pyarrow.set_memory_pool(pyarrow.system_memory_pool())  # the usual one claims gigabytes at once
    try:
        with files.opened(path) as stream:
            _check_footer(stream)
            with parquet.ParquetFile(stream, buffer_size=BUFFER_BYTES) as file:
                yield Batches(path, file)
    except (OSError, ValueError, MemoryError, KeyError, pyarrow.ArrowException) as error:
        if isinstance(error, NotANumberError):
            raise
        reason = shortened(str(error)) or type(error).__name__
        raise DataError(f"{path}: cannot be read as Parquet ({reason}); save it again") from error
    finally:
        pyarrow.set_memory_pool(usual)


def _check_footer(stream: IO[bytes]) -> None:
    """Whether the footer can be as long as the file says, and is not too long to be read.

    Raises:
        ValueError: it is not so.
    """
    end = files.size_of(stream)
    stream.seek(max(0, end - 8))
    tail = stream.read(8)
    stream.seek(0)
    if stream.read(4) != b"PAR1" or tail[4:] != b"PAR1":
        raise ValueError("it does not begin and end as such files do")
    length = int.from_bytes(tail[:4], "little")
    if length > end - 12:
        raise ValueError(f"its footer claims {length:,} bytes of {end:,}")
    if length > LARGEST_FOOTER:
        raise ValueError(f"its footer takes {length:,} bytes (limit {LARGEST_FOOTER:,})")
    stream.seek(0)


class Batches:
    """The rows of a table, which are read as they are asked for."""

    def __init__(self, path: Path, file: Any) -> None:
        self._path, self._file = path, file
        count = file.metadata.num_columns
        if count > MOST_COLUMNS:
            told = f"has {count:,} columns (limit {MOST_COLUMNS:,})"
            raise DataError(f"{path}: {told}; give .npy, or an array in .npz")
        self._schema = file.schema_arrow
        self.names = [name for name in self._schema.names if not _PANDAS_INDEX.fullmatch(name)]
        if not self.names:
            raise DataError(f"{path}: has no columns")
        seen: set[str] = set()
        for name in self.names:
            if name in seen:
                raise DataError(f"{path}: two columns have the name {quoted(name)}; rename one")
            seen.add(name)

    def matrix(self, without: str | None, rows: int, looked_at: int) -> Array:
        """See `tables.Table`."""
        chosen = [name for name in self.names if name != without]
        if not chosen:
            raise DataError(f"{self._path}: has no column beside the labels")
        found = self.columns(chosen, [], rows, looked_at)
        return np.stack([found.pop(name) for name in chosen], axis=1)

    def columns(
        self, numbers: Sequence[str], texts: Sequence[str], rows: int, looked_at: int
    ) -> dict[str, Array]:
        """See `tables.Table`."""
        parts: dict[str, list[Array]] = {name: [] for name in [*numbers, *texts]}
        self._check_types(parts)
        seen = size = 0
        for batch in self._batches([*parts], rows, looked_at):
            for name in numbers:
                parts[name].append(_numbers(name, seen, batch.column(name)))
            for name in texts:
                parts[name].append(_texts(batch.column(name)))
            seen += batch.num_rows
            size += batch.nbytes + TEXT_BYTES * batch.num_rows * len(texts)
            if size > LARGEST_BYTES or seen * len(parts) > MOST_NUMBERS:
                told = f"what {rows:,} samples need is more than {MOST_NUMBERS:,} numbers"
                raise DataError(f"{self._path}: {told}; give fewer (--samples), or .npy")
        if not seen:
            raise DataError(f"{self._path}: has no rows")
        return {name: np.concatenate(found) for name, found in parts.items()}

    def _check_types(self, names: Sequence[str] | dict[str, list[Array]]) -> None:
        from pyarrow import types

        for name in names:
            kind = self._schema.field(name).type
            if types.is_nested(kind) or types.is_null(kind):
                told = f"column {quoted(name)} holds a {shortened(str(kind))} in a cell"
                raise DataError(f"{self._path}: {told}; give one number a column")

    def _batches(self, names: list[str], rows: int, looked_at: int) -> Iterator[Any]:
        """Rows in batches, which end with a group of the file."""
        left = affordable(rows, looked_at, len(names), LOOKED_AT_BYTES // 8)
        size = min(left, max(1, BATCH_NUMBERS // len(names)), 1 << 16)
        if not self._file.metadata.num_rows:
            return
        for batch in self._file.iter_batches(batch_size=size, columns=names):
            part = batch.slice(0, left)
            yield part
            left -= part.num_rows
            if left <= 0:
                return


def _numbers(name: str, before: int, column: Any) -> Array:
    """The numbers of a part of a column; text is parsed."""
    array: Array = column.to_numpy(zero_copy_only=False)
    if array.dtype.kind in "biuf":
        return array
    parsed = np.empty(len(array))
    for at, cell in enumerate(array.tolist()):
        found = number(cell)
        if found is None:
            raise NotANumberError(name, before + at + 1, str(cell))
        parsed[at] = found
    return parsed


def _texts(column: Any) -> Array:
    cells = column.to_numpy(zero_copy_only=False).tolist()
    return np.array(["" if cell is None else str(cell) for cell in cells], object)
