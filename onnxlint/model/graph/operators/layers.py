"""Layers: what multiplies with weights, normalises, pools or reduces, and where their parameters
and their channels are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from onnxlint.model.graph.operators.arithmetic import COMPARISONS

SOFTMAXES = frozenset({"LogSoftmax", "Softmax"})
"""Normalises scores along an axis to probabilities, or their logarithms."""

NORMALISATIONS = frozenset({
    "BatchNormalization", "GroupNormalization", "InstanceNormalization", "LayerNormalization",
    "RMSNormalization",
})  # fmt: skip
"""Brings its input to a mean and a variance, and scales and shifts with what was learnt."""

CENTRING = ("BatchNormalization", "InstanceNormalization", "GroupNormalization")
"""Normalisations that may subtract the mean of each channel, and with it a bias before them."""

LINEAR_MODELS = frozenset({"ai.onnx.ml::LinearClassifier", "ai.onnx.ml::LinearRegressor"})
"""One product with a matrix and a bias, which stand in attributes."""

POOLS = frozenset({"AveragePool", "LpPool", "MaxPool"})
"""One number for a window of each channel."""

GLOBAL_POOLS = frozenset({"GlobalAveragePool", "GlobalLpPool", "GlobalMaxPool"})
"""One number for each channel."""

REDUCTIONS = frozenset({
    "ReduceL1", "ReduceL2", "ReduceLogSum", "ReduceLogSumExp", "ReduceMax", "ReduceMean",
    "ReduceMin", "ReduceProd", "ReduceSum", "ReduceSumSquare",
})  # fmt: skip
"""One number for all elements along some axes."""

# Weights

AFFINE = frozenset({"Conv", "ConvTranspose", "Einsum", "Gemm", "MatMul"})
"""Multiplies its first input with a second one, mostly constant, and adds up."""

RECURRENT = frozenset({"GRU", "LSTM", "RNN"})
"""Steps through a sequence with weights, inside one node."""

PRODUCTS = ("Conv", "ConvTranspose", "Gemm", "MatMul")
"""Layers that an integer kernel replaces between DequantizeLinear and QuantizeLinear; there is none
for Einsum."""

LAYERS = (*PRODUCTS, "LSTM", "GRU", "RNN")
"""Operators that multiply their input with weights."""

FEATURE_LAYERS = frozenset(LAYERS) - {"ConvTranspose"}
"""Layers that networks begin with that read features: a ConvTranspose begins those that generate,
of noise or a code, which nobody scales."""

LEARNT_SCALARS = AFFINE | RECURRENT | NORMALISATIONS | {"DeformConv", "PRelu"}
"""A single number in it is learnt too: the bias of one unit, one slope."""

MULTIPLYING = frozenset({
    "Attention", "Einsum", "GroupQueryAttention", "MatMul", "MultiHeadAttention",
})  # fmt: skip
"""May multiply computed values by each other; by name alone, as those of onnxruntime have them."""

WEIGHT_SLOTS: Mapping[str, tuple[int, ...]] = {
    "Conv": (1,), "ConvTranspose": (1,), "DeformConv": (1,), "Gather": (0,), "Gemm": (1,),
    "GRU": (1, 2), "LSTM": (1, 2), "MatMul": (0, 1), "RNN": (1, 2),
}  # fmt: skip
"""The inputs, by slot, that hold learnt weights of two and more dims."""

BIAS_SLOT: Mapping[str, int] = {
    "Conv": 2, "ConvTranspose": 2, "Gemm": 2, "LSTM": 3, "GRU": 3, "RNN": 3,
}  # fmt: skip
"""The input that holds a bias."""

VECTOR_SLOTS: Mapping[str, tuple[tuple[int, int], ...]] = {
    "BatchNormalization": ((1, 1), (2, 1), (3, 1), (4, 1)),
    "InstanceNormalization": ((1, 1), (2, 1)),
    "LayerNormalization": ((1, -1),),
    "RMSNormalization": ((1, -1),),
    "SimplifiedLayerNormalization": ((1, -1),),
    "com.microsoft::SkipLayerNormalization": ((2, -1),),
}
"""Slots of vectors with an entry for each place along an axis of the first input, and that axis."""

GIVEN_SLOTS: Mapping[str, frozenset[int]] = {
    op: frozenset(slots)
    for op, slots in {
        "BatchNormalization": (3, 4), "ConvInteger": (2, 3), "MatMulInteger": (2, 3),
        "QLinearConv": (1, 2, 4, 5, 6, 7), "QLinearMatMul": (1, 2, 4, 5, 6, 7),
        "com.microsoft::DynamicQuantizeMatMul": (2, 3), "com.microsoft::MatMulNBits": (2, 3, 4),
        "com.microsoft::MatMulIntegerToFloat": (2, 3, 4, 5),
        "com.microsoft::QGemm": (1, 2, 4, 5, 7, 8),
        **dict.fromkeys(sorted(COMPARISONS | {"Max", "Min"}), (0, 1)),
        "RotaryEmbedding": (1, 2), "com.microsoft::RotaryEmbedding": (2, 3),
        "com.microsoft::GroupQueryAttention": (3, 4, 7, 8),
        "com.microsoft::GatherBlockQuantized": (1, 2, 3),
        "Clip": (1, 2), "DequantizeLinear": (1, 2), "Dropout": (1, 2),
        "GRU": (4, 5), "LSTM": (4, 5, 6), "NonMaxSuppression": (2, 3, 4), "OneHot": (1, 2),
        "Pad": (1, 2), "QuantizeLinear": (1, 2), "RNN": (4, 5), "Range": (0, 1, 2),
        "Resize": (1, 2), "STFT": (1, 2, 3), "Upsample": (1,), "RoiAlign": (1,), "Shape": (0,),
        "Size": (0,),
    }.items()
}  # fmt: skip
"""Slots of what is chosen or counted: running statistics, ratios, limits, thresholds, first states,
scales, positions."""

# Axes

CHANNELS_SECOND = POOLS | GLOBAL_POOLS | {
    "BatchNormalization", "Conv", "ConvTranspose", "GroupNormalization", "InstanceNormalization",
    "LRN", "PRelu",
}  # fmt: skip
"""Its channels are along the second axis of the output."""

CHANNELS_LAST = frozenset({"Gemm", "LayerNormalization", "MatMul"})
"""Its channels are along the last axis of the output."""

FEATURE_AXIS: Mapping[str, int] = {
    "BatchNormalization": 1, "ConvInteger": 1, "GRU": 2, "InstanceNormalization": 1, "LSTM": 2,
    "QLinearConv": 1, "RNN": 2,
}  # fmt: skip
"""Axis of the features in what it reads; that of affine layers depends on the node."""

FEATURE_SIZES: Mapping[str, tuple[int, int, int]] = {
    "BatchNormalization": (1, 1, 0), "Conv": (1, 1, 1), "GRU": (2, 1, 2), "Gemm": (1, 1, 0),
    "LSTM": (2, 1, 2), "MatMul": (-1, 1, -2), "RNN": (2, 1, 2),
}  # fmt: skip
"""The axis of the first input whose size a constant tells, the slot of that, and its axis: of a
Gemm whose B is not transposed, and of each group of a Conv."""

# Recurrent ones

GATES: Mapping[str, int] = {"RNN": 1, "GRU": 3, "LSTM": 4}
"""Gates of a recurrent operator: its weights have the hidden size as many times."""

FUNCTIONS_EACH_WAY: Mapping[str, int] = {"RNN": 1, "GRU": 2, "LSTM": 3}
"""Activations of a recurrent operator, in each direction."""

RECURRENT_FUNCTIONS = (
    "Relu", "Tanh", "Sigmoid", "Affine", "LeakyRelu", "ThresholdedRelu", "ScaledTanh",
    "HardSigmoid", "Elu", "Softsign", "Softplus",
)  # fmt: skip
"""What `activations` of a recurrent operator may name; onnxruntime takes other capitals in GRU and
LSTM, not in RNN."""

STATE_SLOTS: Mapping[str, tuple[int, ...]] = {"LSTM": (5, 6), "GRU": (5,), "RNN": (5,)}
"""Inputs that are the states before the first step."""

CONVOLUTION_WEIGHT: Mapping[str, int] = {
    "Conv": 1, "ConvInteger": 1, "DeformConv": 1, "QLinearConv": 3, "com.microsoft::FusedConv": 1,
    "com.microsoft::NhwcFusedConv": 1, "com.microsoft::QLinearConv": 3,
}  # fmt: skip
"""Convolutions, and the slot of the weight, [outputs, inputs of a group, kernel]."""

MATRIX_PRODUCTS: Mapping[str, int] = {
    "MatMul": 1, "MatMulInteger": 1, "QLinearMatMul": 3, "com.microsoft::MatMulIntegerToFloat": 1,
    "com.microsoft::DynamicQuantizeMatMul": 1, "com.microsoft::MatMulNBits": 0,
    "com.microsoft::FusedMatMul": 1, "com.microsoft::TransposeMatMul": 1,
}  # fmt: skip
"""Products of matrices; what is added up is along the last axis of the first."""

SAME_KIND: Mapping[str, str] = {
    "Gemm": "dense", "MatMul": "dense", "QLinearConv": "Conv", "QLinearMatMul": "dense",
    "ConvInteger": "Conv", "MatMulInteger": "dense", "com.microsoft::FusedConv": "Conv",
    "com.microsoft::FusedMatMul": "dense", "com.microsoft::QGemm": "dense",
}  # fmt: skip
"""Operators that exporters and optimisers put in place of each other."""

OPERAND_NAMES: Mapping[str, Sequence[str]] = {
    "Conv": ("", "weight", "bias"), "ConvTranspose": ("", "weight", "bias"),
    "DeformConv": ("", "weight", "offset", "bias"), "Gemm": ("", "weight", "bias"),
    "MatMul": ("weight", "weight"), "PRelu": ("", "slope"),
    "QLinearConv": ("", "", "", "weight", "", "", "", "", "bias"),
    "QLinearMatMul": ("", "", "", "weight"), "ConvInteger": ("", "weight"),
    "MatMulInteger": ("weight", "weight"), "com.microsoft::FusedConv": ("", "weight", "bias"),
    "com.microsoft::FusedMatMul": ("weight", "weight"),
    "LSTM": ("", "input weight", "recurrent weight", "bias"),
    "GRU": ("", "input weight", "recurrent weight", "bias"),
    "RNN": ("", "input weight", "recurrent weight", "bias"),
    "BatchNormalization": ("", "scale", "bias", "mean", "variance"),
}  # fmt: skip
"""What people call the inputs of operators; those of others are called as in their schema."""
