"""What each operator makes of ranges: a module for each kind of operators.

A module is loaded when a model is met that has one of its operators: most have few kinds.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from functools import cache
from typing import TYPE_CHECKING

from onnxlint.analyses.ranges.registry import POINTWISE, RELATIONS, TRANSFERS, Transfer

if TYPE_CHECKING:
    from onnxlint.analyses.ranges.at import At
    from onnxlint.analyses.ranges.range import Range

MODULES = {
    "activations": (
        "Relu LeakyRelu PRelu Elu Selu Celu Sigmoid HardSigmoid Softplus Softsign ThresholdedRelu "
        "Shrink ai.onnx.ml::Binarizer"
    ),
    "affine": (
        "MatMul com.microsoft::FusedMatMul com.microsoft::TransposeMatMul Gemm "
        "com.microsoft::FusedGemm"
    ),
    "arithmetic": "Add Sub Sum Neg Mul Div Reciprocal",
    "attention": (
        "Attention com.microsoft::MultiHeadAttention "
        "com.microsoft::DecoderMaskedMultiHeadAttention com.microsoft::PackedMultiHeadAttention "
        "com.microsoft::GroupQueryAttention com.microsoft::SparseAttention "
        "com.microsoft::Attention com.microsoft::DecoderMaskedSelfAttention "
        "com.microsoft::PackedAttention RotaryEmbedding com.microsoft::RotaryEmbedding "
        "com.microsoft::MRotaryEmbedding com.microsoft::GemmaRotaryEmbedding LinearAttention "
        "com.microsoft::LinearAttention"
    ),
    "bounds": "Div Mul ReduceSum",
    "casting": "Cast CastLike BitCast Dropout",
    "choosing": "Where Max Min Clip",
    "comparing": "Equal Less Greater LessOrEqual GreaterOrEqual And Or Xor Not IsNaN IsInf",
    "convolution": (
        "Conv com.microsoft::FusedConv com.microsoft::NhwcConv com.microsoft::NhwcFusedConv "
        "ConvTranspose DeformConv CausalConvWithState com.microsoft::CausalConvWithState"
    ),
    "differences": "Sub",
    "drawing": (
        "RandomUniform RandomUniformLike RandomNormal RandomNormalLike Bernoulli Multinomial "
        "RegexFullMatch StringConcat StringNormalizer StringSplit com.microsoft::StringLower "
        "com.microsoft::StringUpper"
    ),
    "einsum": "Einsum",
    "filling": (
        "Pad com.microsoft::Pad ScatterElements Scatter ScatterND TensorScatter OneHot Hardmax "
        "MaxUnpool"
    ),
    "gates": (
        "Gelu com.microsoft::Gelu com.microsoft::BiasGelu com.microsoft::FastGelu "
        "com.microsoft::QuickGelu Swish SwiGLU Mish HardSwish"
    ),
    "integers": "Mod BitShift BitwiseAnd BitwiseOr BitwiseXor BitwiseNot",
    "joining": "Concat Split",
    "learned": (
        "ai.onnx.ml::Scaler ai.onnx.ml::Imputer ai.onnx.ml::LabelEncoder "
        "ai.onnx.ml::CategoryMapper ai.onnx.ml::OneHotEncoder ai.onnx.ml::ArrayFeatureExtractor "
        "ai.onnx.ml::FeatureVectorizer ai.onnx.ml::ZipMap ai.onnx.ml::CastMap "
        "ai.onnx.ml::DictVectorizer TfIdfVectorizer ai.onnx.ml::LinearRegressor "
        "ai.onnx.ml::LinearClassifier ai.onnx.ml::SVMRegressor ai.onnx.ml::SVMClassifier"
    ),
    "lookups": "Gather",
    "losses": "NegativeLogLikelihoodLoss SoftmaxCrossEntropyLoss AffineGrid ImageDecoder",
    "moving": (
        "Reshape Flatten Squeeze Unsqueeze com.microsoft::ExpandDims Transpose DepthToSpace "
        "SpaceToDepth Expand Tile ReverseSequence CenterCropPad Trilu com.microsoft::Trilu"
    ),
    "normalising": (
        "LayerNormalization RMSNormalization SimplifiedLayerNormalization "
        "com.microsoft::SkipLayerNormalization com.microsoft::SkipSimplifiedLayerNormalization "
        "com.microsoft::EmbedLayerNormalization InstanceNormalization GroupNormalization "
        "MeanVarianceNormalization LpNormalization ai.onnx.ml::Normalizer"
    ),
    "picking": (
        "Slice Compress Unique com.microsoft::Unique TopK GatherND com.microsoft::GatherND "
        "GatherElements com.microsoft::GatherBlockQuantized"
    ),
    "pooling": "AveragePool GlobalAveragePool MaxPool GlobalMaxPool LpPool GlobalLpPool",
    "powers": "Pow",
    "quantised": (
        "QuantizeLinear com.microsoft::QuantizeLinear DequantizeLinear "
        "com.microsoft::DequantizeLinear DynamicQuantizeLinear com.microsoft::QLinearSigmoid "
        "com.microsoft::QLinearLeakyRelu com.microsoft::QLinearSoftmax com.microsoft::QLinearAdd "
        "com.microsoft::QLinearMul com.microsoft::QLinearConcat com.microsoft::QLinearAveragePool "
        "com.microsoft::QLinearGlobalAveragePool com.microsoft::QLinearReduceMean"
    ),
    "quantised_layers": (
        "MatMulInteger com.microsoft::MatMulInteger16 ConvInteger QLinearMatMul "
        "com.microsoft::QLinearMatMul QLinearConv com.microsoft::QLinearConv com.microsoft::QGemm "
        "com.microsoft::MatMulIntegerToFloat com.microsoft::DynamicQuantizeMatMul "
        "com.microsoft::MatMulNBits com.microsoft::MatMulBnb4"
    ),
    "recurrent": "RNN GRU LSTM",
    "reductions": (
        "ReduceSum ReduceMean ReduceMax ReduceMin ReduceProd ReduceL1 ReduceSumSquare ReduceL2 "
        "ReduceLogSum ReduceLogSumExp"
    ),
    "running": "CumSum CumProd",
    "sampling": (
        "Resize Upsample GridSample com.microsoft::GridSample RoiAlign MaxRoiPool "
        "com.microsoft::CropAndResize Col2Im com.microsoft::UnfoldTensor"
    ),
    "sequences": (
        "SequenceConstruct ConcatFromSequence SequenceErase SequenceAt SplitToSequence "
        "SequenceInsert SequenceEmpty SequenceLength Optional OptionalGetElement "
        "OptionalHasElement"
    ),
    "signals": "HannWindow HammingWindow BlackmanWindow MelWeightMatrix DFT STFT Det",
    "sizes": (
        "Shape Size NonZero ArgMax ArgMin NonMaxSuppression Range com.microsoft::Range Constant "
        "ConstantOfShape EyeLike"
    ),
    "softmax": "Softmax com.microsoft::BiasSoftmax LogSoftmax",
    "statistics": "BatchNormalization LRN",
    "trees": (
        "ai.onnx.ml::TreeEnsembleRegressor ai.onnx.ml::TreeEnsembleClassifier "
        "ai.onnx.ml::TreeEnsemble"
    ),
    "unary": (
        "Abs Ceil Floor Round Sign Exp Log Sqrt Erf Sin Cos Tan Asin Acos Atan Sinh Cosh Tanh "
        "Asinh Acosh Atanh Identity Mean"
    ),
}
"""The operators that a module has a transfer or a relation of."""


def transfer_of(op: str) -> Transfer | None:
    """What an operator, with its domain, makes of ranges; None where that is not known."""
    _load(op)
    return TRANSFERS.get(op)


def relations_of(op: str) -> Sequence[Callable[[At, Range], Range]]:
    """What narrows the first output of an operator beyond its transfer."""
    _load(op)
    return RELATIONS.get(op, ())


def is_pointwise(op: str) -> bool:
    """Whether each element that an operator gives is made of one element of each input."""
    _load(op)
    return op in POINTWISE


@cache
def _load(op: str) -> None:
    for name, operators in MODULES.items():
        if op in operators.split():
            importlib.import_module(f"{__name__}.{name}")
