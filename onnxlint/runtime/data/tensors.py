"""Tensors in files of their own, as ONNX's test data sets hold them: looked through before parsed.

Protobuf takes up to twenty times the bytes of elements that stand one by one, and as many as a file
holds of what is raw. So the file is walked first, and what is raw is read where it lies.
"""

from __future__ import annotations

from collections.abc import Iterator
from io import SEEK_CUR
from math import prod
from pathlib import Path
from typing import IO, TYPE_CHECKING

import numpy as np
from msgspec import Struct, field

from onnxlint.model.file.dtypes import bits, dtype_name, numpy_dtype
from onnxlint.model.file.errors import DataError
from onnxlint.runtime.data.arrays import LARGEST_BYTES, taken
from onnxlint.runtime.data.files import opened, size_of
from onnxlint.runtime.data.headers import MOST_DIMS
from onnxlint.runtime.data.wording import shortened
from onnxlint.runtime.protocol import Array

if TYPE_CHECKING:
    from onnx import TensorProto

LARGEST_TYPED_BYTES = 32 * 1024**2
"""Bytes of a file beside raw data: eight million elements that stand one by one."""

MOST_FIELDS = 500_000
"""Fields of a file: strings stand in one each, and take two microseconds each to be walked."""

_RAW_DATA = 9
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


def read_tensor(file: Path) -> tuple[str, Array]:
    """The name and the elements of a tensor in a file.

    Raises:
        DataError: it is none.
    """
    with opened(file) as stream:
        try:
            return _tensor(stream)
        except Exception as error:  # protobuf and onnx raise many kinds
            reason = shortened(str(error)) or type(error).__name__
            raise DataError(
                f"{file}: is not a tensor ({reason}); save it again with onnx.save_tensor"
            ) from error


class _Layout(Struct):
    """Where the parts of a serialized tensor lie, as [start, end): the raw data and the others."""

    others: list[tuple[int, int]] = field(default_factory=list)
    raw: tuple[int, int] | None = None


def _tensor(stream: IO[bytes]) -> tuple[str, Array]:
    from onnx import TensorProto

    layout = _walked(stream, size_of(stream))
    proto = TensorProto.FromString(b"".join(_read(stream, *part) for part in layout.others))
    if proto.external_data or proto.data_location:  # it could be any file of the machine
        raise ValueError("the data is in another file, which is not followed")
    if proto.HasField("segment"):
        raise ValueError("segmented tensors are not supported")
    if len(proto.dims) > MOST_DIMS:
        raise ValueError(f"{len(proto.dims):,} dimensions (limit {MOST_DIMS})")
    dims = tuple(proto.dims)
    if any(size < 0 for size in dims):
        raise ValueError(f"invalid dimensions {list(dims)}")
    if layout.raw is not None:
        return proto.name, _raw(stream, layout.raw, proto.data_type, dims)
    return proto.name, _typed(proto, dims)


def _walked(stream: IO[bytes], end: int) -> _Layout:
    """The parts of a tensor.

    Raises:
        ValueError: it is not one, or takes too much memory.
    """
    layout, size = _Layout(), 0
    for count, (number, start, body, stop) in enumerate(_fields(stream, end)):
        if number == _RAW_DATA:
            layout.raw = body, stop
            continue
        size += stop - start
        if size > LARGEST_TYPED_BYTES or count >= MOST_FIELDS:
            raise ValueError("too many elements in typed fields: give them as raw data")
        if layout.others and layout.others[-1][1] == start:
            start = layout.others.pop()[0]
        layout.others.append((start, stop))
    return layout


def _fields(stream: IO[bytes], end: int) -> Iterator[tuple[int, int, int, int]]:
    """The fields of a message: number, start, and where the body begins and ends."""
    at = 0
    while at < end:
        tag, body = _varint(stream, at)
        kind, skipped = tag & 7, 0
        if kind == _BYTES:
            skipped, body = _varint(stream, body)
        elif kind == _VARINT:
            _, body = _varint(stream, body)
        elif kind in (_FIXED32, _FIXED64):
            skipped = 4 if kind == _FIXED32 else 8
        else:
            raise ValueError(f"unknown wire type {kind} at byte {at}")
        if body + skipped > end:
            raise ValueError(
                f"the field at byte {at} declares bytes beyond the end: the file is truncated"
            )
        if not tag >> 3:
            raise ValueError(f"no field number at byte {at}")
        if skipped:
            stream.seek(skipped, SEEK_CUR)
        yield tag >> 3, at, body, body + skipped
        at = body + skipped


def _varint(stream: IO[bytes], at: int) -> tuple[int, int]:
    """The number at which the stream stands, and where it ends."""
    result = shift = 0
    while shift < 70 and (byte := stream.read(1)):
        result |= (byte[0] & 0x7F) << shift
        shift += 7
        at += 1
        if byte[0] < 0x80:
            return result, at
    raise ValueError("invalid varint: the file is truncated")


def _read(stream: IO[bytes], start: int, stop: int) -> bytes:
    stream.seek(start)
    return stream.read(stop - start)


def _raw(
    stream: IO[bytes], raw: tuple[int, int], element_type: int, dims: tuple[int, ...]
) -> Array:
    from onnx import TensorProto, numpy_helper

    start, stop = raw
    width = bits(element_type)
    if width is None:
        raise ValueError(f"{dtype_name(element_type)} elements are never raw")
    needed, held = (prod(dims) * width + 7) // 8, stop - start
    if needed != held:
        raise ValueError(f"dimensions {list(dims)} need {needed:,} bytes, but there are {held:,}")
    if prod(dims) * max(8, width) // 8 > LARGEST_BYTES:
        raise ValueError(f"needs more than {LARGEST_BYTES / 1024**3:.0f} GiB")
    if width < 8:
        data = _read(stream, start, stop)
        proto = TensorProto(data_type=element_type, dims=dims, raw_data=data)
        return numpy_helper.to_array(proto)
    stream.seek(start)
    return taken(stream, held).view(numpy_dtype(element_type).newbyteorder("<")).reshape(dims)


def _typed(proto: TensorProto, dims: tuple[int, ...]) -> Array:
    """Elements that stand one by one; text as objects, for numpy pads it to the longest."""
    from onnx import TensorProto, numpy_helper

    if proto.data_type != TensorProto.STRING:
        return numpy_helper.to_array(proto)
    texts = np.empty(len(proto.string_data), object)
    texts[:] = [text.decode() for text in proto.string_data]
    return texts.reshape(dims)
