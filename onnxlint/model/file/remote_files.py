"""The files behind a model at a remote address: in the cache, and read as somebody needs them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import cached_property, partial
from mmap import mmap
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from onnxlint.model.file.errors import ModelError
from onnxlint.model.file.mapped_files import Files, escape
from onnxlint.model.file.messages import messages
from onnxlint.model.file.protobuf_wire import INLINE
from onnxlint.remote import cache
from onnxlint.remote.address import Address
from onnxlint.remote.allowance import Allowance
from onnxlint.remote.errors import MissingError, RemoteError
from onnxlint.remote.remote_file import RemoteFile

READ_AT_ONCE = 16 * 1024**2
"""Bytes of a model file up to which it is read as a whole: to ask for its parts takes longer."""

if TYPE_CHECKING:
    from onnx import ModelProto

LEAST_AHEAD, MOST_AHEAD = cache.CHUNK, 16 * cache.CHUNK
"""Bytes that are read where a few are needed of a larger model file: the least behind a tensor that
is left out, twice as many each time where what follows is looked at, too."""

SLAB = 64 * 1024**2
"""Bytes of a large tensor that are asked for together."""


class RemoteFiles(Files):
    """The cache has each file in its size; `folder` has links to them, named as beside the model.

    Whatever is read of them is asked for first, by ranges. What native code is to open is read as
    a whole. The model's folder is that of its address, and no location leads out of it.
    """

    def __init__(self, name: str) -> None:
        self.address = Address.of(name)
        self._allowance = Allowance()
        self._beside: dict[str, RemoteFile | None] = {}
        with self._told():
            self._model_at = RemoteFile.of(self.address, self._allowance)
            folder = _view(self._model_at)
            super().__init__(folder / self.address.name, folder)
            self._is_read = self._model_at.size <= READ_AT_ONCE or not self._model_at.is_ranged
            try:
                cache.link(self.model_file, self._model_at.path)
                if self._is_read:
                    self._model_at.need_all()
            except BaseException:
                self.close()
                raise

    def reading(self, data: mmap | memoryview) -> memoryview:
        """The model's bytes, each read when somebody looks at it."""
        if self._is_read:
            return memoryview(data)
        return cast("memoryview", Paged(memoryview(data), partial(self.need, INLINE)))

    def need_model(self) -> None:
        """Reads the whole model file."""
        self._read_all(INLINE)

    @property
    def is_hashed(self) -> bool:
        """Whether it is small enough to be read as a whole at once."""
        return self._is_read

    def late_hash(self) -> str | None:
        """The hash of a model file that had to be read as a whole; None of another."""
        if not self._is_read:
            return None
        with self._model_at.path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    @contextmanager
    def _told(self, location: str = INLINE) -> Iterator[None]:
        """What goes wrong with a file, as an error that ends the model's lint.

        Raises:
            ModelError: it does.
        """
        try:
            yield
        except RemoteError as error:
            beside = "" if location == INLINE else f"external data {location!r}: "
            raise ModelError(self.address.shown, beside + error.problem, error.remedy) from error

    def need(self, location: str, offset: int, length: int | None) -> None:
        """Reads these bytes from their server."""
        found = self._remote(location)
        if found is not None and 0 <= offset <= found.size:
            with self._told(location):
                found.need(offset, found.size - offset if length is None else length)

    def has_descriptor(self, _location: str) -> bool:
        """Whether native code can read it itself: it is asked for, part by part."""
        return False

    def pieces(self, location: str, offset: int, length: int, step: int) -> Iterator[memoryview]:
        """The bytes from an offset on; large parts are asked for together."""
        slab = max(step, SLAB // max(1, step) * step, 1)
        for start in range(offset, offset + length, slab):
            size = min(slab, offset + length - start)
            self.need(location, start, size)
            yield from super().pieces(location, start, size, step)

    def gathered(self, locations: Iterable[str]) -> tuple[Path, dict[str, str]]:
        """A folder that holds these files, for native code, and thus as a whole."""
        wanted = [*locations]
        found = [each for each in map(self._remote, wanted) if each is not None]
        with self._told():
            self._allowance.check(sum(each.missing_bytes for each in found))
        for location in wanted:
            self._read_all(location)
        return super().gathered(wanted)

    def check_unchanged(self) -> None:
        """Whether what was read is of one version.

        Raises:
            ModelError: it is not.
        """
        for location, each in ((INLINE, self._model_at), *self._beside.items()):
            if each is not None:
                with self._told(location):
                    each.check_unchanged()

    def expect_all(self, proto: ModelProto) -> None:
        """Whether the model and its external data, all of which will be read, may be.

        Raises:
            ModelError: they are too much.
        """
        tensors = (message for message, _ in messages(proto, _is_no_tensor)
                   if message.DESCRIPTOR.name == "TensorProto")  # fmt: skip
        named = {entry.value for each in tensors for entry in each.external_data
                 if entry.key == "location"}  # fmt: skip
        found = [each for each in map(self._remote, sorted({INLINE, *named})) if each is not None]
        with self._told():
            self._allowance.check(sum(each.missing_bytes for each in found))

    def close(self) -> None:
        """Forgets the files; where some were read, the cache gives up others if it is full."""
        super().close()
        found = [each for each in (self._model_at, *self._beside.values()) if each is not None]
        for each in found:
            each.close()
        if any(each.read for each in found):
            cache.trim()

    def _read_all(self, location: str) -> None:
        found = self._remote(location)
        if found is not None:
            with self._told(location):
                found.need_all()
            self._is_read |= location == INLINE

    def _remote(self, location: str) -> RemoteFile | None:
        """A file by its location; None where there is none, or may be none."""
        if location == INLINE:
            return self._model_at
        if location not in self._beside:
            self._beside[location] = (
                None if not location or escape(location) else self._at(location)
            )
        return self._beside[location]

    def _at(self, location: str) -> RemoteFile | None:
        try:
            with self._told(location):
                found = _found(self.address.beside(location), self._allowance)
            if found is not None:
                cache.link(self.folder / location, found.path)
            return found
        except (OSError, ValueError):  # a name that no file of this system can have
            return None

    def _place(self, location: str) -> Path | str:
        if location != INLINE:
            self._remote(location)
        return super()._place(location)

    def _homes(self) -> set[Path]:
        """The view of the model's folder, whose links lead to the files of the cache."""
        return {self.folder.resolve(), *self._reached}

    @property
    def _reached(self) -> set[Path]:
        found = (self._model_at, *self._beside.values())
        return {each.path.parent.resolve() for each in found if each is not None}

    @cached_property
    def _itself(self) -> Path:
        return self._model_at.path.resolve()


def _is_no_tensor(message: Any) -> bool:
    return bool(message.DESCRIPTOR.name != "TensorProto")


class Paged:
    """The bytes of a remote model file, as far as `skeleton` looks at those of a memoryview."""

    def __init__(self, data: memoryview, need: Callable[[int, int], None]) -> None:
        self._data, self._need = data, need
        self._start = self._stop = 0
        self._ahead = LEAST_AHEAD

    def __len__(self) -> int:
        return len(self._data)

    def __getitem__(self, at: int | slice) -> int | memoryview:
        start, stop = (at, at + 1) if isinstance(at, int) else at.indices(len(self))[:2]
        if not self._start <= start <= stop <= self._stop:
            goes_on = self._start < start <= self._stop
            self._ahead = min(2 * self._ahead, MOST_AHEAD) if goes_on else LEAST_AHEAD
            self._start = start
            self._stop = min(len(self), max(stop, start + self._ahead))
            self._need(start, self._stop - start)
        return self._data[at]

    def __enter__(self) -> Paged:
        return self

    def __exit__(self, *_: object) -> None:
        self._data.release()


def _found(address: Address, allowance: Allowance) -> RemoteFile | None:
    try:
        return RemoteFile.of(address, allowance)
    except MissingError:
        return None


def _view(model: RemoteFile) -> Path:
    """A folder of links for one version of a model."""
    key = hashlib.sha256(f"{model.address.identity}\0{model.version}".encode()).hexdigest()[:32]
    folder = cache.folder() / "views" / key
    folder.mkdir(parents=True, mode=0o700, exist_ok=True)
    return folder
