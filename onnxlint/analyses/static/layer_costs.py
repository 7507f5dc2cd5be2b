"""What each node of a model at given sizes computes and holds, and what all of them take."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import prod

from msgspec import Struct, field

from onnxlint.analyses.static.live_memory import peak_bytes
from onnxlint.analyses.static.multiplications import multiplications
from onnxlint.analyses.static.operations import other_operations
from onnxlint.analyses.static.shapes import Shapes
from onnxlint.model.graph.graph import Graph
from onnxlint.model.graph.nodes import Node, Scope, Value
from onnxlint.runtime.shape_inference.node_numbers import number_of


class LayerCost(Struct, frozen=True):
    """What a node costs in one run; None for what is not known.

    `parameters` are learnt numbers, `trainable` those of them that are stored as floats,
    `weight_bytes` the size of all constants that no node before has read. `macs` and `flops` count
    all `rounds` of a loop and all calls of a function, `activation_bytes` the outputs of one round.
    The nodes inside a loop, a branch or a function have costs of their own: what runs them has
    none beside.
    """

    parameters: int = 0
    trainable: int = 0
    weight_bytes: int = 0
    macs: int | None = None
    flops: int | None = None
    activation_bytes: int | None = None
    rounds: int | None = None


Dims = tuple[int, ...]

Both = tuple[int, int]
"""Multiplications with additions, and operations in all."""


class Work(Struct):
    """What a node does in one run, all its rounds and calls together."""

    macs: int | None = 0
    flops: int | None = 0
    activation_bytes: int | None = 0
    rounds: int | None = 0

    def add(self, other: Work) -> None:
        """A further call of the function that it stands in; memory is that of the largest."""
        self.macs = _sum(self.macs, other.macs)
        self.flops = _sum(self.flops, other.flops)
        self.rounds = _sum(self.rounds, other.rounds)
        sizes = (self.activation_bytes, other.activation_bytes)
        self.activation_bytes = None if None in sizes else max(size or 0 for size in sizes)


class Counted(Struct):
    """What was counted of a model; see `Costs`."""

    macs: int = 0
    flops: int = 0
    weight_bytes: int = 0
    peak_activations: int = 0
    inputs: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    uncounted: tuple[str, ...] = ()
    unsized: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    layers: dict[int, Work] = field(default_factory=dict)
    """By the number of the node in the model as it is written."""


class Counting:
    """Goes through the nodes of a model whose shapes are known."""

    def __init__(
        self, graph: Graph, shapes: Shapes, sizes: Mapping[str, int],
        otherwise: Callable[[Value], Dims | None] = lambda value: None,
    ) -> None:  # fmt: skip
        self._graph, self._shapes, self._sizes = graph, shapes, sizes
        self._otherwise = otherwise
        self._uncounted: set[str] = set()
        self._unsized: set[str] = set()
        self._unknown: set[str] = set()
        self._layers: dict[int, Work] = {}

    def counted(self) -> Counted:
        """What all of it costs."""
        found = self._of_scope(self._graph.main, 1)
        weights = sum(tensor.nbytes for _, tensor in self._graph.tensors)
        peak = peak_bytes(self._graph.main, self._bytes_or_none)
        uncounted, unsized, unknown = (
            tuple(sorted(each)) for each in (self._uncounted, self._unsized, self._unknown)
        )
        read = {value.name: self.dims(value) for value in self._graph.inputs}
        sizes = {name: dims for name, dims in read.items() if dims is not None}
        return Counted(*found, weights, peak, sizes, uncounted, unsized, unknown, self._layers)

    def _of_scope(self, scope: Scope, rounds: int | None) -> Both:
        """MACs and FLOPs of one round of a scope, which runs so often in all."""
        macs = flops = 0
        for node in scope.nodes:
            own, inside = self._of_node(node, rounds), self._inside(node, rounds)
            macs += own[0] + inside[0]
            flops += own[1] + inside[1]
        return macs, flops

    def _of_node(self, node: Node, rounds: int | None) -> Both:
        """What a node does itself, so far as it is known."""
        macs = multiplications(node, self.dims)
        others = other_operations(node, self.dims, self.is_float)
        if macs is None:
            self._uncounted.add(node.op)
        elif others is None:
            self._unknown.add(node.op)
        self._record(node, macs, others, rounds)
        return macs or 0, 2 * (macs or 0) + (others or 0)

    def _inside(self, node: Node, rounds: int | None) -> Both:
        """What the subgraphs of a node do in all their rounds, of branches the dearest."""
        if not node.subgraphs:
            return 0, 0
        repeats = self._repeats(node) if node.op in ("Loop", "Scan") else 1
        in_all = None if rounds is None or repeats is None else rounds * repeats
        found = [self._of_scope(scope, in_all) for scope in node.subgraphs]
        macs, flops = max(found)
        if repeats is None and flops:
            (self._uncounted if macs else self._unknown).add(node.op)
        times = 1 if repeats is None else repeats
        return macs * times, flops * times

    def _record(self, node: Node, macs: int | None, others: int | None, rounds: int | None) -> None:
        number = number_of(node.proto)
        if number is None:
            return
        flops = None if macs is None or others is None else 2 * macs + others
        work = Work(_times(macs, rounds), _times(flops, rounds), self._outputs(node), rounds)
        if number in self._layers:
            self._layers[number].add(work)
        else:
            self._layers[number] = work

    def _outputs(self, node: Node) -> int | None:
        """Bytes of all that a node puts out; None where one of them has no known size."""
        sizes = [self._size(value) for value in node.outputs if value is not None]
        return None if None in sizes else sum(size or 0 for size in sizes)

    def _repeats(self, node: Node) -> int | None:
        """How often a Loop or Scan runs its body."""
        if node.op == "Loop":
            trips = self._graph.integers(node.input(0))
            return trips[0] if trips else None
        count = node.attribute("num_scan_inputs", 0)
        dims = self.dims(node.inputs[-1]) if node.op == "Scan" and count else None
        axis = (node.integers("scan_input_axes") or [0])[-1]
        return dims[axis] if dims and -len(dims) <= axis < len(dims) else None

    def dims(self, value: Value | None) -> tuple[int, ...] | None:
        """The sizes of a value; None where one is not known."""
        shape = self._shapes.of(value)
        dims = None if shape is None else filled(shape.dims, self._sizes)
        return self._otherwise(value) if dims is None and value is not None else dims

    def is_float(self, value: Value | None) -> bool:
        """Whether a value is known to hold floating point numbers."""
        shape = self._shapes.of(value)
        return shape is not None and shape.is_float

    def _size(self, value: Value) -> int | None:
        shape, dims = self._shapes.of(value), self.dims(value)
        if shape is None or dims is None:
            return None
        return (prod(dims) * shape.bits + 7) // 8

    def _bytes_or_none(self, value: Value) -> int:
        size = self._size(value)
        if size is None:
            made_by = value.producer
            is_tensor = value.type is None or value.type.HasField("tensor_type")
            if made_by is not None and is_tensor:
                self._unsized.add(made_by.op)
        return size or 0


def filled(dims: Sequence[int | str | None] | None, sizes: Mapping[str, int]) -> Dims | None:
    """Dims with sizes in the place of symbols; None where one of them is not known."""
    known = [dim if isinstance(dim, int) else sizes.get(dim or "") for dim in dims or ()]
    if dims is None or None in known:
        return None
    return tuple(size for size in known if size is not None)


def _times(count: int | None, rounds: int | None) -> int | None:
    if count == 0:
        return 0
    return None if count is None or rounds is None else count * rounds


def _sum(one: int | None, other: int | None) -> int | None:
    return None if one is None or other is None else one + other
