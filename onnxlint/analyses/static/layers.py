"""The layers that multiply with constant weights, and what stands between one and the next."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from enum import IntEnum
from functools import cached_property
from math import prod

from msgspec import Struct

from onnxlint.model.graph.graph import Graph
from onnxlint.model.graph.nodes import Node, Value
from onnxlint.model.graph.operators import (
    AFFINE,
    CASTING,
    COPYING,
    LINEAR,
    MIXING,
    NONLINEAR,
    REPLACING,
    SAME_WEIGHT,
    SIZE_OPS,
)
from onnxlint.model.graph.walk import Walk, WayBack, postorder


class Change(IntEnum):
    """What an operator does to the one computed value that it reads, from nothing on upwards."""

    NONE = 0
    LAYOUT = 1
    """The same numbers in other places, some of them left out."""
    AFFINE = 2
    """Scaled and shifted by constants, each number for itself."""
    MIXING = 3
    """Linear over several places: pooling by the mean, interpolation."""
    NONLINEAR = 4


_CHANGES: Mapping[Change, frozenset[str]] = {
    Change.NONE: COPYING | CASTING,
    Change.LAYOUT: REPLACING,
    Change.AFFINE: LINEAR,
    Change.MIXING: MIXING,
    Change.NONLINEAR: NONLINEAR,
}
"""What operators change of a value. Those that are not here are of no kind: nothing is known of
them."""
_CHANGE_OF = {op: change for change, ops in _CHANGES.items() for op in ops}

_BY_FIRST = frozenset({Change.NONE, Change.LAYOUT, Change.MIXING})

_Constant = tuple[Value, tuple[int, ...]]
"""A stored tensor, and its dims as a reader gets them."""


class Layer(Struct, frozen=True, eq=False):
    """An affine layer: `inputs` features to `outputs` features by a constant weight.

    `weight` is the stored tensor behind what the node reads, in a function that of its first call;
    `dims` are those that the node sees.
    `axis` is where the features stand in what it reads and gives, None where that differs;
    `groups` counts parts that see none of each other, `kernel` is empty for a dense layer.
    """

    node: Node
    data: Value
    weight: Value
    dims: tuple[int, ...]
    inputs: int
    outputs: int
    axis: int | None
    groups: int = 1
    kernel: tuple[int, ...] = ()
    strides: tuple[int, ...] = ()


class PathToLayer(Struct, frozen=True, eq=False):
    """How a value comes from the layer, join or input behind it, by one computed value at a time.

    `origin` is where the trail starts, `layer` the layer that gives it, `change` the gravest on
    the way, and `alone` says that nobody else reads what is on the way.
    """

    origin: Value
    layer: Layer | None
    last: Node | None = None
    before: PathToLayer | None = None
    change: Change = Change.NONE
    alone: bool = True

    @property
    def nodes(self) -> Iterator[Node]:
        """The nodes on the way, the last one first."""
        trail: PathToLayer | None = self
        while trail is not None and trail.last is not None:
            yield trail.last
            trail = trail.before


class Layers:
    """The affine layers of every scope, and the trails between them."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._trail = WayBack(self._earlier, self._start, self._longer)
        self._readers: dict[Value, int] = {}
        self._steps: dict[Node, tuple[Value, Change] | None] = {}
        self._weights = WayBack(self._before_turning, self._stored, _turned)

    @classmethod
    def build(cls, graph: Graph) -> Layers:
        """Looks at nothing yet."""
        return cls(graph)

    def __iter__(self) -> Iterator[Layer]:
        """Every layer, by operator and in the order of the file."""
        return iter(self._layers.values())

    def of(self, node: Node | None) -> Layer | None:
        """The layer that a node is."""
        return None if node is None else self._layers.get(node)

    def is_computed(self, value: Value | None) -> bool:
        """Whether a value's numbers depend on an input of the model or function, or on chance."""
        return value in self._computed

    def change(self, node: Node, value: Value | None = None) -> Change | None:
        """What a node does to the one computed value that it reads; None for any other node.

        Given a value, also None where the node's is another one.
        """
        step = self._step(node)
        return None if step is None or value not in (None, step[0]) else step[1]

    def trail(self, value: Value) -> PathToLayer:
        """The way back from a value to the nearest layer, join or input."""
        return self._trail(value)

    def _earlier(self, value: Value) -> Value | None:
        step = None if value.producer is None else self._step(value.producer)
        return None if step is None else step[0]

    def _start(self, value: Value) -> PathToLayer:
        return PathToLayer(value, self.of(value.producer))

    def _longer(self, after: Value, trail: PathToLayer) -> PathToLayer:
        """The way back from the value behind a node, by that from the one before it."""
        node = after.producer
        step = None if node is None else self._step(node)
        assert step is not None  # or the way would end here
        before, change = step
        alone = trail.alone and self.readers(before) == 1
        gravest = change if change > trail.change else trail.change
        return PathToLayer(trail.origin, trail.layer, node, trail, gravest, alone)

    def onwards(self, value: Value) -> Sequence[Value]:
        """What a value is where it is handed into or out of a subgraph or function."""
        return self._graph.crossings.onwards.get(value, ())

    def readers(self, value: Value) -> int:
        """How many slots, outputs and subgraphs read a value's numbers; its size alone is none."""
        if value not in self._readers:  # half the nodes of a graph may share one constant
            reading = sum(node.op not in SIZE_OPS for node in value.consumers)
            self._readers[value] = reading + value.is_output + len(value.yielded_to)
        return self._readers[value]

    def fed_by(self, node: Node) -> list[Layer]:
        """The layers that read what a node gives, nothing but pooling and the like between.

        Empty where anything else reads it, too, be it the caller.
        """
        fed: list[Layer] = []
        walk = Walk([node])
        for current in walk:
            value = current.output
            if value is None or not value.consumers or value.is_output or value.yielded_to:
                return []
            for reader in value.readers:
                layer, change = self.of(reader), self.change(reader, value)
                if layer is not None:
                    fed.append(layer)
                elif change is not None and (change <= Change.MIXING or reader.op == "MaxPool"):
                    walk.add(reader)
                elif reader.op not in SIZE_OPS:
                    return []
        return fed

    def depth(self, node: Node) -> int:
        """The number of layers on the longest path through a node, from input to output."""
        before = max((self._ahead.get(value, 0) for value in node.inputs if value), default=0)
        after = max((self._behind.get(value, 0) for value in node.outputs if value), default=0)
        return before + (node in self._layers) + after

    def _step(self, node: Node) -> tuple[Value, Change] | None:
        """The one computed value that a node reads, and what becomes of it."""
        if node not in self._steps:
            change = _CHANGE_OF.get(node.op)
            self._steps[node] = None if change is None else self._stepped(node, change)
        return self._steps[node]

    def _stepped(self, node: Node, change: Change) -> tuple[Value, Change] | None:
        if node.op == "BatchNormalization":
            change = Change.NONLINEAR if _uses_batch_statistics(node) else change
        elif len(node.outputs) > 1 and any(node.outputs[1:]):
            return None
        every = self._computed
        computed = [value for value in node.inputs if value and value in every]
        if not computed:
            return None
        is_first = computed[0] is node.inputs[0]
        if change in _BY_FIRST:  # the other inputs say where to, and not what
            return (computed[0], change) if is_first else None
        if node.op == "Div" and not is_first:
            change = Change.NONLINEAR
        return (computed[0], change) if len(computed) == 1 else None

    @cached_property
    def _computed(self) -> set[Node | Value | None]:
        graph = self._graph
        drawn = (v for node in graph.nodes() if node.is_random for v in node.outputs if v)
        start = [*graph.inputs, *drawn]
        reached = graph.crossings.descendants(start, by_numbers=True) if graph.functions else ()
        fed = (value for scope in graph.functions for value in scope.inputs)
        fed = (value for value in fed if value in reached or not self._given(value))
        return {*graph.descendants([*start, *fed], by_numbers=True)}

    def _given(self, value: Value) -> Sequence[Value]:
        """What the calls of a function give for an input of it; empty for any other value."""
        is_formal = value.producer is None and value.scope.function is not None
        return self._graph.crossings.backwards.get(value, ()) if is_formal else ()

    @cached_property
    def _layers(self) -> dict[Node, Layer]:
        found = ((node, self._layer(node)) for node in self._graph.nodes(*AFFINE))
        return {node: layer for node, layer in found if layer is not None}

    def _layer(self, node: Node) -> Layer | None:
        computed = [value for value in node.inputs[:2] if value and self.is_computed(value)]
        if len(node.inputs) < 2 or len(computed) != 1:
            return None
        slot = node.inputs.index(computed[0])
        weight = self._weight(node.input(1 - slot))
        if weight is None or 0 in weight[1]:
            return None
        if slot == 1 and node.op not in ("MatMul", "Einsum"):
            return None
        return _read(node, computed[0], slot, *weight)

    def _weight(self, value: Value | None) -> _Constant | None:
        """The stored tensor behind a weight, and the dims that its reader sees."""
        return None if value is None else self._weights(value)

    def _before_turning(self, value: Value) -> Value | None:
        if self._graph.tensor(value) is not None:
            return None
        node = value.producer
        if node is None:  # calls may give other weights, but of the same size
            given = self._given(value)
            sizes = {self._dims(each) for each in given}
            return given[0] if len(given) == 1 or (len(sizes) == 1 and None not in sizes) else None
        return node.input(0) if node.op in SAME_WEIGHT else None

    def _dims(self, value: Value) -> tuple[int, ...] | None:
        tensor = self._graph.tensor(value)
        return None if tensor is None else tensor.dims

    def _stored(self, value: Value) -> _Constant | None:
        tensor = self._graph.tensor(value)
        return None if tensor is None else (self._graph.source(value), tensor.dims)

    @cached_property
    def _ahead(self) -> dict[Value, int]:
        """The most layers on a path to each value."""
        counts: dict[Value, int] = {}
        for node in self._in_order:
            sources = [value for value in node.inputs if value is not None]
            sources += [value for scope in node.subgraphs for value in scope.outputs]
            count = max((counts.get(value, 0) for value in sources), default=0)
            for value in filter(None, node.outputs):
                counts[value] = count + (node in self._layers)
        return counts

    @cached_property
    def _behind(self) -> dict[Value, int]:
        """The most layers on a path from each value."""
        counts: dict[Value, int] = {}
        for node in reversed(self._in_order):
            count = max((counts.get(v, 0) for v in node.outputs if v is not None), default=0)
            for scope in node.subgraphs:
                for value in scope.outputs:
                    counts[value] = max(counts.get(value, 0), count)
            for read in filter(None, node.inputs):
                counts[read] = max(counts.get(read, 0), count + (node in self._layers))
        return counts

    @cached_property
    def _in_order(self) -> list[Node]:
        """All nodes in the order of the file, those of subgraphs before the node that owns them."""
        scopes = (self._graph.main, *self._graph.functions)
        return [*postorder((node for scope in scopes for node in scope.nodes), _nodes_inside)]


