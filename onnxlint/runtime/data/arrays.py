"""numpy's own files: `.npz`, `.npy`, a folder of `.npy`. Only the rows that are used are read.

Nothing is unpickled, and nothing is read before its size is known: an archive of a few bytes can
unpack to any number of them, and a header can promise any number of elements.
"""

from __future__ import annotations

import struct
import sys
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from math import prod
from pathlib import Path
from typing import IO, Any

import numpy as np
from msgspec import Struct

from onnxlint.model.file.errors import DataError
from onnxlint.runtime.data import archives, files
from onnxlint.runtime.data.archives import Member
from onnxlint.runtime.data.batching import Cut
from onnxlint.runtime.data.fitting import TEXT_KINDS, paired, slot_dtype
from onnxlint.runtime.data.headers import read_header
from onnxlint.runtime.data.wording import quoted, shortened
from onnxlint.runtime.feeds.synthesis import Slot
from onnxlint.runtime.protocol import Array

SUFFIXES = (".npz", ".npy")

LARGEST_BYTES = 2 * 1024**3
"""More than this is not read: one message to the process that runs the model holds 4 GiB."""

LOOKED_AT_BYTES = 256 * 1024**2
"""Samples that are looked at and not run are read up to this size."""

TEXT_BYTES = 64
"""Bytes of a short text as Python holds it, beside what the file has of it."""

PIECE_BYTES = 1 << 20
"""Bytes that are unpacked at a time."""

_UNREADABLE = (
    OSError, ValueError, EOFError, OverflowError, RuntimeError, zipfile.BadZipFile, zlib.error,
    struct.error,
)  # fmt: skip


def read(
    path: Path, slots: list[Slot], rows: int, looked_at: int, without: str | None = None
) -> dict[str, Array]:
    """The arrays of the model's inputs: their first `looked_at` rows, at least `rows` of them.

    `without` names an array that is not an input.

    Raises:
        MisfitError: an input has no array.
        DataError: there are none, or they cannot be read.
    """
    with _readable(path), _members(path) as found:
        known = {name: member for name, member in found.items() if name != without}
        if not known:
            raise DataError(f"{path}: {_emptiness(path)}")
        pairs = paired(known, slots)
        stored = {name: _Stored.of(known[name]) for name in pairs.values()}
        count = _rows(path, stored, pairs, slots, rows, looked_at)
        return {name: array.read(count(name)) for name, array in stored.items()}


def names(path: Path) -> list[str]:
    """The names of a file's arrays.

    Raises:
        DataError: it cannot be read.
    """
    with _readable(path), _members(path) as found:
        return list(found)


def whole(path: Path, name: str) -> Array:
    """All of one array.

    Raises:
        DataError: it cannot be read, or is too large.
    """
    with _readable(path), _members(path) as found:
        array = _Stored.of(found[name])
        if array.taken(None, np.dtype(np.int64)) > LARGEST_BYTES:
            told = f"{quoted(name)} takes more than {LARGEST_BYTES / 1024**3:.0f} GiB"
            raise DataError(f"{path}: {told}; give fewer samples")
        return array.read(None)


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    """Tells in a sentence what of a file cannot be read.

    Raises:
        DataError: something cannot.
    """
    try:
        yield
    except _UNREADABLE as error:
        told = f"cannot be read as numpy arrays ({shortened(str(error))})"
        raise DataError(f"{path}: {told}; save it again with numpy") from error


def _emptiness(path: Path) -> str:
    if path.is_dir():
        return "contains no .npy file, no image and no test_data_set_*/input_0.pb"
    return "contains no array; save them with numpy.savez"


@contextmanager
def _members(path: Path) -> Iterator[Mapping[str, Member]]:
    """The stored arrays, by name."""
    if files.is_folder(path):
        shown = (name for name in files.names(path) if not name.startswith("."))
        yield {
            name.removesuffix(".npy"): _file(path / name)
            for name in shown if name.endswith(".npy")
        }  # fmt: skip
    elif path.suffix.lower() == ".npy":
        yield {path.stem: _file(path)}
    else:
        with archives.members(path) as found:
            yield found


def _file(path: Path) -> Member:
    return Member(lambda: files.opened(path), None)


