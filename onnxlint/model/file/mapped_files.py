"""The files behind a model: mapped when somebody looks, and never one outside of its folder."""

from __future__ import annotations

import errno
import mmap
import os
import stat
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cached_property
from io import FileIO
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from onnxlint.model.file.hashing import Hashing
from onnxlint.model.file.protobuf_wire import INLINE

if TYPE_CHECKING:
    from onnx import ModelProto


class TensorError(ValueError):
    """A tensor whose data cannot be read as its dtype and dims say."""


class NotAFileError(Exception):
    """A model's path leads to a folder, or to a pipe or device."""

    def __init__(self, is_folder: bool) -> None:
        super().__init__(is_folder)
        self.is_folder = is_folder


class Files:
    """The mapped files behind one model: the model's own and those of its external data."""

    def __init__(
        self, model_file: Path, folder: Path, spans: frozenset[tuple[int, int]] = frozenset()
    ) -> None:
        self.model_file, self.folder, self.spans = model_file, folder, spans
        self._maps: dict[Path, mmap.mmap] = {}
        self._places: dict[str, Path | str] = {}
        self._model: FileIO | None = None
        self.hashing: Hashing | None = None
        """The hash of the model file, where every byte of it was at hand."""

    def size(self) -> int:
        """Bytes of the model file.

        Raises:
            OSError, ValueError: there is no such file.
            NotAFileError: it is something else.
        """
        status = self.model_file.stat()
        if not stat.S_ISREG(status.st_mode):  # a pipe would be waited for, a device never ends
            raise NotAFileError(stat.S_ISDIR(status.st_mode))
        return status.st_size

    def map_model(self) -> mmap.mmap | memoryview:
        """The model file, mapped once: whatever takes its place later is another file."""
        self._model = opened(self._itself)
        data = mmap.mmap(self._model.fileno(), 0, access=mmap.ACCESS_READ)
        self._maps[self._itself] = data
        return data

    def reading(self, data: mmap.mmap | memoryview) -> memoryview:
        """The bytes of the mapped model, for whoever walks through them."""
        return memoryview(data)

    def need(self, location: str, offset: int, length: int | None) -> None:
        """Somebody is about to look at these bytes; those of a local file are there."""

    def need_model(self) -> None:
        """Somebody is about to read the whole model file."""

    @property
    def is_hashed(self) -> bool:
        """Whether every byte of the model file is at hand when it is parsed."""
        return True

    def late_hash(self) -> str | None:
        """The hash of a model file that had to be read as a whole later on; else None."""
        return None

    def expect_all(self, proto: ModelProto) -> None:
        """Somebody is about to read all that belongs to the model."""

    def check_unchanged(self) -> None:
        """Whether the files are still those that were opened; what is mapped here stays so."""

    def view(self, location: str, offset: int, length: int | None) -> memoryview:
        """The bytes at a tensor's external location; raises TensorError where there are none."""
        found = self.span(location, offset, length)
        self.need(location, offset, length)
        return found

    def span(self, location: str, offset: int, length: int | None) -> memoryview:
        """The same for whoever asks how long they are only, and does not look at them."""
        if location == INLINE and (offset, length) not in self.spans:
            raise TensorError("data location does not exist")
        data = memoryview(self._map(location))
        end = len(data) if length is None else offset + length
        if not 0 <= offset <= end <= len(data):
            where = f"outside {self._name(location)} ({len(data)} B)"
            raise TensorError(f"bytes {offset} to {end} lie {where}")
        return data[offset:end]

    def pieces(self, location: str, offset: int, length: int, step: int) -> Iterator[memoryview]:
        """The bytes from an offset on, `step` at a time; each piece overwrites the one before."""
        buffer = _buffer(min(step, length))
        end = offset + length
        try:
            with self._opened(location) as file:
                for start in range(offset, end, max(1, len(buffer))):
                    piece = buffer[: end - start]
                    if not _fill(piece, file, start):
                        raise TensorError(f"{self._name(location)} ends too early")
                    yield piece
        except OSError as error:
            raise TensorError(f"{self._name(location)}: {error.strerror}") from error

    def has_descriptor(self, _location: str) -> bool:
        """Whether native code can read it itself: it is a file of this machine."""
        return True

    @contextmanager
    def read_by(self, location: str, step: int) -> Iterator[tuple[int, memoryview]]:
        """A file that is open, and memory for `step` bytes of it, which the thread has once.

        Raises:
            TensorError: it cannot be opened.
        """
        try:
            with self._opened(location) as file:
                yield file.fileno(), _threads_own(step)
        except OSError as error:
            raise TensorError(f"{self._name(location)}: {error.strerror}") from error

    def _opened(self, location: str) -> FileIO:
        if location == INLINE and self._model is not None:  # whatever has its name by now
            return FileIO(os.dup(self._model.fileno()))
        return opened(self.resolved(location))

    def refusal(self, location: str) -> str | None:
        """Why a file of external data may not be opened, whoever asks: it is out of the folder."""
        place = self._place(location)
        return place if isinstance(place, str) else None

    def resolved(self, location: str) -> Path:
        """The file itself, links followed; raises TensorError where none may be opened."""
        if location == INLINE:
            return self._itself
        place = self._place(location)
        if isinstance(place, str):
            raise TensorError(f"external data {location!r} {place}")
        try:
            if place.is_file():  # no pipe, which would be waited for
                return place
        except OSError as error:  # such as a name that is too long
            raise TensorError(f"external data {location!r}: {error.strerror}") from error
        raise TensorError(f"external data {location!r} is not a file")

    def gathered(self, locations: Iterable[str]) -> tuple[Path, dict[str, str]]:
        """A folder that holds these files, links followed, and their locations in it.

        Those that cannot be told from there have none: a name that is no UTF-8, another drive.
        Raises TensorError where one may not be opened.
        """
        found = {location: self.resolved(location) for location in locations}
        home = self.folder.resolve()
        near = [str(path.parent) for path in found.values() if path.drive == home.drive]
        base = Path(os.path.commonpath(near)) if near else home
        while not _is_text(str(base)) and base != base.parent:
            base = base.parent
        # With a dot in front none is taken for onnxruntime's marks of data in memory.
        names = {location: f"./{path.relative_to(base).as_posix()}"
                 for location, path in found.items() if path.is_relative_to(base)}  # fmt: skip
        return base, {location: name for location, name in names.items() if _is_text(name)}

    @cached_property
    def _itself(self) -> Path:
        return self.model_file.resolve()

    def _place(self, location: str) -> Path | str:
        """The file that a location leads to, links followed; or why it may not be opened."""
        if location not in self._places:
            self._places[location] = escape(location) or self._inside(self.folder / location)
        return self._places[location]

    def _inside(self, path: Path) -> Path | str:
        """A file, links followed, of the model's folder or that of its link's target."""
        outside = "is outside the model's folder, through a link"
        try:
            reached = path.resolve()
        except (OSError, RuntimeError):  # a loop of links
            return outside
        return reached if any(reached.is_relative_to(home) for home in self._homes()) else outside

    def _homes(self) -> set[Path]:
        """The folders that may hold external data."""
        return {self.folder.resolve(), self._itself.parent}

    def _name(self, location: str) -> str:
        return self.model_file.name if location == INLINE else PurePosixPath(location).name

    def _map(self, location: str) -> mmap.mmap | memoryview | bytes:
        path = self.resolved(location)
        if path not in self._maps:
            try:
                with opened(path) as file:
                    self._maps[path] = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
            except ValueError:  # an empty file cannot be mapped
                return b""
            except OSError as error:
                raise TensorError(f"{self._name(location)}: {error.strerror}") from error
        return self._maps[path]

    def let_go(self) -> None:
        """Nobody looks at them now: what was read of them need not lie in memory as ours."""
        for mapped in self._maps.values():
            if isinstance(mapped, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
                mapped.madvise(mmap.MADV_DONTNEED)

    def close(self) -> None:
        """Forgets the mapped files; each is unmapped when the last array over it is gone."""
        self._maps.clear()
        if self.hashing is not None:
            self.hashing.close()
        if self._model is not None:
            self._model.close()


PAGES_FROM = 64 * 1024
"""Bytes of a buffer that is made of whole pages: the system copies to them a fifth faster."""


def _buffer(size: int) -> memoryview:
    return memoryview(bytearray(size) if size < PAGES_FROM else mmap.mmap(-1, size))


_own = threading.local()


def _threads_own(size: int) -> memoryview:
    """A buffer that is made once for a thread, which uses it for one thing at a time."""
    kept: memoryview | None = getattr(_own, "buffer", None)
    if kept is None or len(kept) < size:
        kept = _own.buffer = _buffer(size)
    return kept[:size]


def _fill(buffer: memoryview, file: FileIO, offset: int) -> bool:
    """Fills it with the bytes at an offset; false where the file ends before.

    The file's own position is nobody's: a duplicated handle shares it with everyone else who reads
    the file at the same time, forked processes among them.
    """
    while buffer:
        if hasattr(os, "preadv"):
            got = os.preadv(file.fileno(), [buffer], offset)
        else:  # Windows, where nothing is forked
            file.seek(offset)
            got = file.readinto(buffer)
        if not got:
            return False
        buffer, offset = buffer[got:], offset + got
    return True


def opened(path: Path) -> FileIO:
    """A regular file for reading, unbuffered: never a link, and no pipe is waited for.

    Raises:
        OSError: it cannot be read, or is none.
    """
    flags = os.O_RDONLY
    for name in ("O_BINARY", "O_NOFOLLOW", "O_NONBLOCK"):  # each platform has its own
        flags |= getattr(os, name, 0)
    handle = os.open(path, flags)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise OSError(errno.EINVAL, "is not a regular file", str(path))
    return FileIO(handle)


def _is_text(name: str) -> bool:
    """Whether a path can stand in a protobuf: one that is no UTF-8 holds lone surrogates."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def escape(location: str) -> str | None:
    """Why the location of external data leads out of its folder, whatever lies there."""
    if "\0" in location:
        return "contains a NUL character, which is not valid in a file name"
    if urlsplit(location.replace("\\", "/")).scheme and "://" in location:
        return "is a URL"
    if PurePosixPath(location).is_absolute() or PureWindowsPath(location).anchor:
        return "is an absolute path"
    if ".." in PureWindowsPath(location).parts:
        return "escapes the model's folder with '..'"
    return None
