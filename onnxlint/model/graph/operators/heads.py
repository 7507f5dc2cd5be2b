"""Operators at the end of a model, that make labels and scores, and those of classical models."""

from __future__ import annotations

from collections.abc import Mapping

from onnxlint.model.graph.operators.arithmetic import ARITHMETIC
from onnxlint.model.graph.operators.layers import SOFTMAXES
from onnxlint.model.graph.operators.moving import COPYING, RESHAPING

TREES = frozenset({
    "ai.onnx.ml::TreeEnsemble", "ai.onnx.ml::TreeEnsembleClassifier",
    "ai.onnx.ml::TreeEnsembleRegressor",
})  # fmt: skip
"""Decides by thresholds, step by step."""

TAKING_NAN = TREES | {"IsNaN", "ai.onnx.ml::Imputer"}
"""Made for NaN: it asks for it, fills it in, or has a branch for what is missing."""

TAKING_INFINITY = TREES | {"Clip", "IsInf"}
"""Made for infinities too: it asks for them, cuts them off, or compares them with thresholds."""

CLASSIFIERS = frozenset({
    "ai.onnx.ml::LinearClassifier", "ai.onnx.ml::SVMClassifier",
    "ai.onnx.ml::TreeEnsembleClassifier",
})  # fmt: skip
"""Gives a label and the scores of all classes."""

LABELLING = RESHAPING | COPYING | {
    "Cast", "Gather", "ai.onnx.ml::ArrayFeatureExtractor", "ai.onnx.ml::LabelEncoder",
}  # fmt: skip
"""What lies between the number of a class and the label that is given for it."""

SAME_ORDER = RESHAPING | COPYING | SOFTMAXES | {
    "Cast", "Sigmoid", "ai.onnx.ml::Normalizer", "ai.onnx.ml::ZipMap",
}  # fmt: skip
"""Leaves the largest score of a row the largest."""

SAME_HEAD = COPYING | (RESHAPING - {"Reshape"}) | {"Cast", "ai.onnx.ml::ZipMap"}
"""A head is the same head behind it; a Reshape may put several rows into one."""

ALTERING_SCORES = ARITHMETIC | {"Clip", "Pow", "Sqrt", "ai.onnx.ml::Normalizer"}
"""May turn probabilities into something else, with a constant."""

SIGN_KEEPING = ("ai.onnx.ml::Normalizer", "LpNormalization")
"""Of a single number it leaves the sign, which is as good as nothing and need not be constant."""

UNEXPECTED_BY_LOSS: Mapping[str, frozenset[str]] = {
    "SoftmaxCrossEntropyLoss": frozenset({"Softmax", "Sigmoid"}),
    "NegativeLogLikelihoodLoss": frozenset({"Softmax", "Sigmoid", "Relu"}),
}
"""The losses, and the operators whose results they do not expect: the first takes scores, the
second logarithms of probabilities."""
