"""What numbers operators take and give: ranges, domains, NaN and infinities, magnitudes."""

from __future__ import annotations

import math
from collections.abc import Mapping

from onnxlint.model.graph.operators.arithmetic import COMPARISONS
from onnxlint.model.graph.operators.layers import AFFINE, NORMALISATIONS, RECURRENT, SOFTMAXES
from onnxlint.model.graph.operators.moving import HANDING_ON, MOVING

ACTIVATIONS = frozenset({
    "Celu", "Clip", "Elu", "Gelu", "HardSigmoid", "HardSwish", "LeakyRelu", "Mish", "PRelu", "Relu",
    "Selu", "Sigmoid", "Softplus", "Softsign", "Swish", "Tanh", "ThresholdedRelu",
})  # fmt: skip
"""Non-linearities that networks have between layers."""

SIGMOIDS = frozenset({"HardSigmoid", "Sigmoid"})
"""From 0 to 1, element by element."""

SQUASHING = SIGMOIDS | {"Tanh"}
"""Saturates at both ends, element by element."""

BOUNDED = SQUASHING | {"Softmax"}
"""Gives numbers of a range that is the same for every input."""

RECTIFIERS = ACTIVATIONS - SQUASHING - {"Clip", "Softplus", "Softsign", "ThresholdedRelu"}
"""Activations that attenuate negative values: of the others a pair may be meant, as in ReLU6."""

NOT_NEGATIVE = SIGMOIDS | {"Relu", "Softmax", "Softplus"}
"""Activations without negative outputs."""

NONLINEAR = ACTIVATIONS | SOFTMAXES | (NORMALISATIONS - {"BatchNormalization"}) | {
    "Abs", "Cos", "Erf", "Exp", "GlobalMaxPool", "LRN", "Log", "LpNormalization", "LpPool", "Max",
    "MaxPool", "MeanVarianceNormalization", "Min", "Pow", "Sin", "Sqrt",
}  # fmt: skip
"""Two layers with it between them are no single layer; a BatchNormalization is linear when it
runs."""

MIXING = frozenset({
    "AveragePool", "DepthToSpace", "GlobalAveragePool", "ReduceMean", "ReduceSum", "Resize",
    "SpaceToDepth", "Upsample",
})  # fmt: skip
"""Mixes places or channels with fixed weights: linear, and nothing is learnt."""

# Ranges of outputs

OUTPUT_RANGES: Mapping[str, tuple[float, float]] = {
    "Abs": (0, math.inf), "Cos": (-1, 1), "Erf": (-1, 1), "Exp": (0, math.inf),
    "HardSigmoid": (0, 1), "Hardmax": (0, 1), "LogSoftmax": (-math.inf, 0),
    "ReduceL1": (0, math.inf), "ReduceL2": (0, math.inf), "ReduceSumSquare": (0, math.inf),
    "Relu": (0, math.inf), "Sigmoid": (0, 1), "Sign": (-1, 1), "Sin": (-1, 1), "Softmax": (0, 1),
    "Softplus": (0, math.inf), "Softsign": (-1, 1), "Sqrt": (0, math.inf), "Tanh": (-1, 1),
}  # fmt: skip
"""What the output lies within, whatever was read; ends included, and rounding apart."""

FIXED_SCALE_RANGES: Mapping[str, tuple[float, float]] = {
    **{op: OUTPUT_RANGES[op] for op in sorted(BOUNDED)},
    "com.microsoft::QLinearSigmoid": (0.0, 1.0), "com.microsoft::QLinearSoftmax": (0.0, 1.0),
}  # fmt: skip
"""The range of bounded values, and of quantised ones that of what they stand for: what a scale must
cover, measured or not."""

WITHIN_FIRST = HANDING_ON | {
    "GlobalAveragePool", "GlobalMaxPool", "MaxPool", "ReduceMax", "ReduceMean", "ReduceMin",
}  # fmt: skip
"""Its numbers lie within those of the first input: one of them, or a mean. An AveragePool may count
its padding, which is 0."""

RESCALING = SOFTMAXES | SQUASHING | (NORMALISATIONS - {"BatchNormalization"}) | {
    "Clip", "Erf", "Exp", "Log", "LpNormalization", "Reciprocal",
}  # fmt: skip
"""The output does not tell how large or small the input was."""

OWN_SCALE = SOFTMAXES | SIGMOIDS | {"Exp", "Log", "Pow", "Softplus"}
"""The output has a scale of its own: a probability, a logarithm or a power, not a sum of weighted
inputs. Narrower than `RESCALING` by what stays on the scale of activations (Tanh, Erf, Clip and
normalisations), and wider by powers."""

OF_MAGNITUDE = AFFINE | RECURRENT | {
    "BatchNormalization", "LayerNormalization", "Resize", "ai.onnx.ml::LinearClassifier",
    "ai.onnx.ml::LinearRegressor", "ai.onnx.ml::Normalizer", "ai.onnx.ml::Scaler",
}  # fmt: skip
"""The size of a number counts for it: what it reads is a quantity, not a code."""

