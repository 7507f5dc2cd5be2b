"""How many numbers of a model were learnt, node by node."""

from __future__ import annotations

from onnxlint.model.graph.graph import Graph
from onnxlint.model.graph.nodes import Node, Value
from onnxlint.model.graph.operators import (
    GIVEN_SLOTS,
    INTEGER_WEIGHT_SLOTS,
    LEARNT_SCALARS,
)

_PACKED = "com.microsoft::MatMulNBits"
"""Several weights in a byte, K by N of them."""


def learnt_parameters(graph: Graph, node: Node) -> int:
    """Elements of the constants that the node reads first, but for what nobody trains.

    A matrix of which several layers read copies is one that they share. Vectors are not: PyTorch
    stores those that are equal, as biases of zeros are, once for all layers.
    """
    if node.op == "Identity":
        return 0
    values = (value for value in node.inputs if value is not None)
    return sum(
        learnt_elements(graph, node, value)
        for value in dict.fromkeys(values)
        if (tensor := graph.tensor(value)) is not None
        and _first_reader(value, graph.source(value) if len(tensor.dims) > 1 else None) is node
    )


def _first_reader(value: Value, source: Value | None) -> Node | None:
    """The first node that reads a constant; of the `source` of copies, itself or any of them."""
    readers = list((source or value).readers)
    met = set(readers)
    while readers:
        node = readers.pop(0)
        if node.op != "Identity":
            return node
        if source is not None and node.output is not None:
            copied = [reader for reader in node.output.readers if reader not in met]
            met.update(copied)
            readers = copied + readers
    return None


def learnt_elements(graph: Graph, node: Node, value: Value) -> int:
    """Elements of a constant that were learnt, as a node reads it; 0 for any other value."""
    tensor, slots = graph.tensor(value), node.slots_of(value)
    if tensor is None or not GIVEN_SLOTS.get(node.op, frozenset()).isdisjoint(slots):
        return 0
    if node.op == _PACKED and 1 in slots:
        return int(node.attribute("K", 0)) * int(node.attribute("N", 0))
    is_weight = tensor.dtype.startswith(("float", "double", "bfloat"))
    if not is_weight and INTEGER_WEIGHT_SLOTS.get(node.op, frozenset()).isdisjoint(slots):
        return 0
    return tensor.size if tensor.size > 1 or _learns_one(node, value, tensor.dims) else 0


def _learns_one(node: Node, value: Value, dims: tuple[int, ...]) -> bool:
    """Whether a single number is a weight: in a layer, or added as a bias to one without."""
    if node.op in LEARNT_SCALARS:
        return True
    others = (other for other in node.inputs if other is not None and other is not value)
    makers = {other.producer.op for other in others if other.producer is not None}
    return node.op == "Add" and bool(dims) and not makers.isdisjoint(("MatMul", "Conv", "Einsum"))
