"""Can this file be opened safely? Judged on the raw protobuf, before any runtime sees it."""

from __future__ import annotations

import itertools
import stat
from collections.abc import Iterable, Iterator
from enum import StrEnum
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct, field

from onnxlint.model.file.dtypes import bits
from onnxlint.model.file.load import Model
from onnxlint.model.file.protobuf_wire import INLINE, PROTO_LIMIT_BYTES
from onnxlint.model.file.tensors import Tensor, element_count
from onnxlint.model.graph.graph import Graph
from onnxlint.model.graph.nodes import Node
from onnxlint.model.graph.place import Located, NotApplicable, Place
from onnxlint.model.graph.stored_tensors import attribute_tensors, integers

if TYPE_CHECKING:
    from onnx import AttributeProto, ModelProto, TensorProto

ALLOCATION_BUDGET_BYTES = 2 * 1024**3
"""What constants may ask a runtime to allocate: protobuf's own limit of a model, 2 GiB."""

WIDEST_BYTES = 16
"""What one element takes at most: complex128."""

LEAST_EXCESS = 32
"""Bytes that no tensor asks for beyond what its data may be packed from: a message that says dtype
and dims has 4 itself."""


Request = tuple[Located, int, str]
"""What asks for memory: where, how many bytes, and what it is called."""


class ProblemKind(StrEnum):
    """What can make opening a file unsafe."""

    ESCAPE = "escape"
    HARDLINK = "hardlink"
    LINK = "link"
    MISSING = "missing"
    BOUNDS = "bounds"
    ALLOCATION = "allocation"
    OVERSIZED = "oversized"


_HARMLESS = (ProblemKind.HARDLINK, ProblemKind.LINK)
"""What is worth knowing, and no danger to whoever opens the file."""


class FileProblem(Struct, frozen=True):
    """One danger: where, what was seen, and the numbers in bytes where there are any."""

    danger: ProblemKind
    place: Place
    message: str
    measured: int | None = None
    limit: int | None = None


class External(Struct, frozen=True):
    """A tensor that says its data lies in another file."""

    place: Place
    proto: TensorProto
    entries: dict[str, str] = field(default_factory=dict)

    @property
    def location(self) -> str:
        """The file, as the model names it."""
        return self.entries.get("location", "")

    @property
    def extent(self) -> tuple[int, int] | None:
        """Offset and size in bytes, the size by dims and dtype where no length is given.

        None where they are not numbers, or negative.
        """
        extent = _range(self)
        if extent is None:
            return None
        offset, length = extent
        size = tensor_bytes(self.proto) if length is None else length
        return None if min(offset, size) < 0 else (offset, size)


class Preflight(Struct, frozen=True):
    """The hazards of a model file, and the external tensors that it refers to.

    `total_bytes` are those of the model's file, and of external data as far as tensors need it.
    """

    hazards: tuple[FileProblem, ...]
    externals: tuple[External, ...]
    total_bytes: int = 0

    @classmethod
    def build(cls, graph: Graph) -> Preflight:
        """Checks external data, what constants ask to allocate, and the size of the message."""
        model = graph.model
        externals = tuple(_externals(graph))
        hazards = [hazard for group in _by_location(externals) for hazard in _check(model, group)]
        hazards += _allocation(graph)
        hazards += _message_size(model)
        return cls(tuple(hazards), externals, model.size + _bytes_beside(externals))

    @property
    def refusal(self) -> str | None:
        """Why native code must not open this file; None if it may."""
        blocking = [hazard for hazard in self.hazards if hazard.danger not in _HARMLESS]
        return blocking[0].message if blocking else None

    def of(self, *dangers: ProblemKind) -> Iterator[FileProblem]:
        """The hazards of these kinds."""
        return (hazard for hazard in self.hazards if hazard.danger in dangers)

    def of_files(self, *dangers: ProblemKind) -> Iterator[FileProblem]:
        """The same of external data.

        Raises:
            NotApplicable: the model has none.
        """
        self.files()
        return self.of(*dangers)

    def files(self) -> list[list[External]]:
        """The external tensors of each file.

        Raises:
            NotApplicable: the model has no external data.
        """
        if not self.externals:
            raise NotApplicable("the model has no external data")
        return list(_by_location(self.externals))


