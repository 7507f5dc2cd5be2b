"""One remote file: what is known of it before it is read, and its bytes as somebody needs them."""

from __future__ import annotations

import secrets
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, TypeVar

from msgspec import Struct

from onnxlint.remote import cache
from onnxlint.remote.address import Address
from onnxlint.remote.allowance import Allowance
from onnxlint.remote.cache import CHUNK, Entry
from onnxlint.remote.errors import MissingError, RemoteError, explained
from onnxlint.remote.stores import store
from onnxlint.safety.limits import Alarm

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

T = TypeVar("T")

LARGEST_FILE = 16 * 1024**4
"""Bytes; a choice, ten times the largest model: a server may say anything."""

REQUEST_BYTES = 8 * 1024**2
"""Bytes of one request at most: so much is lost where a connection is."""

AT_ONCE = 8
"""Requests under way at the same time."""

NARROW_GAP = 4
"""Chunks that are known already and are read again, rather than to ask twice."""

TRIES = 4

PAUSES = (0.2, 1.0, 3.0)
"""Seconds before each further try."""

_VERSIONS = ("ETag", "etag", "VersionId", "generation", "md5Hash", "md5", "checksum", "blob_id",
             "sha256", "LastModified", "last_modified", "mtime", "updated", "created")  # fmt: skip
"""What file systems tell of a file that changes with its content."""


class RemoteFile(Struct):
    """A file at an address, of the version that it had when it was first looked at."""

    address: Address
    size: int
    version: str
    is_ranged: bool
    allowance: Allowance
    _store: AbstractFileSystem
    _entry: Entry
    read: int = 0
    """Bytes that came over the network."""

    @classmethod
    def of(cls, address: Address, allowance: Allowance) -> RemoteFile:
        """Asks what is there.

        Raises:
            RemoteError: there is no such file, or it cannot be read.
        """
        files = store(address)
        told = tried(lambda: files.info(_path(files, address)))
        if told.get("type") == "directory":
            raise MissingError("does not exist", "check the address")
        size = told.get("size")
        version = _version(told)
        if size is None:
            return _of_unknown_size(files, address, version, allowance)
        if size > LARGEST_FILE:
            told_size = f"has {size:,} bytes, says its server (limit {LARGEST_FILE:,})"
            raise RemoteError(told_size, "check the address")
        place = cache.entry(address.identity, version or _nonce(), size, address.name)
        return cls(address, size, version, told.get("partial", True), allowance, files, place)

    @property
    def path(self) -> Path:
        """The file in the cache, of the right size; what was not needed yet is a hole in it."""
        return self._entry.file

    def close(self) -> None:
        """From now on it may be removed from the cache."""
        self._entry.close()

    def need(self, offset: int, length: int) -> None:
        """Reads these bytes, if they are not in the cache.

        Raises:
            RemoteError: they cannot be read, or are more than may be.
        """
        if not self.is_ranged:
            self.need_all()
            return
        first, last = offset // CHUNK, cache.chunks(min(offset + length, self.size))
        missing = [*self._missing(first, last)]
        if missing:
            self.allowance.take(sum(stop - start for start, stop in missing))
            with Alarm.waiting():
                self._read(missing)

    def need_all(self) -> None:
        """Reads the whole file.

        Raises:
            RemoteError: as `need`.
        """
        if self.is_ranged:
            self.need(0, self.size)
        elif not self._entry.is_whole(self.size):
            self.allowance.take(self.size)
            with Alarm.waiting():
                tried(self._stream)

    @property
    def missing_bytes(self) -> int:
        """How many bytes are not in the cache."""
        if not self.is_ranged:
            return 0 if self._entry.is_whole(self.size) else self.size
        ranges = self._missing(0, cache.chunks(self.size))
        return sum(stop - start for start, stop in ranges)

    def check_unchanged(self) -> None:
        """Whether it still is what it was, if anything was read of it.

        Raises:
            RemoteError: it is not; then nothing of it is kept.
        """
        if not self.read:
            return
        self._store.invalidate_cache()
        now = tried(lambda: self._store.info(_path(self._store, self.address)))
        if _version(now) != self.version or now.get("size") not in (None, self.size):
            self._entry.discard()
            raise RemoteError("changed while it was read", "run again")

    def _missing(self, first: int, last: int) -> Iterator[tuple[int, int]]:
        """Ranges of bytes that are to be read, each small enough for one request."""
        marks = self._entry.read_marks(first, last)
        holes = [first + at for at, mark in enumerate(marks) if not mark]
        start = 0
        for at, hole in enumerate(holes):
            is_end = at + 1 == len(holes) or holes[at + 1] > hole + NARROW_GAP
            if is_end or (hole + 1 - holes[start]) * CHUNK >= REQUEST_BYTES:
                yield holes[start] * CHUNK, min((hole + 1) * CHUNK, self.size)
                start = at + 1

    def _read(self, ranges: list[tuple[int, int]]) -> None:
        path = _path(self._store, self.address)
        with self._entry.file.open("r+b") as file, self._entry.marks.open("r+b") as marks:
            for at in range(0, len(ranges), AT_ONCE):
                left = ranges[at : at + AT_ONCE]

                def ask(left: list[tuple[int, int]] = left) -> None:
                    starts, stops = (list(each) for each in zip(*left, strict=True))
                    parts = self._store.cat_ranges([path] * len(left), starts, stops,
                                                   on_error="return")  # fmt: skip
                    failed = []
                    for span, part in zip(left, parts, strict=True):
                        if isinstance(part, BaseException) or len(part) != span[1] - span[0]:
                            failed.append((span, part))
                            continue
                        _put(file, marks, span[0], part)
                        self.read += len(part)
                    left[:] = [span for span, _ in failed]
                    for _, part in failed:
                        short = ConnectionError("fewer bytes than were asked for")
                        raise part if isinstance(part, BaseException) else short

                tried(ask)

    def _stream(self) -> None:
        """The whole file, from a server that gives no parts of it."""
        from fsspec.asyn import sync

        done = 0
        with self._entry.file.open("r+b") as file:

            def take(piece: bytes) -> None:
                nonlocal done
                done += len(piece)
                self.read += len(piece)
                if done > self.size:
                    raise RemoteError("is longer than the server says", "run again")
                file.write(piece)

            sync(self._store.loop, self._store._streamed, self.address.url, take)
        if done < self.size:
            raise ConnectionError("fewer bytes than were promised")
        self._entry.marks.write_bytes(b"\1" * cache.chunks(self.size))


