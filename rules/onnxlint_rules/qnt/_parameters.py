"""Which scale and zero point belong to which tensor, at every operator that has some."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import prod
from typing import Any

from onnxlint import Graph, Node, Value

QUANTIZE = ("QuantizeLinear", "com.microsoft::QuantizeLinear")
DEQUANTIZE = ("DequantizeLinear", "com.microsoft::DequantizeLinear")

Slots = tuple[int | None, int | None, int | None, int | None]

_OPERANDS: Mapping[str, tuple[Slots, ...]] = {
    "QLinearConv": ((0, 1, 2, None), (3, 4, 5, 0), (None, 6, 7, None)),
    "QLinearMatMul": ((0, 1, 2, -2), (3, 4, 5, -1), (None, 6, 7, -2)),
    "ConvInteger": ((0, None, 2, None), (1, None, 3, 0)),
    "MatMulInteger": ((0, None, 2, -2), (1, None, 3, -1)),
    "com.microsoft::QGemm": ((0, 1, 2, None), (3, 4, 5, -1), (None, 7, 8, None)),
    "com.microsoft::QAttention": ((0, 3, 6, None), (1, 4, 7, -1)),
    "com.microsoft::MatMulIntegerToFloat": ((0, 2, 4, None), (1, 3, 5, -1)),
    "com.microsoft::DynamicQuantizeMatMul": ((1, 2, 3, -1),),
    "com.microsoft::QLinearWhere": ((1, 2, 3, None), (4, 5, 6, None), (None, 7, 8, None)),
    **dict.fromkeys(
        ("com.microsoft::QLinearAdd", "com.microsoft::QLinearMul"),
        ((0, 1, 2, None), (3, 4, 5, None), (None, 6, 7, None)),
    ),
    **dict.fromkeys(
        (
            "com.microsoft::QLinearAveragePool",
            "com.microsoft::QLinearGlobalAveragePool",
            "com.microsoft::QLinearLeakyRelu",
            "com.microsoft::QLinearReduceMean",
            "com.microsoft::QLinearSigmoid",
            "com.microsoft::QLinearSoftmax",
        ),
        ((0, 1, 2, None), (None, 3, 4, None)),
    ),
}
"""By operator: slots of a tensor (None: it is the output), of its scale and zero point, and the
axis along which each slice may have a scale of its own (None: one scale for the whole tensor)."""

OPERATORS = (*QUANTIZE, *DEQUANTIZE, *_OPERANDS, "com.microsoft::QLinearConcat")


@dataclass(frozen=True, slots=True)
class Parameters:
    """Scale and zero point of a tensor, as one node reads them.

    `data` is the tensor, None for the node's output. `axis` is where each slice may have a scale of
    its own, None where there is one for all; blocks along it share one where `block` is not 0.
    """

    node: Node
    data: Value | None
    scale: Value | None
    zero_point: Value | None
    axis: int | None
    block: int = 0

    @property
    def named(self) -> str:
        """The tensor, for people."""
        return "output" if self.data is None else f"tensor {self.data.name!r}"

    def entries(self, rank: int, data: Any) -> int | None:
        """How many entries parameters of this rank must have to fit the tensor of type `data`.

        None where that is unknown, and for a rank that the operators take differently.
        """
        if self.axis is None:
            return 1
        if data is None or data.dims is None:
            return None
        if not -data.rank <= self.axis < data.rank:
            return 1 if data.rank > 1 else None  # no such axis
        sizes = list(data.dims) if self.block else [data.dim(self.axis)]
        if rank != len(sizes) or not all(isinstance(size, int) for size in sizes):
            return None
        if self.block:
            sizes[self.axis] = -(-sizes[self.axis] // self.block)
        return prod(sizes)

    def in_use(self, graph: Graph, scales: int) -> Any:
        """Which of so many scales belong to more than zeros: all, but of a constant's slices."""

        import numpy as np

        codes = graph.constant(self.data) if self.node.op in DEQUANTIZE else None
        if codes is None or self.axis is None or self.block:
            return np.ones(scales, bool)
        if scales > 1 and -codes.ndim <= self.axis < codes.ndim:
            codes = np.moveaxis(codes, self.axis, 0)
        if codes.size % scales:
            return np.ones(scales, bool)
        zeros = graph.constant(self.zero_point)
        zeros = np.zeros(1) if zeros is None else zeros
        if zeros.size not in (1, scales):
            return np.ones(scales, bool)
        with np.errstate(invalid="ignore"):  # NaN of a float8
            codes, zeros = codes.astype(np.float64), zeros.astype(np.float64)
        return (codes.reshape(scales, -1) != zeros.reshape(-1, 1)).any(axis=1)


def parameters(graph: Graph) -> Iterator[Parameters]:
    """All scales and zero points of the model, node by node."""
    for node in graph.nodes(*QUANTIZE, *DEQUANTIZE):
        axis, block = node.attribute("axis", 1), node.attribute("block_size", 0)
        yield Parameters(node, node.input(0), node.input(1), node.input(2), axis, block)
    for node in graph.nodes(*_OPERANDS):
        for *slots, axis in _OPERANDS[node.op]:
            values = (None if slot is None else node.input(slot) for slot in slots)
            is_transposed = axis == -1 and node.attribute("transB", 0)
            yield Parameters(node, *values, -2 if is_transposed else axis)
    for node in graph.nodes("com.microsoft::QLinearConcat"):
        yield Parameters(node, None, node.input(0), node.input(1), None)
        for slot in range(2, len(node.inputs) - 2, 3):
            yield Parameters(node, *(node.input(slot + step) for step in range(3)), None)
