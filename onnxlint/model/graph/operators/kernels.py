"""What the kernels of onnxruntime do with operators: old ones they keep, chains they fuse."""

from __future__ import annotations

from onnxlint.model.graph.operators.layers import PRODUCTS, SOFTMAXES
from onnxlint.model.graph.operators.moving import COPYING
from onnxlint.model.graph.operators.ranges import ACTIVATIONS

FORMER = frozenset({
    "Affine", "Crop", "DynamicSlice", "ImageScaler", "ParametricSoftplus", "Scale", "ScaledTanh",
})  # fmt: skip
"""Experimental operators that ONNX has removed and onnxruntime 1.32 has kernels for; GRUUnit and
GivenTensorFill have none."""

REFUSING_CONFLICTS = frozenset({"Attention", "RotaryEmbedding"})
"""onnxruntime 1.32 was seen to reject a conflict of sizes inside its function."""

INEXACT_BODIES = (
    "CastLike", "Clip", "GroupNormalization", "LayerNormalization", "PRelu", "RMSNormalization",
    "Range", "SequenceMap",
)  # fmt: skip
"""The function that its schema gives says other things of sizes than kernels do. CastLike compares
none; onnx 1.23 fails inside a valid Range, and looks into SequenceMap. The others have kernels in
onnxruntime that stretch operands in other ways than the bodies do, as the scale of a layer
normalisation; rules compare their sizes one by one."""

# Chains that onnxruntime runs as one kernel

MERGED_ACTIVATIONS = ACTIVATIONS - {"Celu", "Gelu", "Mish", "PRelu", "Swish"}
"""Activations that onnxruntime merges into the node before them: a Concat then ends the kernel."""

FUSED_INSIDE = MERGED_ACTIVATIONS | {
    "Abs", "Add", "BatchNormalization", "Div", "Erf", "Exp", "Gelu", "Log", "Mul", "Neg", "PRelu",
    "Pow", "Reciprocal", "Sqrt", "Sub", "Sum",
}  # fmt: skip
"""In the middle of chains that onnxruntime runs as one kernel: not all that are elementwise, but
those that networks have there."""

FUSED_HEADS = FUSED_INSIDE | {*PRODUCTS, "ReduceMax", "ReduceMean", "ReduceSum"}
"""What a fused kernel can begin or go on with."""

FUSED_TAILS = FUSED_INSIDE | SOFTMAXES | {"LayerNormalization"}
"""What it can go on or end with: onnxruntime merges such chains, and what is bad stays visible."""

SAME_AXES = FUSED_INSIDE | COPYING | SOFTMAXES | {"Cast"}
"""What of these, and beside them, leaves every axis where it is."""
