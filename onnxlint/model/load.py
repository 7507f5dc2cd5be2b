"""Reads a model file without trusting it: mapped, parsed as plain protobuf, nothing executed."""

from __future__ import annotations

import hashlib
import mmap
import sys
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from onnxlint.model.errors import ModelError
from onnxlint.model.files import Files
from onnxlint.model.wire import Skeleton, WireError, skeleton

if TYPE_CHECKING:
    from onnx import ModelProto

TEXT_FORMATS = {
    ".json": "json",
    ".onnxjson": "json",
    ".textproto": "textproto",
    ".prototxt": "textproto",
    ".pbtxt": "textproto",
    ".txtpb": "textproto",
    ".onnxtxt": "onnxtxt",
    ".onnxtext": "onnxtxt",
}
"""Endings of the textual formats that onnx itself reads, and its names for them."""

MODEL_SUFFIXES = (".onnx", *TEXT_FORMATS)


@dataclass(eq=False)
class Model:
    """One ONNX file with its external data.

    `proto` is the parsed model; raw data of large tensors stays in the file and is reached through
    `files` (see `onnxlint.model.files`). `path` is as the user wrote it.
    """

    path: str
    proto: ModelProto
    files: Files
    size: int

    @cached_property
    def sha256(self) -> str:
        """Hash of the model file (without its external data), 64 hex digits."""
        with self.files.model_file.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    @cached_property
    def explained_bytes(self) -> int | None:
        """Bytes of the file that ONNX's fields account for; None in a textual format.

        The rest is in fields that onnx does not know, or in copies that later ones replace.
        """
        if self.files.model_file.suffix.lower() in TEXT_FORMATS:
            return None
        known = type(self.proto)()
        known.CopyFrom(self.proto)
        known.DiscardUnknownFields()
        size: int = known.ByteSize() + sum(length for _, length in self.files.spans)
        return size


@contextmanager
def open_model(path: str) -> Iterator[Model]:
    """Reads the model at `path` (`-`: standard input) and keeps its files open meanwhile.

    Raises:
        ModelError: there is no readable model.
    """
    if path != "-":
        with _read(path, Path(path), Path(path).parent) as model:
            yield model
        return
    with tempfile.NamedTemporaryFile(prefix="onnxlint-", suffix=".onnx") as spool:
        while block := sys.stdin.buffer.read(1 << 20):
            spool.write(block)
        spool.flush()
        with _read("<stdin>", Path(spool.name), Path.cwd()) as model:
            yield model


@contextmanager
def _read(name: str, file: Path, folder: Path) -> Iterator[Model]:
    if file.is_dir():
        raise ModelError(
            name, "is a directory", "name a file in it, or a glob such as 'DIR/*.onnx'"
        )
    try:
        size = file.stat().st_size
        if size == 0:
            raise ModelError(name, "is empty", "export or download it again")
        proto, spans = _parse(name, file)
    except OSError as error:
        problem = f"cannot be read ({error.strerror or error})"
        raise ModelError(name, problem, "check the path and its permissions") from error
    if not proto.HasField("graph"):
        raise ModelError(name, "holds no graph", "is it an ONNX model?")
    if _has_broken_text(proto):
        raise ModelError(name, "holds text that is no UTF-8", "it is damaged: export it again")
    files = Files(file, folder, spans)
    try:
        yield Model(name, proto, files, size)
    finally:
        files.close()


def _parse(name: str, file: Path) -> tuple[ModelProto, frozenset[tuple[int, int]]]:
    from onnx import ModelProto

    text_format = TEXT_FORMATS.get(file.suffix.lower())
    if text_format is not None:
        return _parse_text(name, file, text_format), frozenset()
    with file.open("rb") as handle, mmap.mmap(handle.fileno(), 0, access=mmap.ACCESS_READ) as data:
        reduced = _reduced(name, data)
    try:
        return ModelProto.FromString(reduced.data), reduced.spans
    except Exception as error:  # protobuf's DecodeError, which it does not export alike everywhere
        raise _not_a_model(name, str(error)) from error


def _reduced(name: str, data: mmap.mmap) -> Skeleton:
    if data[:24] == b"version https://git-lfs.":
        raise ModelError(name, "is a Git LFS pointer, not the model", "run 'git lfs pull'")
    try:
        with memoryview(data) as buffer:
            return skeleton(buffer)
    except WireError as error:
        raise _not_a_model(name, str(error)) from error


def _parse_text(name: str, file: Path, text_format: str) -> ModelProto:
    import onnx

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that the format is experimental
            return onnx.load_model_from_string(file.read_bytes(), format=text_format)
    except OSError:
        raise
    except Exception as error:  # each of onnx's readers raises its own kinds
        first_line = str(error).strip().partition("\n")[0]
        raise _not_a_model(name, f"as {text_format}: {first_line}") from error


def _has_broken_text(proto: ModelProto) -> bool:
    """Whether a text field holds no UTF-8, for which protobuf gives bytes instead of a string."""
    pending: list[Any] = [proto]
    while pending:
        for field, value in pending.pop().ListFields():
            if field.type == field.TYPE_STRING:
                try:
                    "".join(value)  # one text or several; bytes cannot be joined to a text
                except TypeError:
                    return True
            elif field.type == field.TYPE_MESSAGE:
                pending.extend((value,) if hasattr(value, "ListFields") else value)
    return False


def _not_a_model(name: str, reason: str) -> ModelError:
    problem = f"is not an ONNX model ({reason})"
    return ModelError(name, problem, "it may be truncated: export or download it again")
