"""Files and folders of data, opened without trust: regular files alone, which nobody waits for."""

from __future__ import annotations

import errno
import io
import os
import stat
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from onnxlint.model.file.errors import DataError
from onnxlint.runtime.data.wording import shortened

MOST_ENTRIES = 2_000_000
"""Entries of a folder, and of the folders in it, that are looked at: ImageNet has 1.3 million."""

DEEPEST_FOLDER = 16
"""Folders in folders that are looked into: a choice; data sets have one level for each class."""

_KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


@contextmanager
def guarded(path: Path) -> Iterator[None]:
    """Whatever the system, or its memory, refuses while data is read is told in a sentence.

    Raises:
        DataError: it refused something.
    """
    try:
        yield
    except MemoryError as error:
        raise DataError(
            f"{path}: needs more memory than available; give fewer samples (--samples)"
        ) from error
    except (OSError, OverflowError, RecursionError) as error:
        told = shortened(str(error)) or type(error).__name__
        raise DataError(f"{path}: cannot be read ({told}); save it again") from error


def is_there(path: Path) -> bool:
    """Whether there is anything; a name that no file can have is not there."""
    try:
        path.stat()
    except (OSError, ValueError):
        return False
    return True


def is_folder(path: Path) -> bool:
    """Whether it is a folder, and no file.

    Raises:
        DataError: there is neither, or it is neither.
    """
    mode = _mode(path)
    if not stat.S_ISDIR(mode):
        _require_regular(path, mode)
    return stat.S_ISDIR(mode)


def opened(path: Path) -> IO[bytes]:
    """A regular file that is not empty, opened to be read.

    Raises:
        DataError: it is another kind of file, empty, or cannot be opened.
    """
    return io.BufferedReader(raw(path))


def size_of(file: IO[bytes]) -> int:
    """Bytes of an opened file."""
    return os.fstat(file.fileno()).st_size


def raw(path: Path) -> io.FileIO:
    """The same, not buffered.

    Raises:
        DataError: it is another kind of file, empty, or cannot be opened.
    """
    _require_regular(path, _mode(path))  # before it is opened: a device may act on that
    try:
        flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
        descriptor = os.open(path, flags)
    except OSError as error:
        raise _unopened(path, error) from error
    try:
        status = os.fstat(descriptor)
        _require_regular(path, status.st_mode)
        if not status.st_size:
            raise DataError(f"{path}: file is empty; write it again")
    except BaseException:
        os.close(descriptor)
        raise
    return io.FileIO(descriptor)


def names(folder: Path) -> list[str]:
    """What lies in a folder, in order.

    Raises:
        DataError: it cannot be listed, or holds too much.
    """
    return sorted(each.rpartition(os.sep)[2] for each in _walk(folder, 1))


def tree(folder: Path) -> Iterator[str]:
    """The paths of all that lies in a folder and the folders in it; links to these end there.

    Raises:
        DataError: one cannot be listed, or they hold too much.
    """
    return _walk(folder, DEEPEST_FOLDER)


def _walk(top: Path, depth: int) -> Iterator[str]:
    waiting = deque([(str(top), depth)])
    count = 0
    while waiting:
        folder, depth = waiting.popleft()
        try:
            with os.scandir(folder) as found:
                for entry in found:
                    count += 1
                    if count > MOST_ENTRIES:
                        told = f"contains more than {MOST_ENTRIES:,} files"
                        raise DataError(f"{top}: {told}; give a folder with the samples only")
                    yield entry.path
                    if depth > 1 and entry.is_dir(follow_symlinks=False):
                        waiting.append((entry.path, depth - 1))
        except OSError as error:
            raise _unopened(Path(folder), error) from error


def _mode(path: Path) -> int:
    try:
        return path.stat().st_mode
    except (OSError, ValueError) as error:
        raise _unopened(path, error) from error


def _require_regular(path: Path, mode: int) -> None:
    if not stat.S_ISREG(mode):
        kind = _KINDS.get(stat.S_IFMT(mode), "a special file")
        raise DataError(f"{path}: is {kind}, not a regular file; give the file with the data")


def _unopened(path: Path, error: OSError | ValueError) -> DataError:
    """What is wrong with a path, as the system says it."""
    number = error.errno if isinstance(error, OSError) else None
    if number in (errno.ENOENT, errno.ENOTDIR):
        return DataError(f"{path}: does not exist; check the path")
    reason = error.strerror if isinstance(error, OSError) else str(error)
    return DataError(f"{path}: cannot be opened ({reason}); check the path and its permissions")
