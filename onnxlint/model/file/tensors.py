"""Tensors whose bytes are mapped when somebody looks, and not before."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from functools import cache
from typing import TYPE_CHECKING, Any, Literal, Protocol

from msgspec import Struct

from onnxlint.model.file.dtypes import bits, dtype_name, numpy_dtype, stored_dtype
from onnxlint.model.file.mapped_files import Files, TensorError
from onnxlint.model.file.protobuf_wire import INLINE

if TYPE_CHECKING:
    import numpy as np
    from onnx import TensorProto

    from onnxlint.types import Array

TYPED_FIELDS = (
    "float_data", "int32_data", "string_data", "int64_data", "double_data", "uint64_data"
)  # fmt: skip
"""The fields of a TensorProto that hold its elements one by one."""

_TYPED = frozenset(TYPED_FIELDS)

_USUAL_FIELDS = ("dims", "data_type", "name", "raw_data")
"""What nearly every tensor of a file fills, so that of a million it is seen at a glance."""

_RAW_ALONE = ("raw_data",)

LARGEST_COUNT = 2**63 - 1
"""Elements are counted up to here, as int64 does; the dims of a file may multiply to any number."""

FLOAT32 = 1
"""The number of float32 among ONNX's element types."""

INT64 = 7
"""That of int64."""

BLOCK_BYTES = 256 * 1024
"""Large tensors are read in pieces of this size, which stay in a core's cache."""


def element_count(dims: Iterable[int]) -> int:
    """How many elements dims ask for; none where one is negative, and no more than any runtime."""
    count = 1
    for size in dims:
        if size <= 0:
            return 0
        count *= size
        if count > LARGEST_COUNT:
            count = LARGEST_COUNT
    return count


class Measuring(Protocol):
    """What takes the elements of a tensor in: blocks of `step`, or a stretch of an open file."""

    step: int

    def reads(self, dtype: np.dtype[Any]) -> bool:
        """Whether it reads elements of a dtype from a file."""

    def add(self, block: Array) -> None:
        """Takes a block in."""

    def add_file(self, file: int, offset: int, elements: int, memory: Array) -> int:
        """Takes elements of a file in, from a byte on, through this memory; how many."""