def _version(told: dict[str, Any]) -> str:
    """What changes with a file; empty where a file system tells nothing."""
    return "\0".join(f"{key} {told[key]}" for key in _VERSIONS if told.get(key))


def _nonce() -> str:
    """The version of what is never known again."""
    return secrets.token_hex(16)


def _of_unknown_size(
    files: Any, address: Address, version: str, allowance: Allowance
) -> RemoteFile:
    """A file whose size its server does not tell: it is read to its end at once."""
    from fsspec.asyn import sync

    if not hasattr(files, "_streamed"):
        raise RemoteError("its size is not told", "download the file, and name the copy")
    with tempfile.TemporaryFile(dir=cache.folder()) as spool:

        def take(piece: bytes) -> None:
            allowance.take(len(piece))
            spool.write(piece)

        def stream() -> None:
            spool.seek(0)
            sync(files.loop, files._streamed, address.url, take)

        tried(stream, tries=1)
        size = spool.tell()
        spool.seek(0)
        place = cache.entry(address.identity, _nonce(), size, address.name)
        with place.file.open("r+b") as file:
            shutil.copyfileobj(spool, file)
        place.marks.write_bytes(b"\1" * cache.chunks(size))
    return RemoteFile(address, size, version, False, allowance, files, place)


def _put(file: IO[bytes], marks: IO[bytes], offset: int, data: bytes) -> None:
    """Writes bytes to their place, then that they are there."""
    file.seek(offset)
    file.write(data)
    file.flush()
    marks.seek(offset // CHUNK)
    marks.write(b"\1" * cache.chunks(len(data)))
    marks.flush()


def _path(files: AbstractFileSystem, address: Address) -> str:
    """How the file system itself names it."""
    path: str = files._strip_protocol(address.url)
    return path


def tried(ask: Callable[[], T], tries: int = TRIES) -> T:
    """What is asked of a server, a few times where it may succeed a moment later.

    Raises:
        RemoteError: it did not.
    """
    for number in range(1, tries + 1):
        try:
            return ask()
        except Exception as error:
            told = explained(error)
            if number == tries or not told.is_passing:
                raise told from error
        time.sleep(PAUSES[number - 1])
    raise AssertionError("unreachable")
