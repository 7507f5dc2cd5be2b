"""How many numbers of a model were learnt, node by node."""

from __future__ import annotations

from onnxlint.model.graph.graph import Graph
from onnxlint.model.graph.nodes import Node, Value
from onnxlint.model.graph.operators import (
    GIVEN_SLOTS,
    LEARNT_SCALARS,
)


def learnt_parameters(graph: Graph, node: Node) -> int:
    """Elements of the constants that the node reads first, but for what nobody trains."""
    values = [value for value in node.inputs if value is not None and value.consumers[0] is node]
    return sum(_size(graph, node, value) for value in dict.fromkeys(values))


def _size(graph: Graph, node: Node, value: Value) -> int:
    tensor = graph.tensor(value)
    if tensor is None or not GIVEN_SLOTS.get(node.op, frozenset()).isdisjoint(node.slots_of(value)):
        return 0
    is_weight = tensor.dtype.startswith(("float", "double", "bfloat"))
    is_quantised = node.op == "DequantizeLinear"
    if not is_weight and not is_quantised:
        return 0
    return tensor.size if tensor.size > 1 or _learns_one(node, value, tensor.dims) else 0


def _learns_one(node: Node, value: Value, dims: tuple[int, ...]) -> bool:
    """Whether a single number is a weight: in a layer, or added as a bias to one without."""
    if node.op in LEARNT_SCALARS:
        return True
    others = (other for other in node.inputs if other is not None and other is not value)
    makers = {other.producer.op for other in others if other.producer is not None}
    return node.op == "Add" and bool(dims) and not makers.isdisjoint(("MatMul", "Conv", "Einsum"))
