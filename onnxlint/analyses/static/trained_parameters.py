"""How many numbers of a model were learnt, node by node."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from onnxlint.analyses.static.computed_constants import follows_from_a_formula
from onnxlint.analyses.static.tied_weights import Twins
from onnxlint.model.file.tensors import Tensor
from onnxlint.model.graph.crossings import in_order
from onnxlint.model.graph.graph import Graph
from onnxlint.model.graph.nodes import Node, Value
from onnxlint.model.graph.operators import (
    DEQUANTIZE,
    GIVEN_SLOTS,
    INTEGER_WEIGHT_SLOTS,
    LEARNT_SCALARS,
    LOOPS,
    NORMALISATIONS,
)
from onnxlint.model.graph.walk import Walk

if TYPE_CHECKING:
    from onnxlint.types import Array

_PACKED_TABLE = "com.microsoft::GatherBlockQuantized"

_PACKED = "com.microsoft::MatMulNBits"
"""Several weights in a byte, K by N of them."""

_CALL = re.compile(r"_\d+(?=\.|$)")
"""How PyTorch's older exporter tells the calls of a module apart."""

_UNNAMED = re.compile(r"val_\d+")
"""The constants that PyTorch's newer exporter made itself; parameters keep their names."""

_FLOATS = ("float", "double", "bfloat")


class Parameters:
    """The learnt numbers of each node, each counted where it is read first.

    A matrix of which several layers read copies is one that they share, and so is one that is
    stored a second time transposed, as of an embedding that is tied to the head. Vectors are not:
    PyTorch's exporters store those that are equal, as biases of zeros are, once for all layers;
    each module that reads one has its own.
    """

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._twins = Twins(graph)

    @classmethod
    def build(cls, graph: Graph) -> Parameters:
        """Looks at nothing yet."""
        return cls(graph)

    def of(self, node: Node) -> int:
        """How many parameters a node has."""
        return self._counts.get(node, (0, 0))[0]

    def trainable_of(self, node: Node) -> int:
        """Those of them that are stored as floats."""
        return self._counts.get(node, (0, 0))[1]

    def bytes_of(self, node: Node) -> int:
        """Bytes of the constants that a node reads, and none before it."""
        return self._bytes.get(node, 0)

    @property
    def total(self) -> int:
        """The parameters of the model."""
        return sum(count for count, _ in self._counts.values())

    @property
    def trainable(self) -> int:
        """Those of the model that are stored as floats."""
        return sum(count for _, count in self._counts.values())

    @cached_property
    def stored_bytes(self) -> int:
        """Bytes of all stored tensors."""
        return sum(tensor.nbytes for _, tensor in self._graph.tensors)

    @cached_property
    def _nodes(self) -> list[Node]:
        """All nodes: those that run in their order, then those of functions that nothing calls."""
        return [*dict.fromkeys([*in_order(self._graph.main), *self._graph.nodes()])]

    @cached_property
    def _counts(self) -> dict[Node, tuple[int, int]]:
        """Parameters, and how many of them are floats, of each node that has some."""
        counts: dict[Node, tuple[int, int]] = {}
        met: set[object] = set()
        for node in self._nodes:
            for value in dict.fromkeys(filter(None, node.inputs)):
                tensor = self._graph.tensor(value)
                if tensor is None or node.op == "Identity":
                    continue
                count = self._learnt(node, value)
                key = self._key(node, value, tensor)
                if count and key not in met:
                    met.add(key)
                    before, floats = counts.get(node, (0, 0))
                    is_float = tensor.dtype.startswith(_FLOATS)
                    counts[node] = before + count, floats + count * is_float
        return counts

    def _learnt(self, node: Node, value: Value) -> int:
        """Elements that were learnt; a layer's weights are, whatever stands in them."""
        count = learnt_elements(self._graph, node, value)
        if not count or node.op in LEARNT_SCALARS - NORMALISATIONS:
            return count
        if node.op in NORMALISATIONS:
            return 0 if self._fills(node, value) else count
        if self._graph.source(value).producer is not None and self._graph.ask(value, _are_equal):
            return 0  # a Constant that fills a shape, such as a first state
        return 0 if self._graph.ask(value, follows_from_a_formula) else count

    def _fills(self, node: Node, value: Value) -> bool:
        """Whether ones and zeros only fill the slots of a normalisation that learnt nothing.

        Exporters write them for one without weights, and for each group of a GroupNormalization.
        """
        data, neutral = node.input(0), node.slots_of(value)[0] == 1
        source = self._graph.source(value)
        is_grouped = (
            data is not None and data.producer is not None and data.producer.op == "Reshape"
        )
        if not (is_grouped or source.producer is not None or _UNNAMED.fullmatch(source.name)):
            return False
        return bool(self._graph.ask(value, _are_ones if neutral else _are_zeros))

    def _key(self, node: Node, value: Value, tensor: Tensor) -> object:
        """The same for readers of one weight."""
        source = self._graph.source(value)
        if tensor.size > max(tensor.dims, default=1):
            return self._twins.first(source)
        return value, _module(node, value)

    @cached_property
    def _bytes(self) -> dict[Node, int]:
        found: dict[Node, int] = {}
        met: set[int] = set()
        for node in self._nodes:
            for value in dict.fromkeys(filter(None, node.inputs)):
                tensor = self._graph.tensor(value)
                if tensor is not None and not tensor.fill and id(tensor) not in met:
                    met.add(id(tensor))
                    found[node] = found.get(node, 0) + tensor.nbytes
        return found


