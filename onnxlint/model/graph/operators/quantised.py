"""Quantised numbers: what makes them, what computes with them, and where scales are."""

from __future__ import annotations

from collections.abc import Mapping

QUANTIZE = frozenset({"QuantizeLinear", "com.microsoft::QuantizeLinear"})
"""From real numbers to quantised ones."""

DEQUANTIZE = frozenset({"DequantizeLinear", "com.microsoft::DequantizeLinear"})
"""From quantised numbers to real ones."""

QDQ = ("QuantizeLinear", "DequantizeLinear")
"""The pair of the standard domain; a scale that is not a single number goes along `axis`."""

UNSCALED_AFFINE = frozenset({"ConvInteger", "MatMulInteger"})
"""Gives sums of integers: nodes behind it scale them, and add the bias."""

INTEGER_AFFINE = frozenset({"ConvInteger", "MatMulInteger", "QLinearConv", "QLinearMatMul"})
"""Multiplies quantised numbers and adds up, in the standard domain."""

INTEGER_LAYERS: Mapping[str, tuple[int, int | None, int]] = {
    "ConvInteger": (0, 2, 1),
    "MatMulInteger": (0, 2, 1),
    "QLinearConv": (0, 2, 3),
    "QLinearMatMul": (0, 2, 3),
    "com.microsoft::DynamicQuantizeMatMul": (0, None, 1),
    "com.microsoft::MatMulIntegerToFloat": (0, 4, 1),
    "com.microsoft::QAttention": (0, 6, 1),
    "com.microsoft::QGemm": (0, 2, 3),
}
"""Slots of the data, of its zero point, and of the weights: of `INTEGER_AFFINE`, and of what
onnxruntime has beside them."""

CODE_SLOTS: Mapping[str, tuple[int, ...]] = {
    "ConvInteger": (0, 1), "DequantizeLinear": (0,), "MatMulInteger": (0, 1),
    "QLinearConv": (0, 3), "QLinearMatMul": (0, 3),
}  # fmt: skip
"""Slots of the standard domain that read quantised numbers, which may be any of their dtype."""

Slots = tuple[int | None, int | None, int | None, int | None]
"""Of a tensor (None: the output), of its scale and zero point, and an axis."""

SCALE_SLOTS: Mapping[str, tuple[Slots, ...]] = {
    "QLinearConv": ((0, 1, 2, None), (3, 4, 5, 0), (None, 6, 7, None)),
    "QLinearMatMul": ((0, 1, 2, -2), (3, 4, 5, -1), (None, 6, 7, -2)),
    "ConvInteger": ((0, None, 2, None), (1, None, 3, 0)),
    "MatMulInteger": ((0, None, 2, -2), (1, None, 3, -1)),
    "com.microsoft::QGemm": ((0, 1, 2, None), (3, 4, 5, -1), (None, 7, 8, None)),
    "com.microsoft::QAttention": ((0, 3, 6, None), (1, 4, 7, -1)),
    "com.microsoft::MatMulIntegerToFloat": ((0, 2, 4, None), (1, 3, 5, -1)),
    "com.microsoft::DynamicQuantizeMatMul": ((1, 2, 3, -1),),
    "com.microsoft::QLinearWhere": ((1, 2, 3, None), (4, 5, 6, None), (None, 7, 8, None)),
    **dict.fromkeys(
        ("com.microsoft::QLinearAdd", "com.microsoft::QLinearMul"),
        ((0, 1, 2, None), (3, 4, 5, None), (None, 6, 7, None)),
    ),
    **dict.fromkeys(
        (
            "com.microsoft::QLinearAveragePool",
            "com.microsoft::QLinearGlobalAveragePool",
            "com.microsoft::QLinearLeakyRelu",
            "com.microsoft::QLinearReduceMean",
            "com.microsoft::QLinearSigmoid",
            "com.microsoft::QLinearSoftmax",
        ),
        ((0, 1, 2, None), (None, 3, 4, None)),
    ),
}
"""By operator: slots of a tensor (None: it is the output), of its scale and zero point, and the
axis along which each slice may have a scale of its own (None: one scale for the whole tensor)."""

QUANTISED_OPERATORS = QUANTIZE | DEQUANTIZE | {*SCALE_SLOTS, "com.microsoft::QLinearConcat"}
"""All that have a scale."""

RESULT_SCALE_SLOTS: Mapping[str, tuple[int, int]] = {
    "QuantizeLinear": (1, 2), "com.microsoft::QuantizeLinear": (1, 2), "QLinearConv": (6, 7),
    "QLinearMatMul": (6, 7), "com.microsoft::QGemm": (7, 8), "com.microsoft::QLinearAdd": (6, 7),
    "com.microsoft::QLinearMul": (6, 7), "com.microsoft::QLinearWhere": (7, 8),
    "com.microsoft::QLinearConcat": (0, 1),
} | dict.fromkeys((
    "com.microsoft::QLinearAveragePool", "com.microsoft::QLinearGlobalAveragePool",
    "com.microsoft::QLinearLeakyRelu", "com.microsoft::QLinearReduceMean",
    "com.microsoft::QLinearSigmoid", "com.microsoft::QLinearSoftmax",
), (3, 4))  # fmt: skip
"""Slots of the scale and the zero point of what an operator gives."""

ROUNDING = frozenset({*RESULT_SCALE_SLOTS, "DynamicQuantizeLinear"})
"""Cuts off, or rounds to nothing, what lies outside the range of integers."""

DYNAMIC_SCALES = (
    "DynamicQuantizeLinear", "com.microsoft::DynamicQuantizeMatMul",
    "com.microsoft::DynamicQuantizeLSTM",
)  # fmt: skip
"""Chooses a scale for all samples together."""

INT32_BIAS_SLOT: Mapping[str, int] = {
    "QLinearConv": 8, "com.microsoft::QGemm": 6,
} | dict.fromkeys(sorted(DEQUANTIZE), 0)  # fmt: skip
"""Where an int32 bias is read."""

INTEGER_WEIGHT_SLOTS: Mapping[str, frozenset[int]] = {
    "ConvInteger": frozenset({1}),
    "DequantizeLinear": frozenset({0}),
    "MatMulInteger": frozenset({1}),
    "QLinearConv": frozenset({3, 8}),
    "QLinearMatMul": frozenset({0, 3}),
    "com.microsoft::DynamicQuantizeMatMul": frozenset({1}),
    "com.microsoft::MatMulIntegerToFloat": frozenset({1}),
    "com.microsoft::QGemm": frozenset({3, 6}),
}
"""Slots of weights that are stored as integers."""
