"""Statistics of the constants, each read once, in blocks, and only when somebody asks."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterator, Sequence
from functools import cache, cached_property, reduce
from math import prod
from typing import TYPE_CHECKING, NamedTuple

from msgspec import Struct

from onnxlint.analyses.static.remembered import NO_MEMORY, WeightMemory
from onnxlint.analyses.static.stored_weights import Stored, channel_axis, stored
from onnxlint.model.file.dtypes import bits, is_float, numpy_dtype
from onnxlint.model.file.mapped_files import TensorError
from onnxlint.model.file.tensors import BLOCK_BYTES, Tensor
from onnxlint.model.graph.graph import Graph
from onnxlint.model.graph.nodes import Node, Value
from onnxlint.model.graph.operators import WEIGHT_SLOTS
from onnxlint.model.graph.place import Place
from onnxlint.model.preflight import Preflight
from onnxlint.safety.limits import usable_cores

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor

    from onnx import TensorProto

    from onnxlint.runtime.protocol import Array, Statistics


THREAD_ELEMENTS = 8 * 1024 * 1024
"""Tensors in a file that hold more are read by several threads, so many elements at a time."""

MOST_THREADS = 4
"""Threads that read one tensor: more of them wait for memory only."""

EDGED_ELEMENTS = 4096
"""Elements from which two are looked at before all are; a choice, fewer are read at once."""

WIDEST_INTEGER = 32
"""Bits of an integer up to which its statistics are exact."""

Constant = tuple[Value, Tensor]
"""A constant value and its data."""


class Copy(NamedTuple):
    """A constant whose elements are those of another one, in their order or `transposed`."""

    value: Value
    tensor: Tensor
    transposed: bool


class Weight(Struct, frozen=True):
    """A constant that a layer multiplies with or looks up in: the layer, its slot, the tensor.

    The constant may stand behind Cast, Transpose, Reshape or DequantizeLinear: `tensor` is what is
    stored, `dims` what the layer gets, `value` the name of the constant.
    """

    node: Node
    slot: int
    stored: Stored

    @property
    def value(self) -> Value:
        """The constant."""
        return self.stored.value

    @property
    def tensor(self) -> Tensor:
        """Its data."""
        return self.stored.tensor

    @property
    def dims(self) -> tuple[int, ...]:
        """Its shape as the layer gets it."""
        return self.stored.dims

    @property
    def is_quantised(self) -> bool:
        """Whether integers are stored that a DequantizeLinear scales."""
        return self.stored.quantised is not None

    @property
    def is_table(self) -> bool:
        """Whether the layer looks rows up in it."""
        return self.node.op == "Gather"

    @property
    def is_depthwise(self) -> bool:
        """Whether each output channel sees one input channel alone."""
        groups = self.node.attribute("group", 1) if "Conv" in self.node.op else 1
        return groups > 1 and self.dims[1] == 1

    @property
    def outputs(self) -> int:
        """How many output channels the layer has, in all groups."""
        axis = channel_axis(self.node, self.slot, self.dims)
        if axis is not None:
            return self.dims[axis]
        return 0 if self.is_table else self.dims[1] * int(self.node.attribute("group", 1))

    @property
    def fan_in(self) -> int:
        """How many products an output element of the layer adds up."""
        return self._fans[0]

    @property
    def fan_out(self) -> int:
        """How many output elements an input element goes to."""
        return self._fans[1]

    @property
    def _fans(self) -> tuple[int, int]:
        window = prod(self.dims[2:])
        if "Conv" in self.node.op:
            first, second = self.dims[0] * window, self.dims[1] * window
            return (first, second) if self.node.op == "ConvTranspose" else (second, first)
        rows, columns = self.dims[-2:]
        turned = self.node.op != "MatMul" and not (
            self.node.op == "Gemm" and not self.node.attribute("transB", 0)
        )
        turned = turned or (self.node.op == "MatMul" and self.slot == 0)
        return (columns, rows) if turned else (rows, columns)

    @property
    def place(self) -> Place:
        """At the layer, with the weight's name."""
        return self.node.place_of(self.value.name)


class ChannelMagnitude(NamedTuple):
    """Extrema of a weight's output channels, as the layer gets them; one element a channel."""

    minimum: Array
    maximum: Array

    @property
    def magnitude(self) -> Array:
        """The largest magnitude in each channel."""
        import numpy as np

        return np.maximum(np.abs(self.minimum), np.abs(self.maximum))


