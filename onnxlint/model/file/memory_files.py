"""The files behind a model in memory, which is written to one where that cannot be helped."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import IO

from onnxlint.model.file.mapped_files import Files, TensorError
from onnxlint.model.file.protobuf_wire import INLINE


class MemoryFiles(Files):
    """Its model "file" is `data`; onnxruntime is given a temporary one for its large tensors."""

    def __init__(self, data: bytes | bytearray, name: str, folder: Path) -> None:
        super().__init__(folder / name, folder)
        self._data = memoryview(data).toreadonly()
        self._spool: IO[bytes] | None = None

    def map_model(self) -> memoryview:
        """The model's bytes."""
        return self._data

    def size(self) -> int:
        """So many they are."""
        return len(self._data)

    def pieces(self, location: str, offset: int, length: int, step: int) -> Iterator[memoryview]:
        """The bytes from an offset on, `step` at a time."""
        if location != INLINE:
            yield from super().pieces(location, offset, length, step)
            return
        piece = self._data[offset : offset + length]
        for start in range(0, len(piece), max(1, step)):
            yield piece[start : start + step]

    def has_descriptor(self, location: str) -> bool:
        """Whether it is a file: the model's bytes lie in memory."""
        return location != INLINE

    def _map(self, location: str) -> memoryview | bytes:
        return self._data if location == INLINE else memoryview(super()._map(location))

    def _homes(self) -> set[Path]:
        return {self.folder.resolve()}

    @cached_property
    def _itself(self) -> Path:
        """The temporary file, which is made when the first one asks."""
        import tempfile  # not for models that lie in files

        try:
            spool = tempfile.NamedTemporaryFile(prefix="onnxlint-", suffix=".onnx")  # noqa: SIM115
            spool.write(self._data)
            spool.flush()
        except OSError as error:
            message = f"the model cannot be written to a temporary file ({error.strerror})"
            raise TensorError(message) from error
        self._spool = spool
        return Path(spool.name)

    def close(self) -> None:
        """Forgets the bytes, and removes the temporary file."""
        super().close()
        if self._spool is not None:
            self._spool.close()
