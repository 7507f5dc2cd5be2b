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
        "BatchNormalization": (3, 4), "ConvInteger": (2, 3), "MatMulInteger": (2, 3),
        "QLinearConv": (1, 2, 4, 5, 6, 7), "QLinearMatMul": (1, 2, 4, 5, 6, 7),
        "com.microsoft::DynamicQuantizeMatMul": (2, 3), "com.microsoft::MatMulNBits": (2, 3, 4),
        "com.microsoft::MatMulIntegerToFloat": (2, 3, 4, 5),
        "com.microsoft::QGemm": (1, 2, 4, 5, 7, 8),
        "Clip": (1, 2), "DequantizeLinear": (1, 2), "Dropout": (1, 2),
        "GRU": (4, 5), "LSTM": (4, 5, 6), "NonMaxSuppression": (2, 3, 4), "OneHot": (1, 2),
        "Pad": (1, 2), "QuantizeLinear": (1, 2), "RNN": (4, 5), "Range": (0, 1, 2),
        "Resize": (1, 2), "STFT": (1, 2, 3), "Upsample": (1,), "RoiAlign": (1,), "Shape": (0,),
        "Size": (0,),
    }.items()
}  # fmt: skip
"""Slots of what is chosen or counted: running statistics, ratios, limits, first states, scales."""


_INTEGERS: Mapping[str, frozenset[int]] = {
    "ConvInteger": frozenset({1}),
    "DequantizeLinear": frozenset({0}),
    "MatMulInteger": frozenset({1}),
    "QLinearConv": frozenset({3, 8}),
    "QLinearMatMul": frozenset({0, 3}),
    "com.microsoft::DynamicQuantizeMatMul": frozenset({1}),
    "com.microsoft::MatMulIntegerToFloat": frozenset({1}),
    "com.microsoft::QGemm": frozenset({3, 6}),
}
"""Slots of weights that are stored as integers."""

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
        _size(graph, node, value)
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


def _size(graph: Graph, node: Node, value: Value) -> int:
    tensor, slots = graph.tensor(value), node.slots_of(value)
    if tensor is None or not _GIVEN.get(node.op, frozenset()).isdisjoint(slots):
        return 0
    if node.op == _PACKED and 1 in slots:
        return int(node.attribute("K", 0)) * int(node.attribute("N", 0))
    is_weight = tensor.dtype.startswith(("float", "double", "bfloat"))
    if not is_weight and _INTEGERS.get(node.op, frozenset()).isdisjoint(slots):
        return 0
    return tensor.size if tensor.size > 1 or _learns_one(node, value, tensor.dims) else 0


def _learns_one(node: Node, value: Value, dims: tuple[int, ...]) -> bool:
    """Whether a single number is a weight: in a layer, or added as a bias to one without."""
    if node.op in _WEIGHTED:
        return True
    others = (other for other in node.inputs if other is not None and other is not value)
    makers = {other.producer.op for other in others if other.producer is not None}
    return node.op == "Add" and bool(dims) and not makers.isdisjoint(("MatMul", "Conv", "Einsum"))