MAGNITUDES = frozenset({"Abs", "LpPool", "Pow", "ReduceL1", "ReduceL2", "ReduceSumSquare"})
"""Not activations: the results of two layers are summed to the length of one vector."""

SUMMING = MOVING | {
    "Add", "AveragePool", "Clip", "GlobalAveragePool", "MatMul", "Max", "Mul", "ReduceMax",
    "ReduceMean", "ReduceSum",
}  # fmt: skip
"""Linear, or a floor under a logarithm: what stands between a square and its root."""

TAILED = frozenset({
    "BitCast", "Elu", "Erf", "Exp", "GRU", "Gelu", "HardSigmoid", "LSTM", "Mish", "RNN", "Sigmoid",
    "Softmax", "Swish", "Tanh", "ai.onnx.ml::LinearClassifier", "ai.onnx.ml::Normalizer",
    "ai.onnx.ml::SVMClassifier", "ai.onnx.ml::TreeEnsembleClassifier", "com.microsoft::BiasGelu",
    "com.microsoft::FastGelu", "com.microsoft::QuickGelu",
})  # fmt: skip
"""Its outputs run out to 0, or it makes no numbers of numbers: subnormal ones are no surprise."""

MASKING = frozenset({
    "Add", "Concat", "Expand", "Mul", "ScatterND", "Sub", "Sum", "Trilu", "Where",
})  # fmt: skip
"""Builds a mask of a constant, or applies it."""

UNMASKING = SOFTMAXES | {"Conv", "Exp", "Gemm", "LayerNormalization", "MatMul", "Sigmoid", "Tanh"}
"""The numbers of a mask do not outlive it."""

# Domains

POSITIVE_SLOTS: Mapping[str, tuple[int, ...]] = {
    "Acos": (0,), "Asin": (0,), "Atanh": (0,), "BatchNormalization": (4,), "Div": (1,), "Log": (0,),
    "Mod": (1,), "Reciprocal": (0,), "ReduceLogSum": (0,), "Sqrt": (0,),
}  # fmt: skip
"""Slots that a sound caller feeds positive numbers, up to 1."""

GUARDED_SLOT: Mapping[str, int] = {"Div": 1, "Log": 0, "Pow": 0, "Reciprocal": 0, "Sqrt": 0}
"""The slot that needs a guard against 0: the result or its slope is infinite there. Narrower than
`POSITIVE_SLOTS` by domains that end elsewhere (Acos) or have an epsilon of their own
(BatchNormalization), and wider by Pow."""

ROOTS = frozenset({"Log", "ReduceLogSum", "Sqrt"})
"""Its slope grows without end towards 0."""

# Numbers that are not finite

HIDING_NAN = COMPARISONS | {
    "ArgMax", "ArgMin", "Cast", "Clip", "DynamicQuantizeLinear", "GlobalMaxPool", "Hardmax",
    "HardSigmoid", "Max", "MaxPool", "Min", "NonMaxSuppression", "Pow", "QuantizeLinear",
    "ReduceMax", "ReduceMin", "Relu", "Sign", "ThresholdedRelu", "TopK",
}  # fmt: skip
"""Computes finite values from NaN; not among them: those that only select or test."""

HIDING_INFINITY = frozenset({"Div", "Reciprocal"})
"""Turns infinity into 0. Softmax and the like do so as intended, with a mask of -inf."""

FINDING_NAN = frozenset({"Equal", "GreaterOrEqual", "LessOrEqual"})
"""x == x is how a graph asks for NaN."""

# Operators that fail at some numbers

DIVIDING = frozenset({
    "Div", "GroupNormalization", "InstanceNormalization", "LayerNormalization",
    "MeanVarianceNormalization", "Mod", "Pow", "RMSNormalization", "Reciprocal",
    "SimplifiedLayerNormalization",
})  # fmt: skip
"""Divides by what it reads, or by the spread or length of it, which may be 0."""

OVERFLOWING = frozenset({"Cosh", "Exp", "Pow", "ReduceL2", "ReduceSumSquare", "Sinh"})
"""Grows faster than what it reads, so that ordinary numbers exceed the dtype."""

WITH_DOMAIN = frozenset({"Acos", "Acosh", "Asin", "Atanh", "Pow"})
"""Is not defined for some real numbers, logarithms and roots apart."""

BENT_AT_ZERO = frozenset({"Abs", "Clip", "Max", "Min", "Relu"})
"""May be linear in what it reads on either side of 0, with another slope."""

REDUCED_TO: Mapping[str, str] = {
    "ReduceSum": "sum", "ReduceMean": "mean", "ReduceMax": "max", "ReduceMin": "min",
    "ReduceL1": "sizes", "ReduceL2": "length", "ReduceSumSquare": "squares",
}  # fmt: skip
"""What a reduction makes of a row, where formulas written by hand use it."""
