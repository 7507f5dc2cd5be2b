"""The files behind a model: mapped when somebody looks, and never one outside of its folder."""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath, PureWindowsPath
from urllib.parse import urlsplit

from onnxlint.model.wire import INLINE


class TensorError(ValueError):
    """A tensor whose data cannot be read as its dtype and dims say."""


@dataclass(eq=False)
class Files:
    """The mapped files behind one model: the model's own and those of its external data."""

    model_file: Path
    folder: Path
    spans: frozenset[tuple[int, int]] = frozenset()
    _maps: dict[Path, mmap.mmap] = field(default_factory=dict)
    _refusals: dict[str, str | None] = field(default_factory=dict)

    def view(self, location: str, offset: int, length: int | None) -> memoryview:
        """The bytes at a tensor's external location; raises TensorError where there are none."""
        if location == INLINE and (offset, length) not in self.spans:
            raise TensorError("its data location does not exist")
        path = self._path(location)
        data = memoryview(self._map(path))
        end = len(data) if length is None else offset + length
        if not 0 <= offset <= end <= len(data):
            raise TensorError(f"bytes {offset} to {end} lie outside {path.name} ({len(data)} B)")
        return data[offset:end]

    def pieces(self, location: str, offset: int, length: int, step: int) -> Iterator[memoryview]:
        """The bytes from an offset on, `step` at a time; each piece overwrites the one before."""
        buffer = memoryview(bytearray(min(step, length)))
        path = self._path(location)
        try:
            with path.open("rb", buffering=0) as file:
                file.seek(offset)
                while length > 0:
                    got = file.readinto(buffer[:length])
                    if not got:
                        raise TensorError(f"{path.name} ends too early")
                    yield buffer[:got]
                    length -= got
        except OSError as error:
            raise TensorError(f"{path.name}: {error.strerror}") from error

    def refusal(self, location: str) -> str | None:
        """Why a file of external data may not be opened, whoever asks: it is out of the folder."""
        if location not in self._refusals:
            reason = _escape(location)
            if reason is None and not self._holds(self.folder / location):
                reason = "leads out of the model's folder through a link"
            self._refusals[location] = reason
        return self._refusals[location]

    def _holds(self, path: Path) -> bool:
        """Whether a file, links followed, is in the model's folder or that of its link's target."""
        try:
            resolved = path.resolve()
        except (OSError, RuntimeError):  # a loop of links
            return False
        homes = {self.folder.resolve(), self.model_file.resolve().parent}
        return any(resolved.is_relative_to(home) for home in homes)

    def _path(self, location: str) -> Path:
        if location == INLINE:
            return self.model_file
        reason = self.refusal(location)
        if reason is not None:
            raise TensorError(f"external data {location!r} {reason}")
        path = self.folder / location
        try:
            if path.is_file():  # no pipe, which would be waited for
                return path
        except OSError as error:  # such as a name that is too long
            raise TensorError(f"external data {location!r}: {error.strerror}") from error
        raise TensorError(f"external data {location!r} is no file")

    def _map(self, path: Path) -> mmap.mmap | bytes:
        if path not in self._maps:
            try:
                with path.open("rb") as file:
                    self._maps[path] = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
            except ValueError:  # an empty file cannot be mapped
                return b""
            except OSError as error:
                raise TensorError(f"{path.name}: {error.strerror}") from error
        return self._maps[path]

    def close(self) -> None:
        """Forgets the mapped files; each is unmapped when the last array over it is gone."""
        self._maps.clear()


def _escape(location: str) -> str | None:
    """Why the name of a file leads out of the folder, whatever lies there."""
    if "\0" in location:
        return "holds a NUL character, which no file name has"
    if urlsplit(location.replace("\\", "/")).scheme and "://" in location:
        return "is a URL"
    if PurePosixPath(location).is_absolute() or PureWindowsPath(location).anchor:
        return "is an absolute path"
    if ".." in PureWindowsPath(location).parts:
        return "climbs out of the model's folder with '..'"
    return None
