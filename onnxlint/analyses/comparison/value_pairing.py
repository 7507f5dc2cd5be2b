"""Which values of two models may be the same computation: by structure, by weights, by name.

Nodes of one operator that read what is paired already are a pair, from the inputs on. Where the
structure differs, layers with the same weights go on, and names. But names lie: exporters number
values, and a fused node may keep the name of the first value it made. Structure may lie, too: a
quantised convolution has taken over the ReLU behind it. So there are two answers, one without names
and one that begins with them; which is right, the numbers tell.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from msgspec import Struct

from onnxlint.analyses.static.shapes import Shapes
from onnxlint.analyses.static.weights import Weights
from onnxlint.model.graph.graph import Graph
from onnxlint.model.graph.nodes import Node, Value
from onnxlint.model.graph.operators import COMMUTATIVE, DEQUANTIZE, LAYERS, QUANTIZE

if TYPE_CHECKING:
    from onnxlint.model.file.tensors import Tensor

Pair = tuple[Value, Value]
Pairs = dict[Value, Value]


class ComparedModel(Struct, frozen=True, eq=False):
    """What is known of one of the two models."""

    graph: Graph
    shapes: Shapes
    weights: Weights


class Pairing(Struct, frozen=True, eq=False):
    """Computed values of one model's main graph, each with its like in the other.

    `by_structure` uses structure and weights, `by_name` names and structure. A value is left out
    where it is constant, or only hands on what another one is: a cast, or numbers that were just
    quantised. Whether two of a pair have the same shape is not known.
    """

    by_structure: Pairs
    by_name: Pairs


def paired(one: ComparedModel, other: ComparedModel, inputs: Mapping[Value, Value]) -> Pairing:
    """Both answers; `inputs` has the other model's input for each of the one's."""
    walk = _Walk(one, other, inputs)
    names = walk.namesakes()
    structure = walk.pairs({})
    if any(node.op in LAYERS and node.output not in structure for node in walk.nodes):
        structure = walk.pairs(_twins(one, other))
    return Pairing(structure, walk.pairs(names, seeds_first=True) if names else {})


class _Walk:
    """The walk along the nodes of one model, with an index of those of the other."""

    def __init__(
        self, one: ComparedModel, other: ComparedModel, inputs: Mapping[Value, Value]
    ) -> None:
        self._one, self._other, self._inputs = one, other, inputs
        self._here, there = _Origins(one), _Origins(other)
        self._theirs: set[Node] = set()
        self._readers: dict[object, list[Node]] = {}
        for node in there.computing():
            self._theirs.add(node)
            self._readers.setdefault(_key(node, list(there.reads(node))), []).append(node)
        self.nodes = list(self._here.computing())

    def namesakes(self) -> Pairs:
        """Values of the same name that both models compute."""
        theirs = self._other.graph.main.values
        values = (value for node in self.nodes for value in node.outputs if value is not None)
        likes = ((value, theirs.get(value.name)) for value in values)
        return {value: like for value, like in likes if like and like.producer in self._theirs}

    def pairs(self, seeds: Mapping[Value, Value], *, seeds_first: bool = False) -> Pairs:
        """Pairs along the order of the file; the `seeds` where structure says nothing, or first."""
        pairs = dict(self._inputs)
        taken: set[Value] = set()
        for node in self.nodes:
            match = self._match(node, pairs, taken)
            for slot, value in enumerate(node.outputs):
                if value is None:
                    continue
                same = match.outputs[slot] if match and slot < len(match.outputs) else None
                seed = seeds.get(value)
                like = (seed or same) if seeds_first else (same or seed)
                if like is not None and like not in taken:
                    pairs[value] = like
                    taken.add(like)
        return {value: like for value, like in pairs.items() if value not in self._inputs}

    def _match(self, node: Node, pairs: Pairs, taken: set[Value]) -> Node | None:
        """The node of the other model that computes the same, and is not taken yet."""
        read = [(slot, pairs.get(value)) for slot, value in self._here.reads(node)]
        known = [(slot, value) for slot, value in read if value is not None]
        if len(known) < len(read):
            return None
        candidates = self._readers.get(_key(node, known), [])
        free = [other for other in candidates if other.output not in taken]
        if len(free) < 2:
            return free[0] if free else None
        mark = _mark(self._one, node)
        return (
            next((other for other in free if mark and _mark(self._other, other) == mark), None)
            or next((other for other in free if _name(other) == _name(node)), None)
            or free[0]
        )


class _Origins:
    """What stands behind each value of a main graph: some nodes only hand numbers on."""

    def __init__(self, side: ComparedModel) -> None:
        self._side = side
        self._origins: Pairs = {}

    def of(self, value: Value) -> Value:
        """The value that was computed."""
        return self._origins.get(value, value)

    def computing(self) -> Iterator[Node]:
        """Nodes that depend on an input and compute something, in the order of the file."""
        for node in self._side.graph.main.nodes:
            if node not in self._side.graph.varying or node.output is None:
                continue
            source = self._handed_on(node)
            if source is None:
                yield node
            else:
                self._origins[node.output] = self.of(source)

    def reads(self, node: Node) -> Iterator[tuple[int, Value]]:
        """What a node reads that is not a constant, by slot."""
        for slot, value in enumerate(node.inputs):
            if value is not None and value in self._side.graph.varying:
                yield slot, self.of(value)

    def _handed_on(self, node: Node) -> Value | None:
        """The value whose numbers, but for rounding, a node gives."""
        source = node.input(0)
        if node.op in ("Identity", "Dropout"):
            return source
        if node.op == "Cast":
            types = (self._side.shapes.of(source), self._side.shapes.of(node.output))
            return source if all(shape and shape.is_float for shape in types) else None
        if node.op in DEQUANTIZE and source is not None and source.producer is not None:
            return source.producer.input(0) if source.producer.op in QUANTIZE else None
        return None


def seen_by_readers(value: Value) -> Value:
    """What others read of a value that is quantised and dequantised for them; else itself.

    A quantiser may also be the ReLU that was fused away.
    """
    for quantiser in value.consumers:
        if quantiser.op in QUANTIZE and quantiser.output is not None:
            for reader in quantiser.output.consumers:
                if reader.op in DEQUANTIZE and reader.output is not None:
                    return reader.output
    return value


def _key(node: Node, read: list[tuple[int, Value]]) -> object:
    """The same for nodes of one operator that read the same values."""
    if node.op in COMMUTATIVE:
        return node.op, tuple(sorted(id(value) for _, value in read))
    return node.op, tuple((slot, id(value)) for slot, value in read)


def _name(node: Node) -> str:
    return node.output.name if node.output is not None else ""


def _mark(side: ComparedModel, node: Node) -> object:
    """The same for layers with the same weights: nothing where there are none."""
    tensors = [side.graph.tensor(value) for value in node.inputs]
    marks = [_mark_of(side, tensor) for tensor in tensors if tensor is not None]
    return tuple(mark for mark in marks if mark is not None)


def _mark_of(side: ComparedModel, tensor: Tensor) -> object:
    """Size and extrema: transposing changes none of them, and float16 rounds them as the others."""
    import numpy as np

    seen = side.weights.of(tensor)
    if seen is None or not seen.finite or seen.minimum == seen.maximum:
        return None
    with np.errstate(over="ignore", under="ignore"):
        return (tensor.size, *np.array([seen.minimum, seen.maximum]).astype(np.float16).tolist())


def _twins(one: ComparedModel, other: ComparedModel) -> Pairs:
    """Outputs of layers of one operator that have the same weights, and no other layer has."""
    here, there = _by_weights(one), _by_weights(other)
    both = [(here[mark], there[mark]) for mark in here.keys() & there.keys()]
    return {mine[0]: theirs[0] for mine, theirs in both if len(mine) == len(theirs) == 1}


def _by_weights(side: ComparedModel) -> dict[object, list[Value]]:
    """Outputs of layers by operator, number of inputs and weights."""
    groups: dict[object, list[Value]] = {}
    for weight in side.weights.layers():
        mark = _mark_of(side, weight.tensor)
        node = weight.node
        if mark is not None and node.output is not None and node.scope is side.graph.main:
            groups.setdefault((node.op, len(node.inputs), mark), []).append(node.output)
    return groups