class Weights:
    """The model's constants and their statistics."""

    def __init__(self, graph: Graph, preflight: Preflight, memory: WeightMemory) -> None:
        self._graph = graph
        self._memory = memory
        self._readable = preflight.refusal is None
        self._statistics: dict[object, Statistics | None] = {}
        self._known: dict[Tensor, Statistics | None] = {}
        self._channels: dict[tuple[Node, int], ChannelMagnitude | None] = {}
        self._edges: dict[object, list[int]] = {}
        self._digests: dict[object, bytes | None] = {}
        self._protos: list[TensorProto] = []

    @classmethod
    def build(cls, graph: Graph, preflight: Preflight, memory: WeightMemory = NO_MEMORY) -> Weights:
        """Reads nothing yet."""
        return cls(graph, preflight, memory)

    def of(self, tensor: Tensor) -> Statistics | None:
        """The statistics of a float tensor or a quantised weight, with channels if a layer has it.

        None for other integers, booleans and strings, and for unreadable data.
        """
        if tensor not in self._known:
            self._known[tensor] = self._of_data(tensor)
        return self._known[tensor]

    def _of_data(self, tensor: Tensor) -> Statistics | None:
        """As `of`; what several tensors store is read once."""
        key = _key(tensor)
        if key not in self._statistics:
            self._protos.append(tensor.proto)  # kept, so that its id stays its own
            self._statistics[key] = self._recalled(tensor, self._axes.get(key))
        return self._statistics[key]

    def _recalled(self, tensor: Tensor, axis: int | None) -> Statistics | None:
        """Statistics that an earlier run measured, else measured now."""
        if not self._is_measured(tensor) or not self._may_read(tensor):
            return None
        seen = self._memory.recall(tensor, axis)
        if seen is None and (seen := self._measure(tensor, axis)) is not None:
            self._memory.keep(tensor, axis, seen)
        return seen

    def edges(self, tensor: Tensor) -> list[int]:
        """The least and the largest number of each block of a tensor of integers."""
        key = _key(tensor)
        if key not in self._edges:
            self._protos.append(tensor.proto)
            try:
                self._edges[key] = _edges(tensor)
            except ValueError:
                self._edges[key] = []
        return self._edges[key]

    def layers(self) -> Iterator[Weight]:
        """The constant weights (two and more dims) of layers; a shared one at its first layer."""
        return iter(self._layers)

    def judged(self) -> Iterator[tuple[Weight, Statistics]]:
        """The weights that layers multiply with, not quantised, with elements and statistics."""
        for weight in self._layers:
            seen = None if weight.is_quantised or weight.is_table else self.of(weight.tensor)
            if seen is not None and seen.elements:
                yield weight, seen

    def repeated(self, weight: Weight) -> float | None:
        """The number that every element of a weight is, as the layer gets it; as `uniform`."""
        stored = self.uniform(weight.tensor)
        if stored is None or not weight.is_quantised:
            return stored
        channels = self.channels(weight)
        if channels is None:
            return None
        low, high = float(channels.minimum.min()), float(channels.maximum.max())
        return low if low == high else None

    def uniform(self, tensor: Tensor | None) -> float | None:
        """The number that every stored element of a tensor is; None if they differ.

        An empty tensor has none, nor has one with NaN or infinities.
        """
        if tensor is None or self._is_surely_varied(tensor):
            return None
        seen = self.of(tensor)
        if seen is None or not seen.elements or seen.finite < seen.elements:
            return None
        return seen.minimum if seen.minimum == seen.maximum else None

    def share_below(self, tensor: Tensor, magnitude: float, *, beyond: float = 0.0) -> float:
        """The share of a tensor's elements of less magnitude; 0 where it cannot be read any more.

        The tensor is read again, but only until it is certain that the share is no more than
        `beyond`: it is 0 then. Of most tensors a few percent so tell that few elements vanished.
        """
        seen = small = 0
        try:
            for block in tensor.blocks():
                seen += block.size
                small += _count_below(block, magnitude)
                most = tensor.size - (seen - small)
                if most / tensor.size <= beyond:
                    return 0.0
        except ValueError:
            return 0.0
        return small / seen if seen else 0.0

    def channels(self, weight: Weight) -> ChannelMagnitude | None:
        """Extrema of the output channels as the layer gets them, those of quantised weights scaled.

        None where they lie scattered, hold NaN or infinities, or cannot be read.
        """
        key = weight.node, weight.slot
        if key not in self._channels:
            self._channels[key] = self._channels_of(weight)
        return self._channels[key]

    def _channels_of(self, weight: Weight) -> ChannelMagnitude | None:
        import numpy as np

        seen = self.of(weight.tensor)
        axis = weight.stored.axis
        if seen is None or axis is None or seen.channel_axis != axis or seen.finite < seen.elements:
            return None
        low, high = seen.channel_minimum, seen.channel_maximum
        if low is None or high is None:
            return None
        low, high = low.astype(np.float64), high.astype(np.float64)
        if weight.is_quantised:
            scaling = self.scaling(weight)
            if scaling is None:
                return None
            scale, zero = scaling
            low, high = (low - zero) * scale, (high - zero) * scale
        return ChannelMagnitude(low, high)

    def scaling(self, weight: Weight) -> tuple[Array, Array] | None:
        """Scale and zero point of each output channel of a quantised weight, if each has one."""
        import numpy as np

        node, axis = weight.stored.quantised, weight.stored.quantised_axis
        scale = None if node is None else self._graph.constant(node.input(1))
        if node is None or axis is None or scale is None or node.attribute("block_size", 0):
            return None
        zero = self._graph.constant(node.input(2))
        zero = np.zeros(1) if zero is None else zero
        if object in (scale.dtype, zero.dtype):  # strings
            return None
        count = weight.tensor.dims[weight.stored.axis or 0]
        by_channel = node.attribute("axis", 1) in (axis, axis - len(weight.tensor.dims))
        if not all(part.size == 1 or (by_channel and part.size == count) for part in (scale, zero)):
            return None
        scale, zero = (part.reshape(-1).astype(np.float64) for part in (scale, zero))
        return np.broadcast_to(scale, count), np.broadcast_to(zero, count)

    def equal_channels(self, weight: Weight) -> list[list[int]]:
        """Groups of output channels that are the same to the last bit, those of zeros left out.

        The tensor is read again only where channels agree in their extrema.
        """
        import numpy as np

        from onnxlint.runtime.statistics.measure import channel_hashes

        channels, scaling = self.channels(weight), self.scaling(weight)
        if channels is None or (weight.is_quantised and scaling is None) or weight.tensor.fill:
            return []
        pairs = zip(channels.minimum.tolist(), channels.maximum.tolist(), strict=True)
        if len(set(pairs)) == len(channels.minimum):
            return []
        marks = np.stack([*channels, *(scaling or ())], axis=1)
        alive = np.flatnonzero(channels.magnitude > 0)
        suspects = [at for group in _groups(marks, alive) for at in group]
        if not suspects:
            return []
        tensor = weight.tensor
        try:
            hashes = channel_hashes(tensor.blocks(), tensor.dims, weight.stored.axis or 0)
        except TensorError:
            return []
        return _groups(np.column_stack([marks, hashes.view(np.float64)]), np.array(suspects))

    @cached_property
    def _layers(self) -> list[Weight]:
        known: set[Value] = set()
        layers = []
        for node in self._graph.nodes(*WEIGHT_SLOTS):
            for slot in WEIGHT_SLOTS[node.op]:
                found = stored(self._graph, node, slot)
                if found is None or not (is_float(found.tensor.element_type) or found.quantised):
                    continue
                source = self._graph.source(found.value)
                if source not in known:
                    known.add(source)
                    layers.append(Weight(node, slot, found))
        return layers

    @cached_property
    def _axes(self) -> dict[object, int | None]:
        """The axis of the output channels of each weight."""
        return {_key(weight.tensor): weight.stored.axis for weight in self._layers[::-1]}

    def constants(self) -> Iterator[Constant]:
        """Every initializer and Constant of the model, in every scope."""
        return iter(self._constants)

    @cached_property
    def _constants(self) -> list[Constant]:
        made_here = (
            value
            for value in self._graph.values()
            if value.tensor_proto is not None
            or (value.producer is not None and value.producer.op == "Constant")
        )
        found = ((value, self._graph.tensor(value)) for value in made_here)
        return [(value, tensor) for value, tensor in found if tensor is not None]

    def copies(self, min_bytes: int) -> Iterator[list[Copy]]:
        """Constants of `min_bytes` and more with equal elements, matrices also transposed.

        Only what agrees in dtype, size, ends and extrema is compared, and read; data that tensors
        share in a file counts once.
        """
        large = [each for each in self.constants() if each[1].nbytes >= min_bytes]
        for shaped in _alike(large, lambda tensor: (tensor.element_type, tensor.size)):
            for begun in _alike(shaped, self._edge_bytes):
                for candidates in _alike(begun, self._extrema):
                    yield from self._equal(candidates)

    def _extrema(self, tensor: Tensor) -> object:
        seen = self.of(tensor)
        return seen and (seen.minimum, seen.maximum)

    def _edge_bytes(self, tensor: Tensor) -> object:
        """The first and the last element, which are those of a transposed matrix, too."""
        edges = self._first_and_last(tensor)
        return edges and tuple(each.tobytes() for each in edges)

    def _is_surely_varied(self, tensor: Tensor) -> bool:
        """Whether a look at two elements shows that not all are the same."""
        if tensor in self._known or not self._is_measured(tensor):
            return False
        edges = self._first_and_last(tensor)
        return edges is not None and bool((edges[0] != edges[1]).all())

    def _first_and_last(self, tensor: Tensor) -> tuple[Array, Array] | None:
        """Two elements; None of what has none, or cannot be read."""
        is_plain = tensor.extent is not None or tensor.is_raw
        is_large = tensor.size >= EDGED_ELEMENTS and (bits(tensor.element_type) or 0) >= 8
        if tensor.fill or not is_plain or not is_large or not self._may_read(tensor):
            return None
        try:
            first, last = (next(tensor.blocks(1, at, at + 1)) for at in (0, tensor.size - 1))
            return first.copy(), last
        except (ValueError, StopIteration):
            return None

    def _equal(self, candidates: list[Constant]) -> Iterator[list[Copy]]:
        groups: dict[object, dict[object, Copy]] = {}
        for value, tensor in candidates:
            digest = self._content(tensor)
            if digest is None:
                continue
            key: object = (tensor.dims, digest)
            transposed = False
            if key not in groups and len(tensor.dims) == 2:
                turned = (tensor.dims[::-1], self._content(tensor, transposed=True))
                key, transposed = (turned, True) if turned in groups else (key, False)
            copy = Copy(value, tensor, transposed)
            groups.setdefault(key, {}).setdefault(tensor.extent or value, copy)
        return (list(group.values()) for group in groups.values() if len(group) > 1)

    def _content(self, tensor: Tensor, *, transposed: bool = False) -> object:
        """What tensors of equal elements share; None for unreadable data.

        It is their hash, but where all elements are one number: no matter how many there are.
        """
        repeated = self.uniform(tensor)
        seen = self.of(tensor)
        if repeated is None or seen is None or (repeated == 0 and seen.signed_zeros):
            return self.digest(tensor, transposed=transposed)
        return repeated

    def digest(self, tensor: Tensor, *, transposed: bool = False) -> bytes | None:
        """A hash of the elements, or of the transposed matrix's; None for unreadable data."""
        key = _key(tensor), transposed
        if key not in self._digests:
            self._protos.append(tensor.proto)
            self._digests[key] = self._digest(tensor, transposed)
        return self._digests[key]

    def _digest(self, tensor: Tensor, transposed: bool) -> bytes | None:
        if not self._may_read(tensor):
            return None
        hashed = hashlib.blake2b(digest_size=16)
        try:
            for block in _transposed(tensor) if transposed else tensor.blocks():
                hashed.update(block.tobytes())
        except TensorError:
            return None
        return hashed.digest()

    def is_surely_finite(self, tensor: Tensor) -> bool:
        """Whether a few numbers are all finite, seen without their statistics; of others, False."""
        from onnxlint.runtime.statistics.measure import FEW_ELEMENTS

        if tensor.size > FEW_ELEMENTS or not self._may_read(tensor):
            return False
        return math.isfinite(sum(tensor.numbers() or [math.nan]))

    def _is_measured(self, tensor: Tensor) -> bool:
        if is_float(tensor.element_type):
            return True
        width = bits(tensor.element_type)
        return _key(tensor) in self._axes and width is not None and width <= WIDEST_INTEGER

    def _may_read(self, tensor: Tensor) -> bool:
        return self._readable or not tensor.is_external

    def _measure(self, tensor: Tensor, axis: int | None) -> Statistics | None:
        from onnxlint.runtime.statistics.measure import (
            FEW_ELEMENTS,
            Measurement,
            measure_few,
            merge,
        )

        dtype = numpy_dtype(tensor.element_type)
        is_short = tensor.fill or (tensor.size <= FEW_ELEMENTS and axis is None)
        if is_short and dtype.itemsize <= 4:
            numbers = tensor.numbers() or _numbers(tensor)
            return None if numbers is None else measure_few(numbers, dtype, tensor.dims)

        def measured(start: int, stop: int | None) -> Statistics:
            seen = Measurement(dtype, tensor.dims, None if tensor.fill else axis, start)
            tensor.feed(seen, start, stop)
            return seen.result

        starts = range(0, tensor.size, THREAD_ELEMENTS)
        try:
            if len(starts) < 2 or tensor.extent is None or tensor.fill:
                return measured(0, None)
            tensor.require_data()
            stops = (min(start + THREAD_ELEMENTS, tensor.size) for start in starts)
            return reduce(merge, _threads().map(measured, starts, stops))
        except TensorError:
            return None