class _Stored(Struct, frozen=True):
    """An array whose header was read, and no more."""

    member: Member
    shape: tuple[int, ...]
    by_column: bool
    dtype: np.dtype[Any]

    @classmethod
    def of(cls, member: Member) -> _Stored:
        """Reads the header.

        Raises:
            ValueError: it promises more than there is.
        """
        with member.open() as stream:
            array = cls(member, *read_header(stream))
            end = member.size
            if end is None:
                end = files.size_of(stream)
            promised, held = array.nbytes(None), end - stream.tell()
        if promised > held:
            raise ValueError(
                f"the header declares {promised:,} bytes of {held:,}: the file is truncated"
            )
        return array

    def nbytes(self, rows: int | None) -> int:
        """Bytes of what is unpacked for the first rows."""
        return prod(self._read_shape(rows)) * self.dtype.itemsize

    def taken(self, rows: int | None, wanted: np.dtype[Any]) -> int:
        """Bytes that the same takes in memory, in the wanted dtype."""
        size = max(self.dtype.itemsize, wanted.itemsize)
        if self.dtype.kind in TEXT_KINDS:
            size = self.dtype.itemsize + TEXT_BYTES
        return prod(self._read_shape(rows)) * size

    def _read_shape(self, rows: int | None) -> tuple[int, ...]:
        """What is unpacked for the first rows; None is all of them."""
        if rows is None or self.by_column or not self.shape:
            return self.shape
        return (min(rows, self.shape[0]), *self.shape[1:])

    def read(self, rows: int | None) -> Array:
        """The first rows, or all of them, without unpacking what follows them."""
        with self.member.open() as stream:
            read_header(stream)
            data: Array = taken(stream, self.nbytes(rows)).view(self.dtype)
        if self.dtype.kind == "U":
            _require_text(data)
        shape = self._read_shape(rows)
        array = data.reshape(shape, order="F") if self.by_column else data.reshape(shape)
        return array[:rows] if array.ndim else array


def _require_text(texts: Array) -> None:
    """Looks at code points, which Python's strings cannot all hold.

    Raises:
        ValueError: some are none.
    """
    points = texts.view(texts.dtype.byteorder.replace("|", "=") + "u4")
    for at in range(0, points.size, PIECE_BYTES):
        piece = points[at : at + PIECE_BYTES]
        if (piece > sys.maxunicode).any():
            raise ValueError("the text contains invalid characters")


def taken(stream: IO[bytes], size: int) -> Array:
    """The next bytes, which are never twice in memory.

    Raises:
        ValueError: there are fewer.
    """
    data = np.empty(size, np.uint8)
    for at in range(0, size, PIECE_BYTES):
        piece = stream.read(min(PIECE_BYTES, size - at))
        if len(piece) != min(PIECE_BYTES, size - at):
            raise ValueError("the file is truncated")
        data[at : at + len(piece)] = np.frombuffer(piece, np.uint8)
    return data


def _rows(
    path: Path, stored: Mapping[str, _Stored], pairs: Mapping[str, str], slots: list[Slot],
    rows: int, looked_at: int,
) -> Callable[[str], int | None]:  # fmt: skip
    """How many rows of which array to read; None is all of it.

    `pairs` names the array of each input.

    Raises:
        DataError: they are too large.
    """
    cut = Cut.of({slot.name: len(stored[pairs[slot.name]].shape) for slot in slots}, slots)
    by_row = {pairs[name] for name, axis in cut.axes.items() if axis == 0}
    if any(cut.axes.values()):
        by_row = set()  # samples along another axis: the first rows are not the first samples
    wanted = {pairs[slot.name]: slot_dtype(slot) for slot in slots}
    needed = sum(
        array.taken(rows if name in by_row else None, wanted[name])
        for name, array in stored.items()
    )
    row = sum(stored[name].taken(1, wanted[name]) for name in by_row)
    if needed > LARGEST_BYTES:
        told = f"{rows:,} samples need {needed / 1024**3:,.1f} GiB"
        remedy = f"give fewer (--samples); the limit is {LARGEST_BYTES / 1024**3:.0f} GiB"
        raise DataError(f"{path}: {told}; {remedy}")
    affordable = max(rows, min(looked_at, LOOKED_AT_BYTES // max(1, row)))
    return lambda name: affordable if name in by_row else None