class ExternalData(Struct, frozen=True):
    """The external tensors of each file, and what is wrong with the files.

    It cannot be had of a model that has no external data: rules that ask for it are then not even
    loaded.
    """

    files: list[list[External]]
    problems: tuple[FileProblem, ...]

    @classmethod
    def build(cls, preflight: Preflight) -> ExternalData:
        """What was found before the model was opened.

        Raises:
            NotApplicable: the model has no external data.
        """
        return cls(preflight.files(), preflight.hazards)

    def of(self, *dangers: ProblemKind) -> Iterator[FileProblem]:
        """The problems of these kinds."""
        return (problem for problem in self.problems if problem.danger in dangers)


def all_tensors(model: ModelProto) -> Iterator[TensorProto]:
    """Every tensor of a parsed model, the main graph's initializers first."""
    attributes: list[AttributeProto] = []
    for function in model.functions:
        attributes.extend(function.attribute_proto)
        attributes.extend(attribute for node in function.node for attribute in node.attribute)
    graphs = [model.graph]
    for graph in graphs:
        yield from graph.initializer
        for sparse in graph.sparse_initializer:
            yield from (sparse.values, sparse.indices)
        attributes.extend(attribute for node in graph.node for attribute in node.attribute)
        while attributes:
            attribute = attributes.pop()
            yield from attribute_tensors(attribute)
            graphs.extend([attribute.g] if attribute.HasField("g") else [])
            graphs.extend(attribute.graphs)


def _externals(graph: Graph) -> Iterator[External]:
    spans = graph.model.files.spans
    for owner, stored in graph.tensors:
        tensor = stored.proto
        if tensor.data_location != 1 and not tensor.external_data:
            continue
        external = External(owner.place, tensor, {e.key: e.value for e in tensor.external_data})
        if external.location == INLINE and _range(external) in spans:
            continue
        yield external


def _bytes_beside(externals: Iterable[External]) -> int:
    """Bytes of the files of external data, up to the last that a tensor needs."""
    ends: dict[str, int] = {}
    for external in externals:
        end = sum(external.extent or (0,))
        ends[external.location] = max(end, ends.get(external.location, 0))
    return sum(ends.values())


def _range(external: External) -> tuple[int, int | None] | None:
    """(offset, length) in bytes, length None where absent; None if they are not numbers."""
    try:
        length = external.entries.get("length")
        offset = int(external.entries.get("offset") or 0)
        return offset, None if length is None else int(length)
    except ValueError:
        return None


def _by_location(externals: Iterable[External]) -> Iterable[list[External]]:
    """The tensors of each file: what is wrong with the file is wrong once."""
    groups: dict[str, list[External]] = {}
    for external in externals:
        groups.setdefault(external.location, []).append(external)
    return groups.values()


def _check(model: Model, group: list[External]) -> Iterator[FileProblem]:
    first = group[0]
    location = first.location
    named = f"external data {location!r} of {_counted(group)}"
    if not location:
        yield FileProblem(
            ProblemKind.MISSING, first.place, f"{_counted(group)} names no external file"
        )
        return
    path = model.files.folder / location
    reason = model.files.refusal(location)
    if reason is not None:
        yield FileProblem(ProblemKind.ESCAPE, first.place, f"{named} {reason}")
        return
    try:
        status = path.stat()
    except (OSError, ValueError):
        yield FileProblem(ProblemKind.MISSING, first.place, f"{named} does not exist")
        return
    if not stat.S_ISREG(status.st_mode):
        yield FileProblem(ProblemKind.MISSING, first.place, f"{named} is not a regular file")
        return
    if status.st_nlink > 1:
        message = f"{named} is a hard link ({status.st_nlink} links, expected 1)"
        yield FileProblem(ProblemKind.HARDLINK, first.place, message, status.st_nlink, 1)
    if _passes_link(model, path):
        message = f"{named} is reached through a symbolic link, which onnx.load refuses"
        yield FileProblem(ProblemKind.LINK, first.place, message)
    for external in group:
        yield from _check_bounds(external, status.st_size)