@cache
def _threads() -> ThreadPoolExecutor:
    from concurrent.futures import ThreadPoolExecutor

    return ThreadPoolExecutor(min(MOST_THREADS, usable_cores()), "onnxlint-weights")


def _alike(constants: Sequence[Constant], key: Callable[[Tensor], object]) -> list[list[Constant]]:
    """Those that share a key, in their order; what is alone in its own is left out."""
    if len(constants) < 2:
        return []
    groups: dict[object, list[Constant]] = {}
    for each in constants:
        groups.setdefault(key(each[1]), []).append(each)
    return [group for group in groups.values() if len(group) > 1]


def _key(tensor: Tensor) -> object:
    """The same for tensors of one stored piece of data."""
    try:
        extent = tensor.extent
    except ValueError:  # an offset that is not a number; preflight tells, and nothing reads it
        extent = None
    if tensor.fill:
        return id(tensor.proto), tensor.dims
    return id(tensor.proto) if extent is None else (extent, tensor.element_type, tensor.dims)


def _edges(tensor: Tensor) -> list[int]:
    from onnxlint.runtime.statistics.measure import FEW_ELEMENTS

    few = tensor.integers() if tensor.size <= FEW_ELEMENTS else None
    if few:
        return [min(few), max(few)]
    blocks = ((int(block.min()), int(block.max())) for block in tensor.blocks())
    return [number for edges in blocks for number in edges]


