"""Writes a model: whole or not at all, and its large tensors without a copy in memory."""

from __future__ import annotations

import filecmp
import os
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING

from onnxlint.model.file.errors import ModelError
from onnxlint.model.file.load import TEXT_FORMATS, Model
from onnxlint.model.file.mapped_files import Files, TensorError, opened
from onnxlint.model.file.protobuf_wire import INLINE, Piece, Span, grown
from onnxlint.model.file.tensors import BLOCK_BYTES
from onnxlint.model.preflight import Preflight, all_tensors
from onnxlint.safety.writing import obstacle, placed, plain_mode

if TYPE_CHECKING:
    from onnx import ModelProto


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
    _copy(source.resolve(), file)
    return True


def check_target(model: Model, target: Path, *, in_place: bool) -> None:
    """Whether the model can be written to a file without harm to another.

    Raises:
        ModelError: it cannot.
    """
    problem = _shared(target) if in_place and target.is_symlink() else obstacle(target)
    if problem is not None:
        raise _unwritable(model, f"{str(target)!r} {problem}")
    itself = target.resolve()
    for location in external_files(model.proto):
        if itself in (_source(model, location), _copy_of(location, target.parent)):
            raise _unwritable(model, f"would overwrite its own data {location!r}")


def _shared(link: Path) -> str | None:
    """Why the file behind a link is not the link's alone to change."""
    itself = link.resolve()
    names = itself.stat().st_nlink
    if names > 1:
        return f"is a link to a file of {names} names"
    if itself.suffix != link.suffix:  # a hub's cache names files by what they hold
        return f"is a link to {itself.name!r}, which is not named as a model"
    return None


@contextmanager
def data_beside(model: Model, preflight: Preflight, target: Path) -> Iterator[None]:
    """Copies the external data that a model needs beside the file to which it is written.

    All is checked before anything is written, and where copying fails, or what follows it, the
    copies go again. Only what the preflight allows is copied, into plain new files.

    Raises:
        ModelError: a file must not be copied, or not to where it belongs.
        OSError: a file cannot be copied.
    """
    if preflight.refusal is not None:
        raise _unsafe(model, preflight.refusal)
    made: list[Path] = []
    try:
        for source, copy in _to_copy(model, target):
            _make_folders(copy.parent, made)
            with placed(copy, plain_mode(source)) as file:
                _copy(source, file)
            made.append(copy)
        yield
    except BaseException:
        for path in reversed(made):
            with suppress(OSError):  # somebody put a file of theirs into a new folder
                path.rmdir() if path.is_dir() else path.unlink(missing_ok=True)
        raise


def _to_copy(model: Model, target: Path) -> list[tuple[Path, Path]]:
    """The files of external data to copy for a model in another file, and where each belongs."""
    locations = external_files(model.proto)
    folder = target.parent.resolve()
    if folder == model.files.folder.resolve():
        _check_reachable(model, target, locations)
        return []
    pairs = {_copy_of(location, folder): _source(model, location) for location in locations}
    return [(source, copy) for copy, source in pairs.items()
            if not _is_there(model, source, copy, folder)]  # fmt: skip


def _check_reachable(model: Model, target: Path, locations: Iterable[str]) -> None:
    """Whether the data is within reach of another file of the model's own folder.

    What a link to elsewhere reaches, a file beside it does not.
    """
    files = Files(target, target.parent)
    for location in locations:
        reason = files.refusal(location)
        if reason is not None:
            raise _unwritable(model, f"has data {location!r}, which from there {reason}")


def _source(model: Model, location: str) -> Path:
    """The file that holds external data, links followed."""
    try:
        return model.files.resolved(location)
    except TensorError as error:
        raise _unsafe(model, str(error)) from error


def _copy_of(location: str, folder: Path) -> Path:
    return folder.resolve() / location


def _is_there(model: Model, source: Path, copy: Path, folder: Path) -> bool:
    """Whether the data is where it belongs; raises ModelError where anything else is."""
    name = str(copy.relative_to(folder))
    steps = [
        step for step in (copy, *copy.parents) if step != folder and step.is_relative_to(folder)
    ]
    if any(step.is_symlink() for step in steps):
        raise _unwritable(model, f"needs {name!r}, and {copy} leads through a link")
    if not all(step.is_dir() for step in steps[1:] if step.exists()):
        raise _unwritable(model, f"needs {name!r}, and there is a file in place of its folder")
    if not copy.exists():
        return False
    if not filecmp.cmp(source, copy, shallow=False):  # which opens regular files alone
        raise _unwritable(model, f"needs {name!r}, and {copy} is another file")
    return True


def _make_folders(folder: Path, made: list[Path]) -> None:
    """Makes a folder and those above it, each noted when it is there."""
    if folder.is_dir():
        return
    _make_folders(folder.parent, made)
    folder.mkdir()
    made.append(folder)


def _copy(source: Path, file: IO[bytes]) -> None:
    """Copies a regular file, as many bytes as it has now."""
    with opened(source) as original:
        left = os.fstat(original.fileno()).st_size
        while left:
            block = original.read(min(left, BLOCK_BYTES))
            if not block:
                raise OSError(f"{source} was changed meanwhile")
            file.write(block)
            left -= len(block)


def external_files(proto: ModelProto) -> list[str]:
    """The locations of a model's external data, each once."""
    entries = (entry for tensor in all_tensors(proto) for entry in tensor.external_data)
    locations = (entry.value for entry in entries if entry.key == "location")
    return [location for location in dict.fromkeys(locations) if location and location != INLINE]


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
    return ModelError(model.path, problem, "write it elsewhere with --fix-output OUT.onnx")


def _unsafe(model: Model, problem: str) -> ModelError:
    return ModelError(model.path, f"is not safe to copy: {problem}", "save it anew from its source")
