"""Parquet, in batches of the columns that are wanted.

pyarrow is native code and believes what pages say of their own size: what is refused here is what
the footer shows, and its process needs a limit of memory for the rest.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np

from onnxlint.model.file.errors import DataError
from onnxlint.runtime.data import files
from onnxlint.runtime.data.arrays import LARGEST_BYTES, LOOKED_AT_BYTES, TEXT_BYTES
from onnxlint.runtime.data.cells import MOST_NUMBERS, NotANumberError, affordable, number
from onnxlint.runtime.data.wording import quoted, shortened
from onnxlint.runtime.protocol import Array

LARGEST_FOOTER = 32 * 1024**2
"""Bytes of what a file says of its columns: some 100 for each, in each group of rows."""

MOST_COLUMNS = 50_000
"""Columns: a choice. pyarrow takes 10 kB of memory and 50 microseconds for each."""

BUFFER_BYTES = 64 * 1024
"""Of a column this much is read at a time, instead of all of it in a group of rows."""

BATCH_NUMBERS = 1 << 22
"""Numbers that are read at a time."""

BATCH_TEXTS = 1024
"""Rows with text that are read at a time."""

LARGEST_BATCH = 256 * 1024**2
"""Bytes of a batch: numbers take an eighth of it, and texts of the usual length less."""

LONGEST_TEXT = 1 << 17
"""Bytes of a text: as long as a cell of CSV may be."""

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
            with parquet.ParquetFile(stream) as first:
                texts = _texts_of(path, first)
                how = {"metadata": first.metadata, "buffer_size": BUFFER_BYTES}
                with parquet.ParquetFile(stream, read_dictionary=texts, **how) as file:
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
        raise ValueError("not a Parquet file")
    length = int.from_bytes(tail[:4], "little")
    if length > end - 12:
        raise ValueError(f"the footer declares {length:,} bytes of {end:,}")
    if length > LARGEST_FOOTER:
        raise ValueError(f"the footer has {length:,} bytes (limit {LARGEST_FOOTER:,})")
    stream.seek(0)


def _texts_of(path: Path, file: Any) -> list[str]:
    """The columns of text: what is in the file once, and repeats, is to be once in memory.

    Raises:
        DataError: there are too many columns.
    """
    from pyarrow import types

    count = file.metadata.num_columns
    if count > MOST_COLUMNS:
        told = f"has {count:,} columns (limit {MOST_COLUMNS:,})"
        raise DataError(f"{path}: {told}; give .npy, or an array in .npz")
    kinds = (types.is_string, types.is_large_string, types.is_binary, types.is_large_binary)
    return [field.name for field in file.schema_arrow
            if any(is_kind(field.type) for is_kind in kinds)]  # fmt: skip


class Batches:
    """The rows of a table, which are read as they are asked for."""

    def __init__(self, path: Path, file: Any) -> None:
        self._path, self._file = path, file
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
            raise DataError(f"{self._path}: has no column except the labels")
        found = self.columns(chosen, [], rows, looked_at)
        return np.stack([found.pop(name) for name in chosen], axis=1)

    def columns(
        self, numbers: Sequence[str], texts: Sequence[str], rows: int, looked_at: int
    ) -> dict[str, Array]:
        """See `tables.Table`."""
        parts: dict[str, list[Array]] = {name: [] for name in [*numbers, *texts]}
        has_text = self._has_text(parts)
        seen = size = 0
        for batch in self._batches([*parts], rows, looked_at, has_text=has_text):
            if batch.nbytes > LARGEST_BATCH:
                told = f"{batch.num_rows:,} rows need {batch.nbytes / 1024**2:,.0f} MiB"
                raise DataError(f"{self._path}: {told}; give shorter texts, or .npy")
            for name in numbers:
                parts[name].append(_numbers(name, seen, _plain(batch.column(name))))
            for name in texts:
                parts[name].append(_texts(_plain(batch.column(name))))
            seen += batch.num_rows
            size += batch.nbytes + TEXT_BYTES * batch.num_rows * len(texts)
            if size > LARGEST_BYTES or seen * len(parts) > MOST_NUMBERS:
                told = f"{rows:,} samples have more than {MOST_NUMBERS:,} values"
                raise DataError(f"{self._path}: {told}; give fewer (--samples), or .npy")
        if not seen:
            raise DataError(f"{self._path}: has no rows")
        return {name: np.concatenate(found) for name, found in parts.items()}

    def _has_text(self, names: Iterable[str]) -> bool:
        """Whether cells of the columns may be of any length, as texts are.

        Raises:
            DataError: cells hold no single number or text, or too long a text.
        """
        from pyarrow import types

        has_text = False
        for name in names:
            kind = self._schema.field(name).type
            if types.is_nested(kind) or types.is_null(kind):
                told = f"column {quoted(name)} contains a {shortened(str(kind))} in a cell"
                raise DataError(f"{self._path}: {told}; give one value per column")
            has_text |= not types.is_primitive(kind)
        if has_text:
            self._check_lengths()
        return has_text

    def _check_lengths(self) -> None:
        """Looks at what the footer says of whole groups of rows: at columns it may end pyarrow."""
        metadata = self._file.metadata
        for group in map(metadata.row_group, range(metadata.num_row_groups)):
            cells = max(1, group.num_rows) * max(1, metadata.num_columns)
            if group.total_byte_size > LONGEST_TEXT * cells:
                told = f"contains texts of more than {LONGEST_TEXT:,} bytes"
                raise DataError(f"{self._path}: {told}; give shorter ones")

    def _batches(
        self, names: list[str], rows: int, looked_at: int, *, has_text: bool
    ) -> Iterator[Any]:
        """Rows in batches, which end with a group of the file."""
        left = affordable(rows, looked_at, len(names), LOOKED_AT_BYTES // 8)
        size = min(left, max(1, BATCH_NUMBERS // len(names)), BATCH_TEXTS if has_text else 1 << 16)
        if not self._file.metadata.num_rows:
            return
        for batch in self._file.iter_batches(batch_size=size, columns=names):
            part = batch.slice(0, left)
            yield part
            left -= part.num_rows
            if left <= 0:
                return


def _plain(column: Any) -> Array:
    """A part of a column as numpy has it; a text that repeats is one object.

    Raises:
        ValueError: a text is too long.
    """
    import pyarrow

    if not isinstance(column, pyarrow.DictionaryArray):
        return np.asarray(column.to_numpy(zero_copy_only=False))
    found = np.full(len(column), None, object)
    there = column.is_valid().to_numpy(zero_copy_only=False)
    if there.any():
        used, which = np.unique(column.indices.drop_null().to_numpy(), return_inverse=True)
        values = column.dictionary.take(pyarrow.array(used)).to_numpy(zero_copy_only=False)
        longest = max(map(len, values))
        if longest > LONGEST_TEXT:
            raise ValueError(f"a text of {longest:,} characters (limit {LONGEST_TEXT:,})")
        found[there] = values[which]
    return found


def _numbers(name: str, before: int, array: Array) -> Array:
    """The numbers of a part of a column; text is parsed."""
    if array.dtype.kind in "biuf":
        return array
    parsed = np.empty(len(array))
    is_date = array.dtype.kind in "mM"
    for at, cell in enumerate((array.astype(str) if is_date else array).tolist()):
        found = None if is_date else number(cell)
        if found is None:
            raise NotANumberError(name, before + at + 1, str(cell))
        parsed[at] = found
    return parsed


def _texts(array: Array) -> Array:
    return np.array(["" if cell is None else str(cell) for cell in array.tolist()], object)