class Tensor(Struct, eq=False):
    """One constant of a model: an initializer, a Constant node's value, a filled shape.

    `dims` is its shape, `element_type` the ONNX number of its dtype, `size` the number of elements,
    none where the file has an invalid one, e.g. negative, `nbytes` the bytes that they take in
    raw form, 0 of strings. `fill` is set for a ConstantOfShape, whose single element stands for
    all. Nothing of it changes: of a million, each is made once.
    """

    proto: TensorProto
    files: Files
    dims: tuple[int, ...]
    fill: bool = False
    element_type: int = 0
    size: int = 0
    nbytes: int = 0
    _filled: tuple[str, ...] | None = None
    _place: dict[str, str] | None = None

    def __post_init__(self) -> None:
        self.element_type = self.proto.data_type
        self.size = element_count(self.dims)
        self.nbytes = (self.size * (bits(self.element_type) or 0) + 7) // 8
        if self.proto.data_location == 1:
            self._place = {entry.key: entry.value for entry in self.proto.external_data}

    @property
    def name(self) -> str:
        """Its name in the model; may be empty."""
        return self.proto.name

    @property
    def dtype(self) -> str:
        """The specification's name of the dtype, e.g. `float16`."""
        return dtype_name(self.element_type)

    @property
    def is_external(self) -> bool:
        """Whether its data lies in another file than the model."""
        return self._place is not None and self._place.get("location") != INLINE

    @property
    def typed_field(self) -> str | None:
        """The field that may hold its elements one by one; None for a dtype that onnx lacks."""
        return _typed_field(self.element_type)

    @property
    def filled_fields(self) -> tuple[str, ...]:
        """Its fields that hold data or say where it lies, in the order of the specification."""
        if self._filled is None:
            given = tuple([field.name for field, content in self.proto.ListFields() if content])
            if given == _USUAL_FIELDS:
                self._filled = _RAW_ALONE
                return _RAW_ALONE
            filled = [name for name in given if name in _TYPED]
            locations: set[str] = set()
            if "external_data" in given:
                entries = self.proto.external_data
                locations = {entry.value for entry in entries if entry.key == "location"}
            if "raw_data" in given or INLINE in locations:
                filled.append("raw_data")
            if locations - {INLINE}:
                filled.append("external_data")
            self._filled = _one_of_all(tuple(filled))
        return self._filled

    @property
    def is_raw(self) -> bool:
        """Whether raw bytes in the model file are all the data that it has."""
        return self.filled_fields == _RAW_ALONE

    @property
    def stored_bytes(self) -> int | None:
        """Bytes of its data in the model file; None for strings and where it lies elsewhere."""
        width = bits(self.element_type)
        if width is None or self.is_external:
            return None
        if self._place is None and self.is_raw:
            return len(self.proto.raw_data)
        try:
            raw = self._raw(looks=False)
        except ValueError:
            return None
        if raw is not None:
            return len(raw)
        typed = (field for field in self.filled_fields if field in _TYPED)
        entries = sum(len(getattr(self.proto, field)) for field in typed)
        entry_bits = width // 2 if self.dtype.startswith("complex") else max(8, width)
        return entries * entry_bits // 8

    @property
    def extent(self) -> tuple[str, int, int] | None:
        """Location, offset and length of data left in a file; None where `proto` holds it.

        Raises:
            TensorError: the offset or the length is not a number.
        """
        if self._place is None:
            return None
        length = self._place.get("length")
        try:
            size = int(length) if length is not None else self.nbytes
            return self._place.get("location", ""), int(self._place.get("offset") or 0), size
        except ValueError as error:
            raise TensorError("offset or length is not a number") from error

    def array(self) -> Array:
        """The elements with shape `dims`: a read-only view of the mapped file where it can be.

        Raises:
            TensorError: the data does not fit dtype and dims, or cannot be read.
        """
        try:
            return self._array()
        except TensorError:
            raise
        except (ValueError, TypeError, KeyError, OverflowError) as error:
            raise TensorError(f"data does not fit {self.dtype}{list(self.dims)}") from error

    def _array(self) -> Array:
        import numpy as np

        if self.fill:
            return np.broadcast_to(self._repeated(), self.dims)
        raw = self._raw()
        self._require(raw)
        if raw is not None and (bits(self.element_type) or 8) >= 8:
            return np.frombuffer(raw, stored_dtype(self.element_type), self.size).reshape(self.dims)
        if raw is None and (field := _WHOLE_FIELDS.get(self.element_type)) is not None:
            entries = getattr(self.proto, field)
            return np.array(entries, numpy_dtype(self.element_type)).reshape(self.dims)
        from onnx import numpy_helper  # loads for long, and few tensors need it

        return numpy_helper.to_array(self.proto if raw is None else self._with_raw(bytes(raw)))

    def numbers(self) -> list[float] | None:
        """All elements as Python's numbers; None where they are not float32, or cannot be read.

        For a few of them this takes a tenth of the time that an array takes.
        """
        return self._read_as("f") if self.element_type == FLOAT32 else None

    def integers(self) -> list[int] | None:
        """The same of int64, as shapes and axes are."""
        return self._read_as("q") if self.element_type == INT64 else None

    def _read_as(self, code: Literal["f", "q"]) -> list[Any] | None:
        if self.fill or sys.byteorder != "little" or min(self.dims, default=0) < 0:
            return None
        try:
            raw = self._raw()
        except TensorError:
            return None
        return raw.cast(code).tolist() if raw is not None and len(raw) == self.nbytes else None

    def _repeated(self) -> Array:
        """The one element of a fill."""
        return Tensor(self.proto, self.files, tuple(self.proto.dims)).array().reshape(-1)[:1]

    def require_data(self) -> None:
        """Compares the dims with the data, before anything is made as large as they say.

        Raises:
            TensorError: there is less data than the dims need.
        """
        self._require(None if self.fill else self._raw(looks=False))

    def _require(self, raw: memoryview | None) -> None:
        if min(self.dims, default=0) < 0:
            raise TensorError(f"negative dims {list(self.dims)}")
        if self.fill:
            return
        if bits(self.element_type) is None and self.size > len(self.proto.string_data):
            raise TensorError(f"contains {len(self.proto.string_data)} of {self.size} strings")
        held = self.stored_bytes if raw is None else len(raw)
        if held is not None and held < self.nbytes:
            raise TensorError(f"contains {held} bytes, but the dims need {self.nbytes}")

    def _raw(self, *, looks: bool = True) -> memoryview | None:
        """The elements as they lie in a file; None where only protobuf fields hold them.

        Who `looks` at no element needs none of a file that is elsewhere.
        """
        extent = self.extent
        if extent is not None:
            return self.files.view(*extent) if looks else self.files.span(*extent)
        if self.proto.HasField("raw_data"):
            return memoryview(self.proto.raw_data)
        return None

    def _with_raw(self, raw: bytes) -> TensorProto:
        from onnx import TensorProto

        return TensorProto(data_type=self.element_type, dims=self.dims, raw_data=raw)

    def blocks(
        self, step: int | None = None, start: int = 0, stop: int | None = None
    ) -> Iterator[Array]:
        """The elements in flat pieces of `step`, or from `start` to `stop` alone; none of strings.

        A piece is good until the next one is asked for. Data in a file is read rather than mapped,
        for mapped pages count as memory. A fill gives its one element.

        Raises:
            TensorError: the data does not fit dtype and dims, or cannot be read.
        """
        width = bits(self.element_type)
        raw = None if self.fill else self._raw(looks=False)
        self._require(raw)
        if raw is None or width is None or width == 6:
            yield from self._typed_blocks(step, start, stop)
            return
        packed = max(1, 8 // width)
        size = max(1, BLOCK_BYTES * 8 // width if step is None else step)
        piece_bytes = -(-size // packed) * max(1, width // 8)
        left = (self.size if stop is None else stop) - start
        for piece in self._byte_pieces(raw, start * width // 8, left, piece_bytes):
            block = _elements(piece, self.element_type, width)[:left]
            left -= block.size
            yield block

    def feed(self, seen: Measuring, start: int = 0, stop: int | None = None) -> None:
        """Takes its elements into a measurement, in their order, or from `start` to `stop` alone.

        Raises:
            TensorError: as `blocks`.
        """
        end, at = self.size if stop is None else stop, start
        width = bits(self.element_type) or 0
        location, first, _ = self.extent or ("", 0, 0)
        is_file = self.extent is not None and not self.fill and self.files.has_descriptor(location)
        if not is_file or width < 8 or not seen.reads(self.stored):
            for block in self.blocks(seen.step, start, stop):
                seen.add(block)
            return
        self._require(self._raw(looks=False))
        step = min(seen.step, end - start)
        with self.files.read_by(location, step * width // 8) as (file, memory):
            block = _elements(memory, self.element_type, width)
            while at < end:
                at += seen.add_file(file, first + at * width // 8, end - at, block)
                for other in self.blocks(seen.step, at, min(at + seen.step, end)):
                    seen.add(other)
                    at += other.size

    @property
    def stored(self) -> np.dtype[Any]:
        """The type of its elements in raw data."""
        return stored_dtype(self.element_type)

    def _typed_blocks(self, step: int | None, start: int, stop: int | None) -> Iterator[Array]:
        flat = self._repeated()[: self.size] if self.fill else self.array().reshape(-1)
        flat = flat[start:stop]
        if flat.dtype != object:
            step = step or max(1, BLOCK_BYTES // max(1, flat.dtype.itemsize))
            yield from (flat[at : at + step] for at in range(0, flat.size, step))

    def _byte_pieces(
        self, raw: memoryview, offset: int, elements: int, step: int
    ) -> Iterator[memoryview]:
        length = (elements * (bits(self.element_type) or 0) + 7) // 8
        if self.extent is None:
            data = raw[offset : offset + length]
            return (data[at : at + step] for at in range(0, length, step))
        location, start, _ = self.extent
        return self.files.pieces(location, start + offset, length, step)


_TYPED_FIELDS = {
    "undefined": None, "float": "float_data", "complex64": "float_data", "double": "double_data",
    "complex128": "double_data", "int64": "int64_data", "uint32": "uint64_data",
    "uint64": "uint64_data", "string": "string_data",
}  # fmt: skip
"""The fields of the specification for elements one by one; of all other types `int32_data`."""


_WHOLE_FIELDS = {
    1: "float_data", 6: "int32_data", 7: "int64_data", 11: "double_data", 13: "uint64_data",
}  # fmt: skip
"""The fields whose entries are elements as they are: of float32, int32, int64, double, uint64."""


def _typed_field(element_type: int) -> str | None:
    return _TYPED_FIELDS.get(dtype_name(element_type), "int32_data")


@cache
def _one_of_all(names: tuple[str, ...]) -> tuple[str, ...]:
    """The same tuple for equal ones."""
    return names


def _elements(data: memoryview, element_type: int, width: int) -> Array:
    """Raw bytes as elements, those of less than a byte unpacked."""
    import numpy as np

    dtype = numpy_dtype(element_type)
    if width >= 8:
        return np.frombuffer(data, stored_dtype(element_type))
    shifts = np.arange(0, 8, width, dtype=np.uint8)
    fields = (np.frombuffer(data, np.uint8)[:, None] >> shifts & ((1 << width) - 1)).reshape(-1)
    if dtype_name(element_type).startswith("int"):  # a byte holds a signed one with its sign
        sign = 1 << (width - 1)
        fields = (fields ^ sign) - np.uint8(sign)
    return fields.view(dtype)
