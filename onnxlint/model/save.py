"""Writes a model: whole or not at all, and its large tensors without a copy in memory."""

from __future__ import annotations

import errno
import filecmp
import os
import shutil
import stat
import tempfile
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING

from onnxlint.model.errors import ModelError
from onnxlint.model.load import TEXT_FORMATS, Model
from onnxlint.model.preflight import all_tensors
from onnxlint.model.tensors import BLOCK_BYTES
from onnxlint.model.wire import INLINE, Piece, Span, grown

if TYPE_CHECKING:
    from onnx import ModelProto


@contextmanager
def replacing(target: Path, like: Path) -> Iterator[IO[bytes]]:
    """A file to write that takes the place of `target` at the end, with the mode of `like`.

    Where anything fails, `target` stays as it was, and nothing is left beside it.
    """
    target = target.resolve()  # a link stays a link
    if target.exists() and not os.access(target, os.W_OK):
        raise PermissionError(errno.EACCES, "is read-only", str(target))
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}-", suffix=".part")
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        Path(name).chmod(_mode(like))
        Path(name).replace(target)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def write(model: Model, file: IO[bytes], suffix: str) -> None:
    """Writes a model in the format of a file name's ending.

    Raises:
        ModelError: the format cannot hold the model.
        OSError: the disk cannot.
    """
    text_format = TEXT_FORMATS.get(suffix.lower())
    try:
        pieces = grown(model.proto.SerializeToString(), model.files.spans)
    except ValueError as error:  # protobuf's, for 2 GiB and more
        raise _unwritable(model, f"is too large to write ({error})") from error
    if text_format is not None:
        file.write(_text(model, b"".join(_blocks(pieces, model.files.model_file)), text_format))
        return
    for block in _blocks(pieces, model.files.model_file):
        file.write(block)


def write_copy(model: Model, file: IO[bytes], suffix: str) -> bool:
    """Copies the model's file byte by byte, if that is in the format of a file name's ending."""
    source = model.files.model_file
    if TEXT_FORMATS.get(suffix.lower()) != TEXT_FORMATS.get(source.suffix.lower()):
        return False
    with source.open("rb") as original:
        shutil.copyfileobj(original, file, BLOCK_BYTES)
    return True


def copy_external_data(model: Model, folder: Path) -> None:
    """Copies the files of external data that a model in another folder needs.

    Raises:
        ModelError: a file of that name is there, with other contents.
        OSError: a file cannot be copied.
    """
    for location in external_files(model.proto):
        source, target = model.files.folder / location, folder / location
        if target.exists():
            if not target.samefile(source) and not filecmp.cmp(source, target, shallow=False):
                raise _unwritable(model, f"needs {location!r}, and {target} is another file")
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        with replacing(target, source) as file, source.open("rb") as original:
            shutil.copyfileobj(original, file, BLOCK_BYTES)


def external_files(proto: ModelProto) -> list[str]:
    """The locations of a model's external data, each once."""
    entries = (entry for tensor in all_tensors(proto) for entry in tensor.external_data)
    locations = (entry.value for entry in entries if entry.key == "location")
    return [location for location in dict.fromkeys(locations) if location and location != INLINE]


def _mode(like: Path) -> int:
    """The permissions of a file; of one that is not there, those that a new file gets."""
    if like.exists():
        return stat.S_IMODE(like.stat().st_mode)
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask


def _blocks(pieces: Iterable[Piece], source: Path) -> Iterator[bytes]:
    with source.open("rb") as original:
        for piece in pieces:
            if not isinstance(piece, Span):
                yield piece
                continue
            original.seek(piece.offset)
            left = piece.length
            while left:
                block = original.read(min(left, BLOCK_BYTES))
                if not block:
                    raise OSError(f"{source} was changed meanwhile")
                yield block
                left -= len(block)


def _text(model: Model, serialized: bytes, text_format: str) -> bytes:
    """The model as text, if that says all there is to say."""
    import onnx

    proto = onnx.ModelProto.FromString(serialized)
    serializer = onnx.serialization.registry.get(text_format)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that the format is experimental
            text: bytes = serializer.serialize_proto(proto)
            again = onnx.load_model_from_string(text, format=text_format)
    except Exception as error:  # each of onnx's writers and readers raises its own kinds
        raise _unwritable(model, f"cannot be written as {text_format} ({error})") from error
    if again != proto:
        raise _unwritable(model, f"cannot be written as {text_format}, which would lose a part")
    return text


def _unwritable(model: Model, problem: str) -> ModelError:
    return ModelError(model.path, problem, "write it elsewhere with -o OUT.onnx")
