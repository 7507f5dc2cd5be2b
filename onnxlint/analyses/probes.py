"""Which values to watch: where fused kernels end, because a watched value blocks its fusion."""

from __future__ import annotations

from onnxlint.analyses.shapes import Shapes
from onnxlint.model.graph import Graph, Node, Value
from onnxlint.runtime.messages import Watch

_ACTIVATIONS = frozenset({
    "Relu", "LeakyRelu", "Clip", "Sigmoid", "Tanh", "HardSigmoid", "Elu", "Selu", "ThresholdedRelu",
    "Softplus", "Softsign", "HardSwish",
})  # fmt: skip

_ELEMENTWISE = _ACTIVATIONS | {
    "Abs", "Add", "BatchNormalization", "Div", "Erf", "Exp", "Gelu", "Log", "Mul", "Neg", "PRelu",
    "Pow", "Reciprocal", "Sqrt", "Sub", "Sum",
}  # fmt: skip

_HEADS = _ELEMENTWISE | {
    "Conv", "ConvTranspose", "Gemm", "MatMul", "ReduceMean", "ReduceSum", "ReduceMax",
}  # fmt: skip
"""What a fused kernel can begin or go on with."""

_TAILS = _ELEMENTWISE | {"LayerNormalization", "Softmax", "LogSoftmax"}
"""What it can go on or end with: onnxruntime merges such chains, and what is bad stays visible."""

_TRANSPARENT = frozenset({
    "Identity", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Transpose", "Dropout", "Cast",
    "Slice", "Split", "Pad", "Concat", "Gather", "Expand", "Tile", "Shape", "Constant",
    "ConstantOfShape",
})  # fmt: skip
"""Operators that only move numbers: what they give was seen before."""

_CHANNELS_SECOND = frozenset({
    "Conv", "ConvTranspose", "BatchNormalization", "InstanceNormalization", "GroupNormalization",
    "MaxPool", "AveragePool", "GlobalAveragePool", "GlobalMaxPool", "LRN", "PRelu",
})  # fmt: skip

_CHANNELS_LAST = frozenset({"Gemm", "MatMul", "LayerNormalization"})


def chosen(graph: Graph, shapes: Shapes, *, every: bool = False) -> list[Watch]:
    """Float values of the main graph to watch; `every` takes all, for a closer look."""
    constants = _constant_values(graph)
    axes: dict[Value, int | None] = {}
    watches = []
    for node in graph.main.nodes:
        for value in filter(None, node.outputs):
            axis = axes[value] = _channel_axis(node, shapes, value, axes)
            if not _may_be_float(shapes, value):
                continue
            looked_at = value.is_output or _ends_kernel(node, value)
            if every or (looked_at and value not in constants):
                watches.append(Watch(value.name, axis))
    return watches


def _constant_values(graph: Graph) -> set[Value]:
    """Values that depend on no input: watching them would undo constant folding."""
    constants: set[Value] = set()
    for node in graph.main.nodes:
        read = [value for value in node.inputs if value is not None]
        if node.subgraphs or node.op.startswith("Random"):
            continue
        if all(value.tensor_proto is not None or value in constants for value in read):
            constants.update(filter(None, node.outputs))
    return constants


def _may_be_float(shapes: Shapes, value: Value) -> bool:
    shape = shapes.of(value)
    return shape is None or shape.dtype in ("float", "float16", "double")


def _ends_kernel(node: Node, value: Value) -> bool:
    if node.op in _TRANSPARENT:
        return False
    if node.op not in _HEADS or len(value.consumers) != 1:
        return True
    follower = value.consumers[0].op
    return follower not in _TAILS and (follower != "Concat" or node.op in _ACTIVATIONS)


def _channel_axis(
    node: Node, shapes: Shapes, value: Value, axes: dict[Value, int | None]
) -> int | None:
    """The axis of a value's channels: decided by its layer, passed on by what keeps the layout."""
    shape = shapes.of(value)
    rank = shape.rank if shape is not None else None
    if rank is None or rank < 2:
        return None
    if node.op in _CHANNELS_SECOND:
        return 1
    if node.op in _CHANNELS_LAST:
        return rank - 1
    read = node.input(0)
    before = axes.get(read) if read is not None else None
    if before is not None and _same_rank(shapes, read, rank):
        return before
    return 1 if rank in (2, 4, 5) else rank - 1


def _same_rank(shapes: Shapes, value: Value | None, rank: int) -> bool:
    shape = shapes.of(value)
    return shape is not None and shape.rank == rank
