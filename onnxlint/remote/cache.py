"""What was read of remote files, kept in a folder: what is not read yet is a hole in its file."""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import shutil
from functools import cache
from pathlib import Path
from stat import S_ISDIR, S_IWOTH
from typing import IO

from msgspec import Struct

from onnxlint.remote.errors import RemoteError
from onnxlint.toml_tables import ConfigError, parse_bytes

FOLDER = "ONNXLINT_REMOTE_CACHE"
SIZE = "ONNXLINT_REMOTE_CACHE_SIZE"

LARGEST = 50 * 1024**3
"""Bytes of all files, those used longest ago go first; a choice, of a dozen large models."""

CHUNK = 64 * 1024
"""Bytes that are read, or not, together: those of a large tensor at least."""

_TAG = "Signature: 8a477f597d28d172789f06886806bc55\n# Remote files of onnxlint; safe to delete.\n"


class Entry(Struct, frozen=True):
    """One version of one remote file: its bytes in `file`, and in `marks` which of them are read.

    A mark is a byte a chunk, written after the chunk: whoever is ended in the middle, and whoever
    reads the same at the same time, does no harm.
    """

    file: Path
    marks: Path
    lock: IO[bytes]

    def is_whole(self, size: int) -> bool:
        """Whether every byte has been read."""
        return self.marks.read_bytes().count(1) == chunks(size)

    def read_marks(self, first: int, last: int) -> bytes:
        """A byte for each of these chunks, 0 of one that was not read."""
        with self.marks.open("rb") as opened:
            opened.seek(first)
            return opened.read(last - first).ljust(last - first, b"\0")

    def close(self) -> None:
        """From now on it may be removed."""
        self.lock.close()

    def discard(self) -> None:
        """Removes what turned out to be of another version."""
        with contextlib.suppress(OSError):
            self.marks.unlink()
        with contextlib.suppress(OSError):
            self.file.unlink()


def chunks(size: int) -> int:
    """How many a file of this size has."""
    return -(-size // CHUNK)


def entry(identity: str, version: str, size: int, name: str) -> Entry:
    """The place of a version of a file, made where there is none; it stays while this process does.

    Raises:
        RemoteError: it cannot be made.
    """
    key = hashlib.sha256(f"{identity}\0{version}\0{size}".encode("utf-8", "surrogateescape"))
    try:
        return _made(folder(), key.hexdigest()[:32], name, size)
    except OSError as error:
        told = f"the cache of remote files cannot be written ({error.strerror or error})"
        raise RemoteError(told, f"name another folder by {FOLDER}") from error


def _made(root: Path, key: str, name: str, size: int) -> Entry:
    for part in ("files", "marks"):
        (root / part).mkdir(parents=True, mode=0o700, exist_ok=True)
    home = root / "files" / key
    home.mkdir(mode=0o700, exist_ok=True)
    file, marks = home / name, root / "marks" / key
    lock = _locked(marks)
    for path, wanted in ((file, size), (marks, chunks(size))):
        with path.open("ab") as opened:
            if opened.seek(0, os.SEEK_END) != wanted:
                if path is file:  # it was cut, or is new: nothing of it is known
                    os.truncate(marks, 0)
                opened.truncate(wanted)
    os.utime(marks)
    return Entry(file, marks, lock)


def _locked(marks: Path) -> IO[bytes]:
    """Marks under a lock that others may have, too, and that keeps them from being removed."""
    while True:
        opened = marks.open("a+b")
        try:
            import fcntl
        except ImportError:  # Windows, where nobody removes what is open
            return opened
        with contextlib.suppress(OSError):  # a file system that has no locks
            fcntl.flock(opened, fcntl.LOCK_SH)
        with contextlib.suppress(OSError):
            if os.path.samestat(os.fstat(opened.fileno()), marks.stat()):
                return opened
        opened.close()  # it was removed meanwhile


def hold(file: Path) -> None:
    """Keeps a file of the cache from being removed, as long as this process is there."""
    with _locked(file.parents[2] / "marks" / file.parent.name) as lock:
        os.dup(lock.fileno())  # has the lock, too, and is never closed


def folder() -> Path:
    """Where remote files are kept.

    Raises:
        RemoteError: somebody else could write into it.
    """
    named = os.environ.get(FOLDER)
    root = Path(named) if named else _usual()
    with contextlib.suppress(FileNotFoundError):
        status = root.stat()
        if not S_ISDIR(status.st_mode):
            raise _unfit(root, "is not a directory")
        if hasattr(os, "geteuid") and status.st_uid != os.geteuid():
            raise _unfit(root, "belongs to another user")
        if hasattr(os, "geteuid") and status.st_mode & S_IWOTH:
            raise _unfit(root, "can be written by everybody")
        return root
    root.mkdir(parents=True, mode=0o700, exist_ok=True)
    (root / "CACHEDIR.TAG").write_text(_TAG, encoding="utf-8")
    return root


@cache
def _usual() -> Path:
    import platformdirs

    return platformdirs.user_cache_path("onnxlint", appauthor=False) / "remote"


def _unfit(root: Path, problem: str) -> RemoteError:
    return RemoteError(f"{root} {problem}", f"name another folder by {FOLDER}")


def largest() -> int:
    """Bytes that the cache may have.

    Raises:
        RemoteError: the environment names no size.
    """
    given = os.environ.get(SIZE)
    try:
        return parse_bytes(given) if given else LARGEST
    except ConfigError as error:
        raise RemoteError(f"{SIZE}: {error}", "correct it, or leave it out") from error


def trim() -> None:
    """Removes the files that were used longest ago, where there is too much; none in use."""
    root, most = folder(), largest()
    known = []
    for marks in (root / "marks").glob("*"):
        with contextlib.suppress(OSError):
            known.append((marks.stat().st_mtime, marks, _taken(root / "files" / marks.name)))
    size = sum(each[2] for each in known)
    for _, marks, taken in sorted(known):
        if size <= most:
            break
        if _removed(marks, root / "files" / marks.name):
            size -= taken
    for view in (root / "views").glob("*"):
        if not any(link.exists() for link in view.rglob("*") if link.is_symlink()):
            shutil.rmtree(view, ignore_errors=True)


def _taken(home: Path) -> int:
    """Bytes on the disk: holes take none."""
    return sum(getattr(status, "st_blocks", 0) * 512 or status.st_size
               for status in (file.stat() for file in home.iterdir()))  # fmt: skip


def _removed(marks: Path, home: Path) -> bool:
    try:
        with marks.open("a+b") as opened:
            with contextlib.suppress(ImportError):
                import fcntl

                fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
            marks.unlink()
            shutil.rmtree(home, ignore_errors=True)
    except OSError:  # in use, or gone
        return False
    return True


def link(path: Path, target: Path) -> None:
    """A link, made anew where it leads elsewhere; others see the old or the new one.

    Raises:
        OSError, ValueError: there can be no such file.
    """
    path.parent.mkdir(parents=True, mode=0o700, exist_ok=True)
    if path.is_symlink() and os.readlink(path) == str(target):  # noqa: PTH115
        return
    fresh = path.with_name(f".{secrets.token_hex(8)}")
    fresh.symlink_to(target)
    fresh.replace(path)
