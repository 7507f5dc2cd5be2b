"""How many numbers of a model were learnt, node by node."""

from __future__ import annotations

from collections.abc import Mapping

from onnxlint.model.graph.graph import Graph
from onnxlint.model.graph.nodes import Node, Value
from onnxlint.model.graph.operators import AFFINE, NORMALISATIONS, RECURRENT

_WEIGHTED = AFFINE | RECURRENT | NORMALISATIONS | {"DeformConv", "PRelu"}
"""Operators of which a single number is learnt too: the bias of one unit, one slope."""

_GIVEN: Mapping[str, frozenset[int]] = {
    op: frozenset(slots)
    for op, slots in {
        "BatchNormalization": (3, 4), "Clip": (1, 2), "DequantizeLinear": (1, 2), "Dropout": (1, 2),
        "GRU": (4, 5), "LSTM": (4, 5, 6), "NonMaxSuppression": (2, 3, 4), "OneHot": (1, 2),
        "Pad": (1, 2), "QuantizeLinear": (1, 2), "RNN": (4, 5), "Range": (0, 1, 2),
        "Resize": (1, 2), "STFT": (1, 2, 3), "Upsample": (1,), "RoiAlign": (1,), "Shape": (0,),
        "Size": (0,),
    }.items()
}  # fmt: skip
"""Slots of what is chosen or counted: running statistics, ratios, limits, first states, scales."""


def learnt_parameters(graph: Graph, node: Node) -> int:
    """Elements of the constants that the node reads first, but for what nobody trains."""
    values = [value for value in node.inputs if value is not None and value.consumers[0] is node]
    return sum(_size(graph, node, value) for value in dict.fromkeys(values))


def _size(graph: Graph, node: Node, value: Value) -> int:
    tensor = graph.tensor(value)
    if tensor is None or not _GIVEN.get(node.op, frozenset()).isdisjoint(node.slots_of(value)):
        return 0
    is_weight = tensor.dtype.startswith(("float", "double", "bfloat"))
    is_quantised = node.op == "DequantizeLinear"
    if not is_weight and not is_quantised:
        return 0
    return tensor.size if tensor.size > 1 or _learns_one(node, value, tensor.dims) else 0


def _learns_one(node: Node, value: Value, dims: tuple[int, ...]) -> bool:
    """Whether a single number is a weight: in a layer, or added as a bias to one without."""
    if node.op in _WEIGHTED:
        return True
    others = (other for other in node.inputs if other is not None and other is not value)
    makers = {other.producer.op for other in others if other.producer is not None}
    return node.op == "Add" and bool(dims) and not makers.isdisjoint(("MatMul", "Conv", "Einsum"))
