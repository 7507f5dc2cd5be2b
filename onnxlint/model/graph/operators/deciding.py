"""Operators that answer in steps, by rank or by chance: what they do to small differences."""

from __future__ import annotations

from onnxlint.model.graph.operators.arithmetic import COMPARISONS, LOGICAL
from onnxlint.model.graph.operators.heads import TREES
from onnxlint.model.graph.operators.layers import (
    AFFINE,
    NORMALISATIONS,
    RECURRENT,
    REDUCTIONS,
    SOFTMAXES,
)
from onnxlint.model.graph.operators.moving import REARRANGING
from onnxlint.model.graph.operators.shapes import SIZE_OPS

EXTREMES = frozenset({"ArgMax", "ArgMin"})
"""The place of an extreme element, along an axis."""

DRAWING = frozenset({
    "Bernoulli", "Multinomial", "RandomNormal", "RandomNormalLike", "RandomUniform",
    "RandomUniformLike",
})  # fmt: skip
"""Draws numbers by chance at every run."""

RANDOM_OPS = DRAWING | {"Dropout"}
"""May give another result at every run on the same input: a Dropout in training mode does."""

DECIDING = COMPARISONS | {
    "ArgMax", "ArgMin", "Ceil", "Floor", "Hardmax", "NonMaxSuppression", "Round", "Sign", "TopK",
    "Unique", "com.microsoft::BeamSearch", "com.microsoft::GreedySearch",
}  # fmt: skip
"""Turns a difference of rounding into another answer: two nearly equal inputs share it only where
neither is near a tie."""

STEPPED = COMPARISONS | LOGICAL | SIZE_OPS | TREES | {
    "ArgMax", "ArgMin", "Ceil", "Floor", "IsInf", "IsNaN", "NonZero", "Round", "Sign",
    "ai.onnx.ml::Binarizer",
}  # fmt: skip
"""May well give the same for different inputs."""

UNANSWERING = STEPPED | {
    "Compress", "If", "NonMaxSuppression", "OneHot", "Unique", "ai.onnx.ml::SVMClassifier",
}  # fmt: skip
"""Need not answer to a small change of what it reads, or answers in steps: one element may decide
nothing. Wider than `STEPPED`, whose outputs coincide for whole samples."""

ENCODING = STEPPED | {
    "BitShift", "Mod", "ai.onnx.ml::LabelEncoder", "ai.onnx.ml::OneHotEncoder",
}  # fmt: skip
"""May well give the same for different samples, codes of categories among them."""

FLAT = (DECIDING - {"TopK"}) | DRAWING | SIZE_OPS | {
    "ConstantOfShape", "DynamicQuantizeLinear", "EyeLike", "NonZero", "QuantizeLinear", "Range",
}  # fmt: skip
"""Without a slope: the result is constant in steps, or chance. TopK hands on what it finds, with
its slope."""

SMOOTH_CLASSICS = frozenset({
    "ai.onnx.ml::FeatureVectorizer", "ai.onnx.ml::Imputer", "ai.onnx.ml::LinearClassifier",
    "ai.onnx.ml::LinearRegressor", "ai.onnx.ml::Normalizer", "ai.onnx.ml::Scaler",
    "ai.onnx.ml::SVMClassifier", "ai.onnx.ml::SVMRegressor",
})  # fmt: skip
"""Operators of classical models that have a slope; trees have none."""

JUDGING = AFFINE | NORMALISATIONS | RECURRENT | REDUCTIONS | SOFTMAXES | EXTREMES | {"TopK"}
"""Judges a row as a whole: behind it, a mask is the network's own, not the caller's."""

ON_SCORES = REARRANGING | COMPARISONS | {
    "ArgMax", "Clip", "DequantizeLinear", "Max", "MaxPool", "Min", "NonMaxSuppression", "NonZero",
    "QuantizeLinear", "ReduceMean", "Round", "TopK",
}  # fmt: skip
"""What stands between a score and an output of the model: scores are chosen by, and sorted."""
