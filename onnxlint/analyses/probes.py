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

_KEEPING = _ELEMENTWISE | {"Cast", "Dropout", "Identity", "Softmax", "LogSoftmax"}
"""Operators that leave every axis where it is."""

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
            visible = value not in constants and _ends_kernel(graph, node, value)
            if every or value.is_output or visible:
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


def gates_itself(graph: Graph, node: Node) -> bool:
    """Whether it is the sigmoid of x · sigmoid(a·x), as in SiLU, or the tanh of 1 + tanh(…)."""
    import numpy as np

    read = node.input(0)
    scaled = read.producer.inputs if read and read.producer and read.producer.op == "Mul" else []
    for follower in node.output.consumers if node.output else ():
        others = [value for value in follower.inputs if value and value is not node.output]
        if node.op == "Sigmoid" and follower.op == "Mul":
            return any(value in (read, *scaled) for value in others)
        if node.op == "Tanh" and follower.op == "Add":
            return any(np.all(graph.constant(value) == 1) for value in others)
    return False


def _ends_kernel(graph: Graph, node: Node, value: Value) -> bool:
    if node.op in _TRANSPARENT:
        return False
    if node.op == "Exp" or (node.op in ("Sigmoid", "Tanh") and not gates_itself(graph, node)):
        return True  # an overflow or a saturation that the next operator hides
    if node.op not in _HEADS or len(value.consumers) != 1:
        return True
    follower = value.consumers[0].op
    return follower not in _TAILS and (follower != "Concat" or node.op in _ACTIVATIONS)


def _channel_axis(
    node: Node, shapes: Shapes, value: Value, axes: dict[Value, int | None]
) -> int | None:
    """The axis of a value's channels: decided by its layer, passed on by what keeps the layout.

    Negative from the end, where the rank may be unknown; None where there are no channels.
    """
    shape = shapes.of(value)
    rank = shape.rank if shape is not None else None
    if rank is not None and rank < 2:
        return None
    if node.op in _CHANNELS_SECOND:
        return 1
    if node.op in _CHANNELS_LAST:
        return -1
    before = next((axes[read] for read in node.inputs if read is not None and axes.get(read)), None)
    if before is not None and node.op == "Transpose":
        return _moved(before, node.attribute("perm"))
    if before is not None and node.op in _KEEPING:
        return before
    return None if rank is None else (1 if rank in (2, 4, 5) else -1)


def _moved(axis: int, permutation: list[int] | None) -> int | None:
    """Where a transpose puts an axis."""
    if not permutation:
        return None
    rank = len(permutation)
    return permutation.index(axis % rank) if axis % rank in permutation else None
