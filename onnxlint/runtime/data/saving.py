"""Archives that are written whole or not at all, and over no other file."""

from __future__ import annotations

import contextlib
import io
import os
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from onnxlint.model.file.errors import DataError
from onnxlint.runtime.data import archives, files
from onnxlint.runtime.protocol import Array


def save(folder: Path, names: Sequence[str], arrays: Mapping[str, Array], mark: bytes) -> Path:
    """Writes an archive under the first of the names that is free, and gives its path.

    `mark` says what it is of: an older archive with the same one, and no other file, is replaced.

    Raises:
        OSError: it cannot be written, or no name is free.
        ValueError: the arrays are too large.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with _unfinished(folder) as (part, descriptor):
        with io.BufferedWriter(io.FileIO(descriptor, "w")) as file:
            archives.write(file, arrays, mark)
        for path in (folder / name for name in names):
            if _is_ours(path, mark):
                part.replace(path)
                return path
            if _placed(part, path):
                return path
    raise FileExistsError(f"{names[-1]} already exists")


@contextmanager
def _unfinished(folder: Path) -> Iterator[tuple[Path, int]]:
    """A new file of a passing name, which does not stay."""
    part = folder / f".onnxlint-{secrets.token_hex(8)}.part"
    descriptor = os.open(
        part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666
    )
    try:
        yield part, descriptor
    finally:
        with contextlib.suppress(OSError):  # it has its name by now
            part.unlink()


def _placed(part: Path, path: Path) -> bool:
    """Gives the file its name, unless there is one of that name."""
    try:
        path.hardlink_to(part)
    except FileExistsError:
        return False
    except OSError:  # a file system without links: the name is reserved, then taken
        return _placed_over(part, path)
    return True


def _placed_over(part: Path, path: Path) -> bool:
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666))
    except FileExistsError:
        return False
    try:
        part.replace(path)
    except BaseException:
        path.unlink()
        raise
    return True


def _is_ours(path: Path, mark: bytes) -> bool:
    """Whether there is an archive that ends with the mark."""
    try:
        with files.opened(path) as file:
            file.seek(-len(mark), io.SEEK_END)
            return file.read(len(mark)) == mark
    except (DataError, OSError):
        return False