def _turned(value: Value, found: _Constant | None) -> _Constant | None:
    """A weight as it comes out of a node that keeps its numbers."""
    node = value.producer
    if found is None or node is None or node.op != "Transpose":
        return found
    weight, dims = found
    perm = node.integers("perm")
    if perm is None or (perm and sorted(perm) != [*range(len(dims))]):
        return None
    return weight, tuple(dims[axis] for axis in perm) if perm else dims[::-1]


def _nodes_inside(node: Node) -> Sequence[Node]:
    return [inner for subgraph in node.subgraphs for inner in subgraph.nodes]


def _uses_batch_statistics(node: Node) -> bool:
    return bool(node.attribute("training_mode", 0)) or any(node.outputs[1:])


def _read(node: Node, data: Value, slot: int, weight: Value, dims: tuple[int, ...]) -> Layer | None:
    """The layer that a node with such a weight is; None where the dims are not as they must be."""
    if node.op == "Einsum":
        return _einsum(node, data, slot, weight, dims)
    if node.op in ("Conv", "ConvTranspose"):
        return _convolution(node, data, weight, dims)
    if node.op == "Gemm":
        if len(dims) != 2 or node.attribute("transA", 0):
            return None
        rows, columns = reversed(dims) if node.attribute("transB", 0) else dims
        return Layer(node, data, weight, dims, rows, columns, axis=-1)
    if not dims:
        return None
    rows, columns = (*dims, 1) if len(dims) == 1 else dims[-2:]
    if slot == 1:  # the weight stands on the left
        return Layer(node, data, weight, dims, columns, rows, axis=-2, groups=prod(dims[:-2]))
    return Layer(node, data, weight, dims, rows, columns, axis=-1, groups=prod(dims[:-2]))


