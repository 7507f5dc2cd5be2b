"""Statistics of the constants, each read once, in blocks, and only when somebody asks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import reduce
from hashlib import blake2b
from typing import TYPE_CHECKING, NamedTuple

from onnxlint.findings import Place
from onnxlint.model.dtypes import is_float
from onnxlint.model.graph import Graph, Node, Value
from onnxlint.model.preflight import Preflight
from onnxlint.model.tensors import BLOCK_BYTES, Tensor, TensorError

if TYPE_CHECKING:
    from onnx import TensorProto

    from onnxlint.runtime.messages import Array, Statistics

WEIGHT_SLOTS = {
    "Conv": (1,), "ConvTranspose": (1,), "DeformConv": (1,), "Gemm": (1,), "MatMul": (0, 1),
    "Gather": (0,), "LSTM": (1, 2), "GRU": (1, 2), "RNN": (1, 2),
}  # fmt: skip
"""Input slots that hold learned weights of two and more dims."""

Constant = tuple[Value, Tensor]
"""A constant value and its data."""


class Copy(NamedTuple):
    """A constant whose elements are those of another one, in their order or `transposed`."""

    value: Value
    tensor: Tensor
    transposed: bool


@dataclass(frozen=True)
class Weight:
    """A constant that a layer multiplies with or looks up in: the layer, its slot, the tensor."""

    node: Node
    slot: int
    value: Value
    tensor: Tensor

    @property
    def place(self) -> Place:
        """At the layer, with the weight's name."""
        return self.node.place_of(self.value.name)


class Weights:
    """The model's constants and their statistics."""

    def __init__(self, graph: Graph, preflight: Preflight) -> None:
        self._graph = graph
        self._readable = preflight.refusal is None
        self._statistics: dict[int, Statistics | None] = {}
        self._protos: list[TensorProto] = []

    @classmethod
    def build(cls, graph: Graph, preflight: Preflight) -> Weights:
        """Reads nothing yet."""
        return cls(graph, preflight)

    def of(self, tensor: Tensor) -> Statistics | None:
        """The statistics of a float tensor; None for other dtypes and for unreadable data."""
        key = id(tensor.proto)
        if key not in self._statistics:
            self._protos.append(tensor.proto)  # kept, so that its id stays its own
            self._statistics[key] = self._measure(tensor)
        return self._statistics[key]

    def layers(self) -> Iterator[Weight]:
        """The constant weights (two and more dims) of layers; a shared one at its first layer."""
        known: set[Value] = set()
        for node in self._graph.nodes(*WEIGHT_SLOTS):
            for slot in WEIGHT_SLOTS[node.op]:
                value = node.input(slot)
                tensor = self._graph.tensor(value)
                if value is None or tensor is None or len(tensor.dims) < 2:
                    continue
                if self._graph.source(value) not in known:
                    known.add(self._graph.source(value))
                    yield Weight(node, slot, value, tensor)

    def constants(self) -> Iterator[Constant]:
        """Every initializer and Constant of the model, in every scope."""
        for value in self._graph.values():
            made_here = value.tensor_proto is not None or (
                value.producer is not None and value.producer.op == "Constant"
            )
            tensor = self._graph.tensor(value) if made_here else None
            if tensor is not None:
                yield value, tensor

    def copies(self, min_bytes: int) -> Iterator[list[Copy]]:
        """Constants of `min_bytes` and more with equal elements, matrices also transposed.

        Only what agrees in dtype, size and extrema is compared; data that tensors share in a file
        counts once.
        """
        alike: dict[object, list[Constant]] = {}
        for value, tensor in self.constants():
            if tensor.nbytes >= min_bytes:
                seen = self.of(tensor)
                extrema = seen and (seen.minimum, seen.maximum)
                key = tensor.element_type, tensor.size, extrema
                alike.setdefault(key, []).append((value, tensor))
        for candidates in alike.values():
            if len(candidates) > 1:
                yield from self._equal(candidates)

    def _equal(self, candidates: list[Constant]) -> Iterator[list[Copy]]:
        groups: dict[object, dict[object, Copy]] = {}
        for value, tensor in candidates:
            digest = self.digest(tensor)
            if digest is None:
                continue
            key, transposed = (tensor.dims, digest), False
            if key not in groups and len(tensor.dims) == 2:
                turned: object = (tensor.dims[::-1], self.digest(tensor, transposed=True))
                key, transposed = (turned, True) if turned in groups else (key, False)
            copy = Copy(value, tensor, transposed)
            groups.setdefault(key, {}).setdefault(tensor.extent or value, copy)
        return (list(group.values()) for group in groups.values() if len(group) > 1)

    def digest(self, tensor: Tensor, *, transposed: bool = False) -> bytes | None:
        """A hash of the elements, or of the transposed matrix's; None for unreadable data."""
        if not self._may_read(tensor):
            return None
        hashed = blake2b(digest_size=16)
        try:
            for block in _transposed(tensor) if transposed else tensor.blocks():
                hashed.update(block.tobytes())
        except TensorError:
            return None
        return hashed.digest()

    def _may_read(self, tensor: Tensor) -> bool:
        return self._readable or not tensor.is_external

    def _measure(self, tensor: Tensor) -> Statistics | None:
        from onnxlint.runtime.messages import Statistics
        from onnxlint.runtime.statistics import measure, merge

        if not is_float(tensor.element_type) or not self._may_read(tensor):
            return None
        blocks = (measure(block) for block in tensor.blocks())
        try:
            return reduce(merge, blocks, Statistics(dtype=tensor.dtype, shape=tensor.dims))
        except TensorError:
            return None


def _transposed(tensor: Tensor) -> Iterator[Array]:
    """The rows of the transposed matrix, some at a time."""
    matrix = tensor.array().T
    step = max(1, BLOCK_BYTES // max(1, matrix[:1].nbytes))
    for start in range(0, len(matrix), step):
        yield matrix[start : start + step]