def _passes_link(model: Model, path: Path) -> bool:
    """Whether a link leads to a file of the folder; that of a hub's cache holds nothing else."""
    steps = itertools.takewhile(lambda step: step != model.files.folder, (path, *path.parents))
    return not model.files.model_file.is_symlink() and any(step.is_symlink() for step in steps)


def _counted(group: list[External]) -> str:
    more = f" and {len(group) - 1} more" if len(group) > 1 else ""
    return f"tensor {group[0].proto.name!r}{more}"


def _check_bounds(external: External, file_size: int) -> Iterator[FileProblem]:
    name, place = external.proto.name, external.place
    extent = _range(external)
    if extent is None:
        message = f"offset or length of tensor {name!r} is not a number"
        yield FileProblem(ProblemKind.BOUNDS, place, message)
        return
    offset, length = extent
    expected = tensor_bytes(external.proto)
    size = expected if length is None else length
    if offset < 0 or size < 0:
        message = f"tensor {name!r} has a negative offset or length ({offset}, {size})"
        yield FileProblem(ProblemKind.BOUNDS, place, message, min(offset, size), 0)
    elif offset + size > file_size:
        message = (
            f"tensor {name!r} ends at byte {offset + size:,}, "
            f"but {external.location!r} has only {file_size:,} bytes"
        )
        yield FileProblem(ProblemKind.BOUNDS, place, message, offset + size, file_size)
    elif expected != size:
        message = f"tensor {name!r} has {size:,} bytes, but its shape and dtype need {expected:,}"
        yield FileProblem(ProblemKind.BOUNDS, place, message, size, expected)


def tensor_bytes(proto: TensorProto) -> int:
    """Bytes that a tensor's dims and dtype ask for; negative where a dim is."""
    if any(size < 0 for size in proto.dims):
        return -1
    elements = element_count(proto.dims)
    return (elements * (bits(proto.data_type) or 0) + 7) // 8


def _allocation(graph: Graph) -> Iterator[FileProblem]:
    """One hazard if all that the constants ask for exceeds the budget, at the greediest."""
    repeated = [*_repeated(graph)]
    stored = [*_declared_inputs(graph), *_hollow_initializers(graph)]
    at_most = WIDEST_BYTES * sum(elements for _, elements in repeated)
    if at_most + sum(size for _, size, _ in stored) <= ALLOCATION_BUDGET_BYTES:
        return
    requests = [(node, elements * _element_bytes(graph, node), node.op)
                for node, elements in repeated] + stored  # fmt: skip
    total = sum(size for _, size, _ in requests)
    if total <= ALLOCATION_BUDGET_BYTES:
        return
    owner, size, what = max(requests, key=lambda request: request[1])
    message = (
        f"constants would allocate {total:,} bytes (limit {ALLOCATION_BUDGET_BYTES:,}), "
        f"{size:,} of them for {what}"
    )
    yield FileProblem(ProblemKind.ALLOCATION, owner.place, message, total, ALLOCATION_BUDGET_BYTES)


def _repeated(graph: Graph) -> Iterator[tuple[Node, int]]:
    """How many elements nodes repeat a constant to."""
    for node in graph.nodes(*_REQUESTED_ELEMENTS):
        elements = _REQUESTED_ELEMENTS[node.op](graph, node)
        if elements:
            yield node, elements


def _declared_inputs(graph: Graph) -> Iterator[Request]:
    for scope in graph.scopes:
        for value in scope.inputs:
            yield value, _declared_bytes(value.type), f"input {value.name!r}"


