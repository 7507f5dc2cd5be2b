"""What operators compute beside multiplications with weights, for each element."""

from __future__ import annotations

from collections.abc import Mapping

from onnxlint.model.graph.operators.arithmetic import (
    ARITHMETIC,
    BITWISE,
    COMPARISONS,
    ELEMENTWISE,
    LOGICAL,
)
from onnxlint.model.graph.operators.layers import GLOBAL_POOLS, REDUCTIONS
from onnxlint.model.graph.operators.moving import HANDING_ON, JOINING, REARRANGING
from onnxlint.model.graph.operators.shapes import CONSTANT_OPS, SIZE_OPS

_MS = "com.microsoft::"

FREE = (
    HANDING_ON | (REARRANGING - REDUCTIONS - {"Resize", "Upsample"}) | CONSTANT_OPS | SIZE_OPS
    | LOGICAL | BITWISE | {
        "BlackmanWindow", "Concat", "EyeLike", "HammingWindow", "HannWindow", "If", "IsInf",
        "IsNaN", "Loop", "MaxUnpool", "NonMaxSuppression", "NonZero", "OneHot", "Optional",
        "OptionalGetElement", "OptionalHasElement", "Range", "ReverseSequence", "Scan", "Scatter",
        "SequenceAt", "SequenceConstruct", "SequenceEmpty", "SequenceErase", "SequenceLength",
        "StringConcat", "StringNormalizer", "StringSplit", "TensorScatter", "TfIdfVectorizer",
        "TopK", "Trilu", "Unique", "ai.onnx.ml::ArrayFeatureExtractor", "ai.onnx.ml::CastMap",
        "ai.onnx.ml::CategoryMapper", "ai.onnx.ml::FeatureVectorizer", "ai.onnx.ml::LabelEncoder",
        "ai.onnx.ml::OneHotEncoder", "ai.onnx.ml::ZipMap", f"{_MS}GatherBlockQuantized",
        f"{_MS}QLinearConcat", f"{_MS}Trilu",
    }
)  # fmt: skip
"""Moves, compares, chooses or stores: no arithmetic of floats."""

PER_OUTPUT: Mapping[str, int] = {
    **dict.fromkeys(sorted((ELEMENTWISE | ARITHMETIC | COMPARISONS) - FREE), 1),
    **dict.fromkeys((
        "Max", "Min", "Mod", "Pow", f"{_MS}FastGelu", f"{_MS}Gelu", f"{_MS}QuickGelu",
        f"{_MS}QLinearAdd", f"{_MS}QLinearMul", f"{_MS}QLinearSigmoid", f"{_MS}QLinearLeakyRelu",
        "Bernoulli", "RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike",
        "Multinomial", "CumSum", "CumProd",
        "ai.onnx.ml::Binarizer", "ai.onnx.ml::Imputer",
    ), 1),
    f"{_MS}BiasGelu": 2, f"{_MS}BiasSplitGelu": 2, f"{_MS}BiasAdd": 2,
    "BatchNormalization": 2, "QuantizeLinear": 2, "DequantizeLinear": 2,
    f"{_MS}QuantizeLinear": 2, f"{_MS}DequantizeLinear": 2, "ai.onnx.ml::Scaler": 2,
    "ai.onnx.ml::Normalizer": 3, "LRN": 5,
    "LogSoftmax": 5, "Softmax": 5, "Hardmax": 1, f"{_MS}QLinearSoftmax": 5,
    f"{_MS}BiasSoftmax": 6,
    "GroupNormalization": 7, "InstanceNormalization": 7, "LayerNormalization": 7,
    f"{_MS}GroupNorm": 7, f"{_MS}SkipLayerNormalization": 8, f"{_MS}SkipGroupNorm": 8,
    f"{_MS}EmbedLayerNormalization": 9,
    "RMSNormalization": 4, "SimplifiedLayerNormalization": 4,
    f"{_MS}SimplifiedLayerNormalization": 4, f"{_MS}SkipSimplifiedLayerNormalization": 5,
    "MeanVarianceNormalization": 5, "LpNormalization": 3,
    "RotaryEmbedding": 3, f"{_MS}RotaryEmbedding": 3,
}  # fmt: skip
"""Operations for each element of the first output. A function of one number (exp, tanh, erf) is one
of them. Softmax: maximum, difference, exp, sum, quotient. A normalisation over computed statistics:
sum, difference, square, sum, scaling, weight and bias; with running ones a product and a sum."""

PER_INPUT: Mapping[str, int] = {
    **dict.fromkeys(sorted(REDUCTIONS), 1), **dict.fromkeys(sorted(GLOBAL_POOLS), 1),
    **dict.fromkeys((
        "ArgMax", "ArgMin", "DynamicQuantizeLinear", "NegativeLogLikelihoodLoss",
        f"{_MS}QLinearGlobalAveragePool", f"{_MS}QLinearReduceMean",
    ), 1),
    "DynamicQuantizeLinear": 4, "GlobalLpPool": 2, "ReduceL2": 2, "ReduceLogSumExp": 2,
    "ReduceSumSquare": 2, "SoftmaxCrossEntropyLoss": 6,
}  # fmt: skip
"""Operations for each element of the first input: what reduces it."""

PER_OPERAND = JOINING - {"Concat"} | {"Mean"}
"""One operation for each element of the output and each operand but the first."""

PER_KERNEL = frozenset({
    "AveragePool", "LpPool", "MaxPool", f"{_MS}NhwcMaxPool", f"{_MS}QLinearAveragePool",
})  # fmt: skip
"""One operation for each element of the output and each place of the kernel."""