def _are_equal(array: Array) -> bool:
    return bool(array.size and (array == array.flat[0]).all())


def _are_ones(array: Array) -> bool:
    return bool((array == 1).all())


def _are_zeros(array: Array) -> bool:
    return bool((array == 0).all())


def _module(node: Node, value: Value) -> str | None:
    """The module that reads a value; `hidden_1` is a further call of `hidden` if that reads it."""
    module = node.place.module
    if module is None:
        return None
    first = _CALL.sub("", module)
    if first == module or any(reader.place.module == first for reader in value.readers):
        return first
    return module


def learnt_elements(graph: Graph, node: Node, value: Value) -> int:
    """Elements of a constant that were learnt, as a node reads it; 0 for any other value.

    What calls a function reads it as the nodes of the function do.
    """
    tensor = graph.tensor(value)
    if tensor is None or node.op in LOOPS:  # first states, and what they go through
        return 0
    if tensor.fill and node.op not in LEARNT_SCALARS:  # a layer's weights are, however stored
        return 0
    if node.called is None:
        return _elements(node, value, tensor)
    inside = (_elements(reader, as_read, tensor) for reader, as_read in _inside(graph, node, value))
    return max(inside, default=0)


def _inside(graph: Graph, call: Node, value: Value) -> Iterator[tuple[Node, Value]]:
    """The nodes that read a value in the function that it is handed to, and as what they do."""
    given = {call.called.inputs[slot] for slot in call.slots_of(value)
             if call.called is not None and slot < len(call.called.inputs)}  # fmt: skip
    for formal in (walk := Walk(given)):
        for reader in formal.readers:
            if reader.op == "Identity" and reader.output is not None:
                walk.add(reader.output)
            elif reader.called is not None:
                for onwards in graph.crossings.onwards.get(formal, ()):
                    walk.add(onwards)
            else:
                yield reader, formal


def _elements(node: Node, value: Value, tensor: Tensor) -> int:
    slots = node.slots_of(value)
    if not GIVEN_SLOTS.get(node.op, frozenset()).isdisjoint(slots):
        return 0
    if node.op == _PACKED and 1 in slots:
        return int(node.attribute("K", 0)) * int(node.attribute("N", 0))
    if node.op == _PACKED_TABLE and 0 in slots:
        bits = int(node.attribute("bits", 4))
        return tensor.size * (8 // bits if tensor.dtype == "uint8" and bits in (2, 4) else 1)
    is_weight = tensor.dtype.startswith(_FLOATS) or _is_quantised_table(node, slots)
    if not is_weight and INTEGER_WEIGHT_SLOTS.get(node.op, frozenset()).isdisjoint(slots):
        return 0
    return tensor.size if tensor.size > 1 or _learns_one(node, value, tensor.dims) else 0


def _is_quantised_table(node: Node, slots: Sequence[int]) -> bool:
    """Whether integers are looked up in an embedding, and dequantised then."""
    read = (
        () if node.op != "Gather" or 0 not in slots or node.output is None else node.output.readers
    )
    return any(reader.op in DEQUANTIZE and reader.input(0) is node.output for reader in read)


def _learns_one(node: Node, value: Value, dims: tuple[int, ...]) -> bool:
    """Whether a single number is a weight: in a layer, or added as a bias to one without."""
    if node.op in LEARNT_SCALARS:
        return True
    others = (other for other in node.inputs if other is not None and other is not value)
    makers = {other.producer.op for other in others if other.producer is not None}
    return node.op == "Add" and bool(dims) and not makers.isdisjoint(("MatMul", "Conv", "Einsum"))
