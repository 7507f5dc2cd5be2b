"""`.npz` archives: read without believing what they say of themselves, and written so.

numpy's own writer takes names of arrays as keywords, and so not every name.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import numpy as np
from msgspec import Struct

from onnxlint.runtime.data import files
from onnxlint.runtime.protocol import Array

LARGEST_DIRECTORY = 8 * 1024**2
"""Bytes of an archive's list of members: 100,000 names. In memory it takes thirty times that."""

MOST_UNPACKED = 1032
"""Bytes that one byte of Deflate can stand for, by its format: 258 of them take 2 bits."""

LONGEST_NAME = 60_000
"""Bytes of a member's name; the format holds 65,535."""

LARGEST_TEXT = 2 * 1024**3
"""Bytes of an array of text: as many as are read of one."""

_ENCRYPTED = 1


class Member(Struct, frozen=True):
    """A stored array: what opens it, and its bytes with the header; None is all of a file."""

    open: Callable[[], IO[bytes]]
    size: int | None


@contextmanager
def members(path: Path) -> Iterator[Mapping[str, Member]]:
    """The arrays of an archive, by name.

    Raises:
        DataError: it cannot be opened.
        ValueError, zipfile.BadZipFile: it is not such an archive.
    """
    with (
        _Sparing(files.raw(path)) as file,
        zipfile.ZipFile(file) as archive,
    ):
        end = file.seek(0, io.SEEK_END)
        yield {
            info.filename.removesuffix(".npy"): _member(archive, info, end)
            for info in archive.infolist()
            if info.filename.endswith(".npy")
        }


class _Sparing(io.BufferedReader):
    """A file of which nobody reads more at a time than the list of members may take."""

    def read(self, size: int | None = -1, /) -> bytes:
        if size is None or size < 0:
            here, end = self.tell(), self.seek(0, io.SEEK_END)
            self.seek(here)
            size = max(0, end - here)
        if size > LARGEST_DIRECTORY:
            told = f"the list of members declares {size:,} bytes (limit {LARGEST_DIRECTORY:,})"
            raise zipfile.BadZipFile(told)
        return super().read(size)


def _member(archive: zipfile.ZipFile, info: zipfile.ZipInfo, end: int) -> Member:
    """One member; that its claims are impossible is said when it is opened."""

    def open_it() -> IO[bytes]:
        _check(info, end)
        return archive.open(info)

    return Member(open_it, info.file_size)


def _check(info: zipfile.ZipInfo, end: int) -> None:
    """Whether a member can be what the list says.

    Raises:
        ValueError: it cannot, or not by what numpy writes.
    """
    if info.flag_bits & _ENCRYPTED:
        raise ValueError("members are encrypted")
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ValueError("members are compressed by a method that numpy does not use")
    if info.header_offset < 0 or info.header_offset + info.compress_size > end:
        raise ValueError("the list of members points outside the file: the file is truncated")
    ratio = 1 if info.compress_type == zipfile.ZIP_STORED else MOST_UNPACKED
    if info.file_size > info.compress_size * ratio:
        claimed = f"{info.file_size:,} bytes in {info.compress_size:,}"
        raise ValueError(f"the list of members declares {claimed}, which is impossible")


def write(file: IO[bytes], arrays: Mapping[str, Array], comment: bytes) -> None:
    """Writes arrays, in the order of the model's inputs, so that `members` reads them again.

    Where a name is not one that an archive can hold, all are numbered as numpy numbers them.

    Raises:
        OSError: the file cannot be written.
        ValueError: texts are too long for numpy, which pads all to the longest.
    """
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.comment = comment
        for name, array in zip(_names([*arrays]), arrays.values(), strict=True):
            info = zipfile.ZipInfo(f"{name}.npy")  # dated 1980: equal arrays give equal files
            info.compress_type = zipfile.ZIP_DEFLATED
            with archive.open(info, "w", force_zip64=True) as stream:
                plain = _as_text(array) if array.dtype.kind == "O" else array
                np.lib.format.write_array(stream, plain, allow_pickle=False)


def _as_text(array: Array) -> Array:
    longest = max((len(str(cell)) for cell in array.flat), default=0)
    if 4 * longest * array.size > LARGEST_TEXT:
        raise ValueError(f"{array.size:,} texts of up to {longest:,} characters are too large")
    return array.astype(str)


def _names(names: Sequence[str]) -> Sequence[str]:
    most_bytes = 4 * sum(map(len, names))
    kept = all(map(_is_kept, names)) and most_bytes < LARGEST_DIRECTORY // 2
    return names if kept else [f"arr_{at}" for at in range(len(names))]


def _is_kept(name: str) -> bool:
    """Whether an archive gives the name back as it is."""
    try:
        size = len(name.encode())
    except UnicodeEncodeError:
        return False
    return size <= LONGEST_NAME and zipfile.ZipInfo(f"{name}.npy").filename == f"{name}.npy"
