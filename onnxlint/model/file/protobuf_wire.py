"""Separates a serialized model into a small skeleton and the byte ranges of its large tensors.

Protobuf copies every byte it parses, and refuses more than 2 GiB. So the file is mapped, its wire
format is walked down to the `raw_data` of large tensors, and those bytes are left where they are:
the skeleton says `external data` there, with `INLINE` as location and the range in the mapped file.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from functools import cache

from msgspec import Struct

INLINE = "\0inline"
"""Location of a tensor whose bytes lie in the model file itself. No file system has such a name."""

LARGE_TENSOR_BYTES = 64 * 1024
"""Raw data from this size on stays in the file: below it a copy is cheaper than a mapping."""

PROTO_LIMIT_BYTES = 2 * 1024**3
"""A protobuf message of this size and more cannot be serialized or parsed."""

MAX_NESTING = 100
"""Protobuf's own limit of message nesting; a deeper file cannot be read by anybody."""

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5

# The path from ModelProto down to TensorProto.raw_data, by field numbers of onnx.proto.
_CHILDREN: dict[str, dict[int, str]] = {
    "Model": {7: "Graph", 25: "Function"},
    "Graph": {1: "Node", 5: "Tensor", 15: "SparseTensor"},
    "Function": {7: "Node", 11: "Attribute"},
    "Node": {5: "Attribute"},
    "Attribute": {5: "Tensor", 6: "Graph", 10: "Tensor", 11: "Graph", 22: "SparseTensor"},
    "SparseTensor": {1: "Tensor", 2: "Tensor"},
    "Tensor": {},
}
_RAW_DATA, _EXTERNAL_DATA, _DATA_LOCATION = 9, 13, 14

_SHORT = 32
"""Fields of fewer bytes than this are passed over in runs: a forest has millions of them."""

_MANY = 4_000
"""Fields of a message that are read one by one: to compile what finds runs takes as long."""

_RUN = b"(?:%s|%s|%s)++" % (
    rb"[\x08\x10\x18 (08@HPX`hpx][\x80-\xff]{0,9}[\x00-\x7f]",
    rb"[\x0d\x15\x1d%\-5=EMU\]emu}][\x00-\xff]{4}",
    b"[\n\x12\x1a\"*2:BJRZbjrz](?:%s)" % b"|".join(
        re.escape(bytes([length])) + b"[\\x00-\\xff]{%d}" % length for length in range(_SHORT)),
)  # fmt: skip
"""Fields with a number up to 15, which are tags of one byte: varints, floats and short texts."""


class WireError(ValueError):
    """The bytes are not a protobuf message."""


class Skeleton(Struct, frozen=True):
    """A model without its large tensors: its bytes, and the ranges that were left out."""

    data: bytes
    spans: frozenset[tuple[int, int]]


class Span(Struct, frozen=True):
    """A range of bytes in the file that a skeleton was made from."""

    offset: int
    length: int


Piece = bytes | Span
"""A part of a serialized model: its bytes, or where they are to be read."""


def grown(data: bytes, spans: frozenset[tuple[int, int]]) -> list[Piece]:
    """The inverse of `skeleton`: a serialized model, the data of its large tensors as spans."""
    pieces, _ = _grow(data, 0, len(data), "Model", spans)
    return pieces


def _grow(
    data: bytes, start: int, end: int, kind: str, spans: frozenset[tuple[int, int]]
) -> tuple[list[Piece], int]:
    """The pieces of one message, and how many bytes they are together."""
    if kind == "Tensor":
        return _grow_tensor(data[start:end], spans)
    pieces: list[Piece] = []
    size, copied = end - start, start
    children = _CHILDREN[kind]
    marker = INLINE.encode()
    for field, tag_start, body, stop in _large_fields(memoryview(data), start, end, len(marker)):
        if field in children and data.find(marker, body, stop) >= 0:
            parts, length = _grow(data, body, stop, children[field], spans)
            head = _varint(field << 3 | _BYTES) + _varint(length)
            pieces += [data[copied:tag_start], head, *parts]
            size += len(head) + length - (stop - tag_start)
            copied = stop
    return [*pieces, data[copied:end]], size


def _grow_tensor(data: bytes, spans: frozenset[tuple[int, int]]) -> tuple[list[Piece], int]:
    from onnx import TensorProto

    tensor = TensorProto.FromString(data)
    entries = {entry.key: entry.value for entry in tensor.external_data}
    offset, length = int(entries.get("offset") or 0), int(entries.get("length") or 0)
    if entries.get("location") != INLINE or (offset, length) not in spans:
        return [data], len(data)
    del tensor.external_data[:]
    tensor.ClearField("data_location")
    head = tensor.SerializeToString() + _varint(_RAW_DATA << 3 | _BYTES) + _varint(length)
    return [head, Span(offset, length)], len(head) + length


