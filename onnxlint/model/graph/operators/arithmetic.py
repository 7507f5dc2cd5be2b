"""What operators compute: element by element, of pairs, and what follows of it by algebra."""

from __future__ import annotations

from collections.abc import Mapping

ELEMENTWISE = frozenset({
    "Abs", "Acos", "Acosh", "Asin", "Asinh", "Atan", "Atanh", "BitwiseNot", "Cast", "CastLike",
    "Ceil", "Celu", "Clip", "Cos", "Cosh", "Dropout", "Elu", "Erf", "Exp", "Floor", "Gelu",
    "HardSigmoid", "HardSwish", "Identity", "IsInf", "IsNaN", "LeakyRelu", "Log", "Mish", "Neg",
    "Not", "PRelu", "Reciprocal", "Relu", "Round", "Selu", "Shrink", "Sigmoid", "Sign", "Sin",
    "Sinh", "Softplus", "Softsign", "Sqrt", "Swish", "Tan", "Tanh", "ThresholdedRelu",
})  # fmt: skip
"""One output element for each element of the first input, computed from that one alone."""

SAME_SHAPE = ELEMENTWISE | {
    "Softmax", "ai.onnx.ml::Binarizer", "ai.onnx.ml::Imputer", "ai.onnx.ml::Normalizer",
    "ai.onnx.ml::Scaler",
}  # fmt: skip
"""The output has the shape of the first input, also where its elements depend on each other."""

ARITHMETIC = frozenset({"Add", "Div", "Mul", "Sub"})
"""The four of them, which normalise, shift and scale."""

SCALING = ARITHMETIC | {"BatchNormalization", "ai.onnx.ml::Scaler"}
"""Shifts and scales by constants, to normalise what was fed."""

KEEPING_NAN = SCALING | (ELEMENTWISE - {"Clip", "IsInf", "IsNaN", "Not", "Relu", "Sign"})
"""Gives a number for each one of a table, and NaN for NaN."""

FILLING = ARITHMETIC - {"Add"}
"""By these exporters write zeros or ones of some value's shape: x - x, x * 0, x / x."""

LINEAR = ARITHMETIC | {"BatchNormalization", "Neg", "Sum"}
"""Linear in what is computed, where the other operands are constant."""

BOX_DECODING = ARITHMETIC | {"Neg", "Pow"}
"""Decodes boxes of scores: exponents and signs, too."""

UNSCALED_INTEGERS = ARITHMETIC | {"Abs", "Mean", "Neg", "Pow", "Sum"}
"""Accepts integers of 8 bits, and knows no scales: of quantised codes it gives nothing sensible."""

COMPARISONS = frozenset({"Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual"})
"""Gives true or false for two numbers."""

LARGER_SLOT: Mapping[str, int] = {"Less": 1, "LessOrEqual": 1, "Greater": 0, "GreaterOrEqual": 0}
"""The slot of what must be the larger number for the answer to be yes."""

MIRRORED: Mapping[str, str] = {
    "Less": "Greater", "Greater": "Less", "LessOrEqual": "GreaterOrEqual",
    "GreaterOrEqual": "LessOrEqual",
}  # fmt: skip
"""The comparison that says the same with its operands exchanged."""

LOGICAL = frozenset({"And", "Not", "Or", "Xor"})
"""Works on true and false."""

BITWISE = frozenset({"BitShift", "BitwiseAnd", "BitwiseNot", "BitwiseOr", "BitwiseXor", "Mod"})
"""Reads bits or a remainder, for which integers that wrap around are intended."""

BROADCASTING = ARITHMETIC | COMPARISONS | (LOGICAL - {"Not"}) | {
    "BitShift", "BitwiseAnd", "BitwiseOr", "BitwiseXor", "Max", "Mean", "Min", "Mod", "Pow",
    "PRelu", "Sum", "Where",
}  # fmt: skip
"""Stretches operands of size 1 to the size of the others."""

COMMUTATIVE = frozenset({
    "Add", "And", "BitwiseAnd", "BitwiseOr", "BitwiseXor", "Equal", "Max", "Mean", "Min", "Mul",
    "Or", "Sum", "Xor",
})  # fmt: skip
"""Gives the same with its operands in any order."""

IDEMPOTENT = frozenset({"And", "BitwiseAnd", "BitwiseOr", "Max", "Min", "Or", "Where"})
"""Of one value twice it returns that value."""

ABSORBING = frozenset({
    "And", "Div", "Greater", "GreaterOrEqual", "Less", "LessOrEqual", "Max", "Min", "Mul", "Or",
    "Pow",
})  # fmt: skip
"""One constant operand can make the result constant; of the others both must be known."""

OF_ITSELF: Mapping[str, str] = {
    "Sub": "0", "Div": "1", "Xor": "false", "Less": "false", "Greater": "false", "Equal": "true",
    "LessOrEqual": "true", "GreaterOrEqual": "true", "Mod": "0", "BitwiseXor": "0",
}  # fmt: skip
"""What becomes of a value and itself, but for NaN and infinities."""

FACTOR_SLOTS: Mapping[str, tuple[int, ...]] = {
    "Mul": (0, 1), "MatMul": (0, 1), "Gemm": (0, 1), "Conv": (0, 1), "ConvTranspose": (0, 1),
    "com.microsoft::FusedMatMul": (0, 1), "BatchNormalization": (0, 1),
    "LayerNormalization": (0, 1), "InstanceNormalization": (0, 1), "GroupNormalization": (0, 1),
    "RMSNormalization": (0, 1), "DequantizeLinear": (0, 1), "LSTM": (0, 1), "GRU": (0, 1),
    "RNN": (0, 1),
}  # fmt: skip
"""Slots of which one that is all zero takes the others out; what is added stands in later ones."""
