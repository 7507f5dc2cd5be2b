"""The layers of a model under the names by which people know them: module, weight or node."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from onnxlint.analyses.static.layers import Layers
from onnxlint.analyses.static.stored_weights import stored
from onnxlint.model.file.dtypes import is_float
from onnxlint.model.graph.crossings import in_order
from onnxlint.model.graph.graph import Graph
from onnxlint.model.graph.nodes import Node, Value
from onnxlint.model.graph.operators import NORMALISATIONS, WEIGHT_SLOTS
from onnxlint.model.graph.place import Place, shortened

_SCALE_SLOT = 1
"""Of a normalisation: what it scales with, an element a channel."""

_INTEGER_SLOTS = {"ConvInteger": 1, "MatMulInteger": 1, "QLinearConv": 3, "QLinearMatMul": 3}
"""The weights of what computes with integers."""


class NamedLayer(Struct, frozen=True):
    """A node with weights: `kind` is its operator, `dims` the shape of its weight as it reads it.

    It is named by its module; where it has none, or several layers share it, by its weight, then by
    its node.
    """

    name: str
    kind: str
    dims: tuple[int, ...]
    node: Node

    @property
    def place(self) -> Place:
        """Where the node stands."""
        return self.node.place


def named_layers(graph: Graph, layers: Layers) -> list[NamedLayer]:
    """Every layer of the model in the order of the file, what is called before the call."""
    named: dict[str, NamedLayer] = {}
    for node in in_order(graph.main):
        found = _weight(graph, layers, node)
        if found is None:
            continue
        weight, dims = found
        told = (node.place.module, weight.name, node.name)
        names = [shortened(name) for name in told if name] or [node.op]
        name = next((name for name in names if name not in named), None)
        name = name or next(_numbered(names[0], named))
        named[name] = NamedLayer(name, node.op, dims, node)
    return list(named.values())


def _numbered(name: str, known: dict[str, NamedLayer]) -> Iterator[str]:
    """`name#2`, or the next number that no layer has yet."""
    for number in range(2, len(known) + 3):
        if f"{name}#{number}" not in known:
            yield f"{name}#{number}"


def _weight(graph: Graph, layers: Layers, node: Node) -> tuple[Value, tuple[int, ...]] | None:
    """The constant that makes a node a layer, and its shape as the node reads it."""
    affine = layers.of(node)
    if affine is not None:
        return affine.weight, affine.dims
    if node.op in NORMALISATIONS:
        return _constant(graph, node, _SCALE_SLOT, rank=1)
    if node.op in _INTEGER_SLOTS:
        return _constant(graph, node, _INTEGER_SLOTS[node.op], rank=2)
    for slot in WEIGHT_SLOTS.get(node.op, ()):
        weight = stored(graph, node, slot)
        if weight is not None and (is_float(weight.tensor.element_type) or weight.quantised):
            return weight.value, weight.dims
    if node.domain and node.called is None:
        slots = range(min(len(node.inputs), _FEW_SLOTS))
        return next(filter(None, (_constant(graph, node, slot, rank=2) for slot in slots)), None)
    return None


_FEW_SLOTS = 8
"""Inputs of a vendor's operator among which its weight is looked for."""


def _constant(
    graph: Graph, node: Node, slot: int, *, rank: int
) -> tuple[Value, tuple[int, ...]] | None:
    value = node.input(slot)
    tensor = graph.tensor(value)
    if value is None or tensor is None or len(tensor.dims) < rank:
        return None
    return graph.source(value), tensor.dims