def _hollow_initializers(graph: Graph) -> Iterator[Request]:
    """Initializers whose dims ask for more than their data fills: the excess."""
    for owner, tensor in graph.tensors:
        proto = tensor.proto
        if tensor.nbytes <= LEAST_EXCESS or proto.data_location == 1 or proto.string_data:
            continue
        excess = tensor.nbytes - 8 * proto.ByteSize()  # a varint packs 8 bytes into 1
        if excess > 0:
            yield owner, excess, f"tensor {proto.name!r}"


def _declared_bytes(type_proto: object) -> int:
    tensor = getattr(type_proto, "tensor_type", None)
    if tensor is None:
        return 0
    sizes = [dim.dim_value for dim in tensor.shape.dim if dim.HasField("dim_value")]
    elements = element_count(max(1, size) if size else 0 for size in sizes)
    return elements * (bits(tensor.elem_type) or 8) // 8


def _element_bytes(graph: Graph, node: Node) -> int:
    """Bytes of one output element: of the constant that is repeated, else 4 as for float32."""
    slot = {"ConstantOfShape": None, "Range": 0}.get(node.op, 0)
    tensor = node.tensor("value") if slot is None else _proto(graph, node, slot)
    width = bits(tensor.data_type) if tensor is not None else None
    return max(1, (width or 32) // 8)


def _proto(graph: Graph, node: Node, slot: int) -> TensorProto | None:
    tensor: Tensor | None = graph.tensor(node.input(slot))
    return None if tensor is None else tensor.proto


def _numbers(graph: Graph, node: Node, slot: int) -> list[float] | None:
    """The elements of a small constant input, where all of them are finite."""
    tensor = graph.tensor(node.input(slot))
    if tensor is None or tensor.size > 64:
        return None
    whole = integers(tensor)
    if whole is not None:
        return [*whole]
    array = graph.constant(node.input(slot))
    if array is None or array.dtype.kind != "f":
        return None
    numbers: list[float] = array.reshape(-1).tolist()
    return numbers if all(map(isfinite, numbers)) else None


def _product(graph: Graph, node: Node, slot: int) -> int:
    """Elements that a shape, repeats or sizes input asks for."""
    numbers = _numbers(graph, node, slot) or [0]
    return element_count(max(1, int(size)) if size != 0 else 0 for size in numbers)


def _of_shape(graph: Graph, node: Node) -> int:
    return _product(graph, node, 0)


def _expanded(graph: Graph, node: Node) -> int:
    return _product(graph, node, 1)


def _tiled(graph: Graph, node: Node) -> int:
    tensor = graph.tensor(node.input(0))
    return _product(graph, node, 1) * (tensor.size if tensor is not None else 1)


def _ranged(graph: Graph, node: Node) -> int:
    bounds = [_numbers(graph, node, slot) for slot in range(3)]
    if any(not numbers for numbers in bounds):
        return 0
    start, limit, delta = (numbers[0] for numbers in bounds if numbers)
    length = (limit - start) / delta if delta else 0
    return int(length) if 0 < length < float("inf") else 0


def _padded(graph: Graph, node: Node) -> int:
    pads = _numbers(graph, node, 1) or node.integers("pads") or []
    half = len(pads) // 2
    sizes = (max(0, int(a + b)) for a, b in zip(pads[:half], pads[half:], strict=False))
    return element_count(1 + size for size in sizes) - 1


def _resized(graph: Graph, node: Node) -> int:
    return _product(graph, node, 3)


_REQUESTED_ELEMENTS = {
    "ConstantOfShape": _of_shape,
    "Expand": _expanded,
    "Tile": _tiled,
    "Range": _ranged,
    "Pad": _padded,
    "Resize": _resized,
}
"""How many elements the output of an operator has whose sizes the file asks for."""


def _message_size(model: Model) -> Iterator[FileProblem]:
    if model.size >= PROTO_LIMIT_BYTES:
        message = f"file size {model.size:,} bytes (protobuf limit {PROTO_LIMIT_BYTES:,})"
        yield FileProblem(ProblemKind.OVERSIZED, Place(), message, model.size, PROTO_LIMIT_BYTES)


Danger = ProblemKind
"""The name until 0.2, which rules of teams may import."""
