"""What is known of operators, beyond their schemas: one table a trait, each with its reason."""

from __future__ import annotations

LAYERS = ("Conv", "ConvTranspose", "Gemm", "MatMul", "LSTM", "GRU", "RNN")
"""Operators that multiply their input with weights."""

MOVING = frozenset({
    "Cast", "Dropout", "Flatten", "Identity", "Reshape", "Squeeze", "Transpose", "Unsqueeze",
})  # fmt: skip
"""Operators that give all numbers of their first input, in another shape, order or type maybe."""

STEPPED = frozenset({
    "And", "ArgMax", "ArgMin", "Ceil", "Equal", "Floor", "Greater", "GreaterOrEqual", "IsInf",
    "IsNaN", "Less", "LessOrEqual", "NonZero", "Not", "Or", "Round", "Shape", "Sign", "Size", "Xor",
    "ai.onnx.ml::Binarizer", "ai.onnx.ml::TreeEnsemble", "ai.onnx.ml::TreeEnsembleClassifier",
    "ai.onnx.ml::TreeEnsembleRegressor",
})  # fmt: skip
"""Operators that may well give the same for different inputs."""

SIZE_OPS = ("Shape", "Size")
"""Operators that read the size of a value, and none of its elements."""

CONSTANT_OPS = ("Constant", "ConstantOfShape")
"""Operators whose output the file alone decides."""

RANDOM_OPS = ("RandomNormal", "RandomUniform", "RandomNormalLike", "RandomUniformLike",
               "Bernoulli", "Multinomial", "Dropout")  # fmt: skip
"""Operators that may give another result at every run on the same input."""
