"""numpy's own files: `.npz`, `.npy`, a folder of `.npy`. Only the rows that are used are read.

Nothing is unpickled, and nothing is read before its size is known: an archive of a few bytes can
unpack to any number of them.
"""

from __future__ import annotations

import lzma
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import IO, Any

import numpy as np

from onnxlint.model.errors import DataError
from onnxlint.runtime.data.batching import Cut
from onnxlint.runtime.data.fitting import paired
from onnxlint.runtime.messages import Array
from onnxlint.runtime.synthesis import Slot

SUFFIXES = (".npz", ".npy")

LARGEST_BYTES = 2 * 1024**3
"""More than this is not read: one message to the process that runs the model holds 4 GiB."""

LOOKED_AT_BYTES = 256 * 1024**2
"""Samples that are looked at and not run are read up to this size."""

_UNREADABLE = (
    OSError, ValueError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error, lzma.LZMAError,
)  # fmt: skip

_HEADERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


def read(
    path: Path, slots: list[Slot], rows: int, looked_at: int, without: str | None = None
) -> dict[str, Array]:
    """The arrays of the model's inputs: their first `looked_at` rows, at least `rows` of them.

    `without` names an array that is no input.

    Raises:
        MisfitError: an input has no array.
        DataError: there are none, or they cannot be read.
    """
    try:
        with _files(path) as files:
            files.pop(without or "", None)
            if not files:
                raise DataError(f"{path}: {_emptiness(path)}")
            stored = {name: _Stored.of(files[name]) for name in paired(files, slots).values()}
            count = _rows(path, stored, slots, rows, looked_at)
            return {name: array.read(count(name)) for name, array in stored.items()}
    except _UNREADABLE as error:
        raise DataError(f"{path}: cannot be read as numpy arrays ({error})") from error


def names(path: Path) -> list[str]:
    """The names of a file's arrays.

    Raises:
        DataError: it cannot be read.
    """
    try:
        with _files(path) as files:
            return list(files)
    except _UNREADABLE as error:
        raise DataError(f"{path}: cannot be read as numpy arrays ({error})") from error


def whole(path: Path, name: str) -> Array:
    """All of one array.

    Raises:
        DataError: it cannot be read, or is too large.
    """
    try:
        with _files(path) as files:
            array = _Stored.of(files[name])
            if array.nbytes(None) > LARGEST_BYTES:
                raise DataError(f"{path}: {name!r} has more than {LARGEST_BYTES / 1024**3:.0f} GiB")
            return array.read(None)
    except _UNREADABLE as error:
        raise DataError(f"{path}: cannot be read as numpy arrays ({error})") from error


def _emptiness(path: Path) -> str:
    if path.is_dir():
        return "holds no .npy file, no image and no test_data_set_*/input_0.pb"
    return "is empty"


Opened = Callable[[], IO[bytes]]


@contextmanager
def _files(path: Path) -> Iterator[dict[str, Opened]]:
    """What opens each array, by name."""
    if path.is_dir() or path.suffix.lower() == ".npy":
        found = sorted(path.glob("[!.]*.npy")) if path.is_dir() else [path]
        yield {file.stem: lambda file=file: file.open("rb") for file in found}  # type: ignore[misc]
        return
    with zipfile.ZipFile(path) as archive:
        yield {
            name.removesuffix(".npy"): lambda name=name: archive.open(name)  # type: ignore[misc]
            for name in archive.namelist()
            if name.endswith(".npy")
        }


@dataclass(frozen=True)
class _Stored:
    """An array whose header alone was read."""

    opened: Opened
    shape: tuple[int, ...]
    by_column: bool
    dtype: np.dtype[Any]

    @classmethod
    def of(cls, opened: Opened) -> _Stored:
        with opened() as stream:
            return cls(opened, *_header(stream))

    def nbytes(self, rows: int | None) -> int:
        return prod(self._read_shape(rows)) * self.dtype.itemsize

    def _read_shape(self, rows: int | None) -> tuple[int, ...]:
        """What is unpacked for the first rows; None is all of them."""
        if rows is None or self.by_column or not self.shape:
            return self.shape
        return (min(rows, self.shape[0]), *self.shape[1:])

    def read(self, rows: int | None) -> Array:
        """The first rows, or all of them, without unpacking what follows them."""
        size = self.nbytes(rows)
        with self.opened() as stream:
            _header(stream)
            data = stream.read(size)
        if len(data) != size:
            raise ValueError("it is cut off")
        array: Array = np.frombuffer(data, self.dtype)
        array = array.reshape(self._read_shape(rows), order="F" if self.by_column else "C")
        return array[:rows] if array.ndim else array


def _header(stream: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    try:
        read_header = _HEADERS[np.lib.format.read_magic(stream)]
    except (ValueError, KeyError) as error:
        raise ValueError("it is no array that numpy saved") from error
    shape, by_column, dtype = read_header(stream)
    if dtype.hasobject:
        raise ValueError("it holds Python objects, which are not loaded")
    if not dtype.itemsize or any(size < 0 for size in shape):
        raise ValueError("its header makes no sense")
    return shape, by_column, dtype


def _rows(
    path: Path, stored: Mapping[str, _Stored], slots: list[Slot], rows: int, looked_at: int
) -> Callable[[str], int | None]:
    """How many rows of which array to read; None is all of it.

    Raises:
        DataError: they are too large.
    """
    pairs = paired(stored, slots)
    cut = Cut.of({slot.name: len(stored[pairs[slot.name]].shape) for slot in slots}, slots)
    by_row = {pairs[name] for name, axis in cut.axes.items() if axis == 0}
    if any(cut.axes.values()):
        by_row = set()  # samples along another axis: the first rows are not the first samples
    needed = sum(array.nbytes(rows if name in by_row else None) for name, array in stored.items())
    row = sum(stored[name].nbytes(1) for name in by_row)
    if needed > LARGEST_BYTES:
        told = f"what {rows} samples need takes {needed / 1024**3:.1f} GiB"
        remedy = f"give fewer (--samples); up to {LARGEST_BYTES / 1024**3:.0f} GiB are read"
        raise DataError(f"{path}: {told}; {remedy}")
    affordable = max(rows, min(looked_at, LOOKED_AT_BYTES // max(1, row)))
    return lambda name: affordable if name in by_row else None
