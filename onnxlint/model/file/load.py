"""Reads a model file without trusting it: mapped, parsed as plain protobuf, nothing executed."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache, cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from onnxlint.model.file.errors import ModelError
from onnxlint.model.file.hashing import Hashing
from onnxlint.model.file.mapped_files import Files, NotAFileError
from onnxlint.model.file.memory_files import MemoryFiles
from onnxlint.model.file.protobuf_wire import Skeleton, WireError, skeleton
from onnxlint.model.file.source import Source, spooled
from onnxlint.remote.address import is_remote
from onnxlint.safety.forked import Isolated
from onnxlint.safety.limits import Budget
from onnxlint.settings import Settings

if TYPE_CHECKING:
    from onnx import ModelProto

    from onnxlint.model.file.remote_files import RemoteFiles

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

LARGEST_TEXT = 256 * 1024**2
"""Bytes of a textual model that are read: a choice. Parsing takes some twenty times as much memory,
and what is larger is written in binary by everybody."""


class Model(Struct, eq=False, dict=True):
    """One ONNX file with its external data.

    `proto` is the parsed model; raw data of large tensors stays in the file and is reached through
    `files` (see `onnxlint.model.file.mapped_files`). `path` is as the user wrote it.
    """

    path: str
    proto: ModelProto
    files: Files
    size: int

    @cached_property
    def sha256(self) -> str | None:
        """The hash of the bytes that were parsed (without external data), 64 hex digits.

        None of a large remote file of which only parts were read, until all of it is.
        """
        hashing = self.files.hashing
        return self.files.late_hash() if hashing is None else hashing.result()

    @cached_property
    def explained_bytes(self) -> int | None:
        """Bytes of the file that ONNX's fields account for; None in a textual format.

        The rest is in fields that onnx does not know, or in copies that later ones replace.
        """
        if self.files.model_file.suffix.lower() in TEXT_FORMATS:
            return None
        return known_size(self.proto) + sum(length for _, length in self.files.spans)


_COPIED_AT_ONCE = 10_000
"""Nodes whose known fields are counted at once: a copy of a million is 370 MiB, which take longer
to get than to fill."""


def known_size(message: Any) -> int:
    """Bytes of a model or a graph without the fields that onnx does not know."""
    is_model = message.DESCRIPTOR.name == "ModelProto"
    nodes = (message.graph if is_model else message).node
    if len(nodes) <= _COPIED_AT_ONCE:
        rest = type(message)()
        rest.CopyFrom(message)
        return _size_once_known(rest)
    rest = type(message)()
    for field, content in message.ListFields():
        if field.name == ("graph" if is_model else "node"):
            continue
        if hasattr(content, "MergeFrom"):
            getattr(rest, field.name).MergeFrom(content)
        else:
            setattr(rest, field.name, content)
    if is_model:
        inner = known_size(message.graph)
        return _size_once_known(rest) + _bytes_before(inner) + inner
    parts = (type(message)(node=nodes[at : at + _COPIED_AT_ONCE])
             for at in range(0, len(nodes), _COPIED_AT_ONCE))  # fmt: skip
    return _size_once_known(rest) + sum(map(_size_once_known, parts))


def _bytes_before(length: int) -> int:
    """Those of a tag and of the length of what follows."""
    return 1 + max(1, -(-length.bit_length() // 7))


def _size_once_known(copy: Any) -> int:
    """Bytes of a copy, from which what is not known is taken."""
    copy.DiscardUnknownFields()
    return int(copy.ByteSize())


@contextmanager
def open_model(model: str | Source, budget: Budget | None = None) -> Iterator[Model]:
    """Reads the model at a path or address (`-`: standard input), and keeps its files open.

    Text is parsed in a child process, within `budget`; without one, within the default limits.

    Raises:
        ModelError: there is no readable model.
    """
    budget = budget or Budget.build(Settings())
    files: Files
    if model == "-":
        with spooled() as source, open_model(source, budget) as opened:
            yield opened
        return
    if isinstance(model, Source):
        name, files = model.name, _files(model)
    elif is_remote(model):
        files = _remote(model)
        name = files.address.shown
    else:
        name, files = model, Files(Path(model), Path(model).parent)
    try:
        yield _opened(name, files, budget)
        files.check_unchanged()
    finally:
        files.close()


def _remote(model: str) -> RemoteFiles:
    from onnxlint.model.file.remote_files import RemoteFiles  # and fsspec, which few need

    return RemoteFiles(model)


def _files(source: Source) -> Files:
    if source.file is None:
        return MemoryFiles(source.data, source.name, source.folder)
    return Files(source.file, source.folder)


def _opened(name: str, files: Files, budget: Budget) -> Model:
    try:
        size = _size(name, files)
        proto = _parse(name, files, budget)
    except (OSError, ValueError) as error:  # a NUL in its name is a ValueError
        problem = f"cannot be read ({getattr(error, 'strerror', None) or error})"
        raise ModelError(name, problem, "check the path and its permissions") from error
    if not proto.HasField("graph"):
        raise ModelError(name, "contains no graph", "is it an ONNX model?")
    if _has_broken_text(proto):
        raise ModelError(name, "is not valid UTF-8", "the file is damaged: export it again")
    return Model(name, proto, files, size)


def _size(name: str, files: Files) -> int:
    try:
        size = files.size()
    except NotAFileError as error:
        if error.is_folder:
            remedy = "name a file in it, or a glob such as 'DIR/*.onnx'"
            raise ModelError(name, "is a directory", remedy) from error
        remedy = "pipe it to standard input: onnxlint -"
        raise ModelError(name, "is not a regular file", remedy) from error
    if size == 0:
        raise ModelError(name, "file is empty", "export or download it again")
    return size


def _parse(name: str, files: Files, budget: Budget) -> ModelProto:
    """The model; `files` learn where its tensors are, and how what it was read from is hashed."""
    from onnx import ModelProto

    text_format = TEXT_FORMATS.get(files.model_file.suffix.lower())
    if text_format is not None:
        files.need_model()
        text = _text(name, files.model_file)
        proto = _parse_text(name, text, text_format, budget)
        files.hashing = Hashing(memoryview(text))
        return proto
    data = files.map_model()
    reduced = _reduced(name, files.reading(data))
    files.spans = reduced.spans
    files.hashing = Hashing(data) if files.is_hashed else None
    try:
        return ModelProto.FromString(reduced.data)  # type: ignore[no-any-return]
    except Exception as error:  # protobuf's DecodeError, which it does not export alike everywhere
        raise _not_a_model(name, str(error)) from error


def _reduced(name: str, data: memoryview) -> Skeleton:
    try:
        with data as buffer:
            _check_beginning(name, bytes(buffer[:LONGEST_BEGINNING]))
            return skeleton(buffer, known=_known_fields())
    except WireError as error:
        raise _not_a_model(name, str(error)) from error


LONGEST_BEGINNING = 64
"""Bytes in which a file of another kind shows what it is."""

_OTHERS = {
    b"version https://git-lfs.": ("a Git LFS pointer, not the model", "run 'git lfs pull'"),
    b"PK\x03\x04": ("a zip archive, like PyTorch's .pt and numpy's .npz", "export it to ONNX"),
    b"\x1f\x8b": ("compressed with gzip", "unpack it first"),
    b"\x89HDF\r\n": ("an HDF5 file, as Keras writes it", "export it to ONNX"),
    b"\x80\x02": ("a Python pickle", "export it to ONNX"),
    b"\x80\x04": ("a Python pickle", "export it to ONNX"),
    b"GGUF": ("a GGUF file", "export it to ONNX"),
    b"<!doctype html": ("a web page, not the model", "download the model itself"),
    b"<html": ("a web page, not the model", "download the model itself"),
}  # fmt: skip
"""What files begin with that people give instead of a model; no ONNX model does."""


def _check_beginning(name: str, beginning: bytes) -> None:
    """Refuses a file of another kind, by how it begins.

    Raises:
        ModelError: it is one.
    """
    if beginning[4:8] == b"TFL3":
        raise ModelError(name, "is a TensorFlow Lite model", "export it to ONNX")
    plain = beginning.lstrip().lower()
    for mark, (kind, remedy) in _OTHERS.items():
        if (plain if mark.startswith(b"<") else beginning).startswith(mark):
            raise ModelError(name, f"is {kind}", remedy)


def _known_fields() -> dict[str, frozenset[int]]:
    """The numbers of the fields that the installed onnx knows, by kind of message."""
    import onnx

    protos: dict[str, Any] = {
        "Model": onnx.ModelProto, "Graph": onnx.GraphProto, "Function": onnx.FunctionProto,
        "Node": onnx.NodeProto, "Attribute": onnx.AttributeProto, "Tensor": onnx.TensorProto,
        "SparseTensor": onnx.SparseTensorProto,
    }  # fmt: skip
    return {
        kind: frozenset(field.number for field in proto.DESCRIPTOR.fields)
        for kind, proto in protos.items()
    }


def _text(name: str, file: Path) -> bytes:
    with file.open("rb") as handle:
        text = handle.read(LARGEST_TEXT + 1)
    if len(text) > LARGEST_TEXT:
        problem = f"is too large for a model in text form (limit {LARGEST_TEXT // 2**20} MiB)"
        raise ModelError(name, problem, "save it as .onnx")
    return text


def _parse_text(name: str, text: bytes, text_format: str, budget: Budget) -> ModelProto:
    """Reads text in a process of its own: the readers are native, or recurse as the text nests."""
    from onnx import ModelProto

    parsing = Isolated(partial(_serialized, text_format), text, budget)
    try:
        proto: ModelProto = ModelProto.FromString(parsing.result())
        return proto
    except Exception as error:  # the child's end, or protobuf's DecodeError: it nests too deeply
        first_line = str(error).strip().partition("\n")[0]
        raise _not_a_model(name, f"as {text_format}: {first_line}") from error


def _serialized(text_format: str, text: bytes) -> bytes:
    import onnx

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that the format is experimental
        model = onnx.load_model_from_string(text, format=text_format)
    return bytes(model.SerializeToString())


def _has_broken_text(proto: ModelProto) -> bool:
    """Whether a text field holds no UTF-8, for which protobuf gives bytes instead of a string."""
    from google.protobuf.message import DecodeError

    try:
        _strict_class().FromString(proto.SerializeToString())
    except DecodeError:
        return True
    return False


@cache
def _strict_class() -> Any:
    """The class of a model that does not take text without UTF-8.

    It is onnx's own format read by the rules of proto3: parsing so takes a twentieth of the time
    that a walk through the texts takes.
    """
    from google.protobuf.descriptor_pool import DescriptorPool
    from google.protobuf.message_factory import GetMessageClass
    from onnx import ModelProto

    usual = ModelProto.DESCRIPTOR
    pool = DescriptorPool()
    pool.AddSerializedFile(usual.file.serialized_pb + _AS_PROTO3)
    return GetMessageClass(pool.FindMessageTypeByName(usual.full_name))


_AS_PROTO3 = b"\x62\x06proto3"
"""Field 12 of a serialized description of a format: its syntax. The last one counts."""


def _not_a_model(name: str, reason: str) -> ModelError:
    problem = f"is not an ONNX model ({reason})"
    return ModelError(name, problem, "it may be truncated: export or download it again")
