"""Where a model comes from that is not a file of the user's: standard input, or memory."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from msgspec import Struct

from onnxlint.model.file.errors import ModelError

if TYPE_CHECKING:
    import onnx_ir
    from onnx import ModelProto


class ExportedProgram(Protocol):
    """What `torch.onnx.export` returns: a `torch.onnx.ONNXProgram`."""

    @property
    def model_proto(self) -> ModelProto:
        """The exported model."""


InMemory: TypeAlias = "bytes | bytearray | ModelProto | onnx_ir.Model | ExportedProgram"

SERIALISED_BYTES = 1 << 30
"""Tensors of an `onnx_ir.Model` up to this are serialised in memory: a choice, half of what
protobuf takes. Larger models go into a temporary folder, tensor by tensor."""

REMEDY = "save it with external data, and name the file"


class Source(Struct, frozen=True):
    """A model's name in the report, and its bytes in memory or in a file.

    Its external data, and nothing else of it, lies in `folder`.
    """

    name: str
    folder: Path
    file: Path | None = None
    data: bytes | bytearray = b""


@contextmanager
def spooled() -> Iterator[Source]:
    """Standard input in a file, which is gone afterwards.

    Raises:
        ModelError: standard input is closed.
    """
    if sys.stdin is None:
        raise ModelError("<stdin>", "standard input is closed", "name a file instead of '-'")
    import tempfile

    with tempfile.NamedTemporaryFile(prefix="onnxlint-", suffix=".onnx") as spool:
        while block := sys.stdin.buffer.read(1 << 20):
            spool.write(block)
        spool.flush()
        yield Source("<stdin>", Path.cwd(), Path(spool.name))


@contextmanager
def in_memory(model: InMemory, folder: Path | None = None) -> Iterator[Source]:
    """A model that another library has in memory; neither onnx_ir nor torch is imported for it.

    `folder` is where its external data lies; without it, the working folder. An `onnx_ir.Model`
    knows its own.

    Raises:
        ModelError: it cannot be serialised.
        TypeError: it is not a model.
    """
    name = f"<{type(model).__name__}>"
    folder = Path.cwd() if folder is None else folder
    exported = getattr(model, "model", None)
    if isinstance(model, bytes | bytearray):
        yield Source(name, folder, data=model)
    elif _is_proto(model):
        yield Source(name, folder, data=_serialised(name, model))
    elif _is_ir(model):
        with _from_ir("<onnx_ir.Model>", model, folder) as source:
            yield source
    elif _is_ir(exported):
        with _from_ir(name, exported, folder) as source:
            yield source
    elif _is_proto(proto := getattr(model, "model_proto", None)):
        yield Source(name, folder, data=_serialised(name, proto))
    else:
        raise TypeError(
            f"a {type(model).__name__} is not a model; give a path, bytes, an onnx.ModelProto, "
            "an onnx_ir.Model or a torch.onnx.ONNXProgram"
        )


def _is_proto(model: Any) -> bool:
    """Whether it is onnx's message, of whichever copy of its definition."""
    return getattr(getattr(model, "DESCRIPTOR", None), "full_name", "") == "onnx.ModelProto"


def _is_ir(model: Any) -> bool:
    loaded = sys.modules.get("onnx_ir")  # there is no such model where it was not imported
    return loaded is not None and isinstance(model, loaded.Model)


def _serialised(name: str, proto: Any) -> bytes:
    try:
        return bytes(proto.SerializeToString())
    except Exception as error:  # protobuf's EncodeError, or ValueError: beyond 2 GiB
        raise _unserialisable(name, error) from error


@contextmanager
def _from_ir(name: str, model: Any, folder: Path) -> Iterator[Source]:
    """Tensors in files stay there; those in memory are serialised, or too large for that."""
    import onnx_ir

    values = (value for graph in model.graphs() for value in graph.initializers.values())
    tensors = [value.const_value for value in values if value.const_value is not None]
    stored = [tensor for tensor in tensors if isinstance(tensor, onnx_ir.ExternalTensor)]
    folders = {Path(tensor.base_dir).absolute() for tensor in stored}
    if len(folders) > 1:
        raise ModelError(name, f"has its external data in {len(folders)} folders", REMEDY)
    size = sum(tensor.nbytes for tensor in tensors) - sum(tensor.nbytes for tensor in stored)
    if size <= SERIALISED_BYTES:
        try:
            data = onnx_ir.to_proto(model).SerializeToString()
        except Exception as error:
            raise _unserialisable(name, error) from error
        yield Source(name, next(iter(folders), folder), data=data)
        return
    if stored:  # which nobody has checked: onnx_ir would read them wherever they are
        raise ModelError(name, "is too large for memory, and has external data as well", REMEDY)
    import tempfile

    with tempfile.TemporaryDirectory(prefix="onnxlint-") as home:
        file = Path(home, "model.onnx")
        try:
            onnx_ir.save(model, file, external_data="weights")
        except Exception as error:
            raise _unserialisable(name, error) from error
        yield Source(name, Path(home), file)


def _unserialisable(name: str, error: Exception) -> ModelError:
    first_line = str(error).strip().partition("\n")[0]
    return ModelError(name, f"cannot be serialised ({first_line or type(error).__name__})", REMEDY)
