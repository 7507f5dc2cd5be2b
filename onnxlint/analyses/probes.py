"""Which values to watch: where fused kernels end, because a watched value blocks its fusion."""

from __future__ import annotations

from onnxlint.analyses.shapes import Shapes
from onnxlint.model.graph import Graph, Node, Value
from onnxlint.runtime.messages import Watch

_ACTIVATIONS = frozenset({
    "Relu", "LeakyRelu", "Clip", "Sigmoid", "Tanh", "HardSigmoid", "Elu", "Selu", "ThresholdedRelu",
    "Softplus", "Softsign", "HardSwish",
})  # fmt: skip

_FUSES_WITH = {
    "Conv": _ACTIVATIONS | {"BatchNormalization", "Add", "Sum", "Mul"},
    "BatchNormalization": _ACTIVATIONS | {"Add", "Sum"},
    "Gemm": _ACTIVATIONS,
    "MatMul": frozenset({"Add", "Mul", "Div"}),
    "Add": frozenset({"Relu", "LayerNormalization"}),
    "Sum": frozenset({"Relu"}),
    "ConstantOfShape": frozenset(),
}  # fmt: skip
"""Followers that onnxruntime's CPU optimiser merges into the kernel before them, when alone."""

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
    followers = value.consumers
    fuses = _FUSES_WITH.get(node.op, frozenset())
    return not (len(followers) == 1 and followers[0].op in fuses)


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