def _numbers(tensor: Tensor) -> list[float] | None:
    """The elements of a short tensor, of a fill its one; None of one that cannot be read."""
    from onnxlint.runtime.statistics.numpy_passes import widened

    try:
        elements = next(tensor.blocks(), None) if tensor.fill else tensor.array().reshape(-1)
        return [] if elements is None else widened(elements).tolist()
    except TensorError:
        return None


def _count_below(elements: Array, magnitude: float) -> int:
    """How many elements have less magnitude: as in float64, at a quarter of the price."""
    import numpy as np

    from onnxlint.runtime.statistics.numpy_passes import widened

    numbers = widened(elements)
    limit = numbers.dtype.type(magnitude)
    if float(limit) < magnitude:  # nothing of this type lies between what was rounded off
        limit = np.nextafter(limit, np.inf, dtype=numbers.dtype)
    return int(np.count_nonzero(np.abs(numbers) < limit))


def _groups(marks: Array, chosen: Array) -> list[list[int]]:
    """Groups of two and more of the chosen rows that are equal bit by bit."""
    import numpy as np

    rows = np.ascontiguousarray(marks[chosen])
    keys = rows.view(f"V{rows.shape[1] * rows.itemsize}").reshape(-1)
    _, which, counts = np.unique(keys, return_inverse=True, return_counts=True)
    shared = np.flatnonzero(counts > 1)
    return [chosen[which == group].tolist() for group in shared]


def _transposed(tensor: Tensor) -> Iterator[Array]:
    """The rows of the transposed matrix, some at a time."""
    matrix = tensor.array().T
    step = max(1, BLOCK_BYTES // max(1, matrix[:1].nbytes))
    for start in range(0, len(matrix), step):
        yield matrix[start : start + step]