def _convolution(node: Node, data: Value, weight: Value, dims: tuple[int, ...]) -> Layer | None:
    groups, kernel = node.attribute("group", 1), dims[2:]
    strides = tuple(node.integers("strides") or ()) or (1,) * len(kernel)
    steps = [step for step in strides if step > 0]
    if not kernel or groups < 1 or len(steps) != len(kernel):
        return None
    inputs, outputs = dims[1] * groups, dims[0]
    if node.op == "ConvTranspose":
        inputs, outputs = dims[0], dims[1] * groups
    return Layer(node, data, weight, dims, inputs, outputs, 1, groups, kernel, strides)


def _einsum(
    node: Node, data: Value, slot: int, weight: Value, dims: tuple[int, ...]
) -> Layer | None:
    """Letters of the weight that the data has, too, are summed over, or group where they stay."""
    terms, arrow, result = node.attribute("equation", "").replace(" ", "").partition("->")
    letters = terms.split(",")
    if not arrow or len(letters) != 2 or len(letters[1 - slot]) != len(dims):
        return None
    read = letters[slot]
    sizes = dict(zip(letters[1 - slot], dims, strict=True))
    inputs = prod(size for letter, size in sizes.items() if letter not in result)
    outputs = prod(size for letter, size in sizes.items() if letter not in read)
    groups = prod(size for letter, size in sizes.items() if letter in read and letter in result)
    return Layer(node, data, weight, dims, inputs, outputs, None, groups)


Trail = PathToLayer
"""The name until 0.2, which rules of teams may import."""