def skeleton(
    buffer: memoryview,
    large: int = LARGE_TENSOR_BYTES,
    known: Mapping[str, Collection[int]] | None = None,
) -> Skeleton:
    """Copies everything of a serialized ModelProto but raw data of `large` bytes and more.

    Fields as large whose numbers are not `known`, by kind of message, are left out: nobody reads
    them.

    Raises:
        WireError: it is not a protobuf message, or what is left is larger than protobuf reads.
    """
    made = _Shrinking(buffer, large, known)
    try:
        chunks = made.shrink(0, len(buffer), "Model", 0)
    except WireError as error:
        problem = str(error)
    else:
        return Skeleton(b"".join(chunks), frozenset(made.spans))
    # Another error: the first one's frames hold views of the file, which then cannot be closed.
    raise WireError(problem)


class _Shrinking:
    """One walk through a serialized model; `spans` are the ranges that it leaves out."""

    def __init__(
        self, buffer: memoryview, large: int, known: Mapping[str, Collection[int]] | None
    ) -> None:
        self._buffer, self._large, self._known = buffer, large, known
        self._copied = 0
        self.spans: set[tuple[int, int]] = set()

    def shrink(self, start: int, end: int, kind: str, depth: int) -> list[bytes | memoryview]:
        """The parts of one message."""
        if depth > MAX_NESTING:
            raise WireError(f"messages nested deeper than {MAX_NESTING}")
        children = _CHILDREN[kind]
        chunks: list[bytes | memoryview] = []
        references: list[bytes | memoryview] = []
        copied = start
        for field, tag_start, body, stop in _large_fields(self._buffer, start, end, self._large):
            replacement: list[bytes | memoryview] = []
            if kind == "Tensor" and field == _RAW_DATA:
                self.spans.add((body, stop - body))
                references.append(_reference(body, stop - body))
            elif field in children:
                parts = self.shrink(body, stop, children[field], depth + 1)
                tag = _varint(field << 3 | _BYTES)
                replacement = [tag, _varint(sum(map(len, parts))), *parts]
            elif self._known is None or field in self._known[kind]:
                continue
            chunks += [self._copy(copied, tag_start), *replacement]
            copied = stop
        # Last, for the last value of a field counts: onnx itself writes where data lies, as
        # `DEFAULT`.
        return [*chunks, self._copy(copied, end), *references]

    def _copy(self, start: int, end: int) -> memoryview:
        self._copied += end - start
        if self._copied >= PROTO_LIMIT_BYTES:
            raise WireError("has 2 GiB without its large tensors, which protobuf refuses")
        return self._buffer[start:end]


def _large_fields(
    buffer: memoryview, start: int, end: int, large: int
) -> Iterator[tuple[int, int, int, int]]:
    """Length-delimited fields of `large` bytes and more: (number, tag start, body start, end)."""
    position = start
    skips = large >= _SHORT and isinstance(buffer, memoryview)  # what is remote comes in pages
    passed = 0
    while position < end:
        passed += 1
        skipping = skips and passed > _MANY
        position = _behind_run(buffer, position, end) if skipping else position
        if position == end:
            break
        tag_start = position
        tag, position = _read_varint(buffer, position, end)
        wire_type = tag & 7
        if not tag >> 3:
            raise WireError(f"field number 0 at byte {tag_start}")
        if wire_type == _BYTES:
            length, position = _read_varint(buffer, position, end)
            stop = position + length
            if stop > end:
                beyond = f"declares {length} bytes, beyond the end of its message"
                raise WireError(f"field at byte {tag_start} {beyond}")
            if length >= large:
                yield tag >> 3, tag_start, position, stop
            position = stop
        elif wire_type == _VARINT:
            _, position = _read_varint(buffer, position, end)
        elif wire_type in (_FIXED32, _FIXED64):
            position += 4 if wire_type == _FIXED32 else 8
        else:
            raise WireError(f"unknown wire type {wire_type} at byte {tag_start}")
    if position != end:
        raise WireError(f"the message ends inside a field, at byte {end}")


def _behind_run(buffer: memoryview, position: int, end: int) -> int:
    run = _runs().match(buffer, position, end)
    return position if run is None else run.end()


@cache
def _runs() -> re.Pattern[bytes]:
    return re.compile(_RUN)


def _read_varint(buffer: memoryview, position: int, end: int) -> tuple[int, int]:
    result = shift = 0
    while position < end and shift < 70:
        byte = buffer[position]
        position += 1
        result |= (byte & 0x7F) << shift
        if byte < 0x80:
            return result, position
        shift += 7
    raise WireError(f"invalid varint at byte {position}")


def _varint(number: int) -> bytes:
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)


def _reference(offset: int, length: int) -> bytes:
    """The fields of a TensorProto that say: my data is external, in this file, at this range."""
    entries = {"location": INLINE, "offset": str(offset), "length": str(length)}
    encoded = b"".join(
        _delimited(_EXTERNAL_DATA, _delimited(1, key.encode()) + _delimited(2, text.encode()))
        for key, text in entries.items()
    )
    return encoded + _varint(_DATA_LOCATION << 3 | _VARINT) + b"\x01"


def _delimited(field: int, body: bytes) -> bytes:
    return _varint(field << 3 | _BYTES) + _varint(len(body)) + body
