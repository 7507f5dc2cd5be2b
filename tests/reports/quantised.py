"""Quantised models with parameters that do not fit."""

from onnxlint.severity import Severity
from reports.report import Report

REPORTS = (
    Report(
        "NVIDIA/TensorRT#1826",
        "calibration gave some channels the scale 0",
        rule="QNT001",
        place="weights",
        says="is 0",
        severity=Severity.ERROR,
        bad="""
        net (float[N, 1, 4, 4] x) => (float[N, 3, 4, 4] y)
        <int8[3, 1, 1, 1] w = {100, -90, 127}, float[3] w_scale = {0.01, 0, 0.02},
         int8[3] w_zero = {0, 0, 0}, float x_scale = {0.03}, int8 x_zero = {0}>
        {
            [quantise] q = QuantizeLinear(x, x_scale, x_zero)
            [back] back = DequantizeLinear(q, x_scale, x_zero)
            [weights] weights = DequantizeLinear <axis = 0> (w, w_scale, w_zero)
            [conv] y = Conv(back, weights)
        }
        """,
        repair=(("{0.01, 0, 0.02}", "{0.01, 0.015, 0.02}"),),
    ),
    Report(
        "microsoft/onnxruntime#19694",
        "a transposed convolution quantised per input channel: the bias has other scales",
        rule="QNT001",
        place="bias",
        says="2 scales, expected 3",
        severity=Severity.ERROR,
        bad="""
        net (float[N, 2, 4, 4] x) => (float[N, 3, 4, 4] y)
        <int8[2, 3, 1, 1] w = {100, -90, 127, 33, -71, 54}, float[2] w_scale = {0.01, 0.02},
         int8[2] w_zero = {0, 0}, int32[3] b = {400, -120, 77}, float[2] b_scale = {0.0003, 0.0006},
         int32[2] b_zero = {0, 0}, float x_scale = {0.03}, int8 x_zero = {0}>
        {
            [quantise] q = QuantizeLinear(x, x_scale, x_zero)
            [back] back = DequantizeLinear(q, x_scale, x_zero)
            [weights] weights = DequantizeLinear <axis = 0> (w, w_scale, w_zero)
            [bias] bias = DequantizeLinear <axis = 0> (b, b_scale, b_zero)
            [conv] y = ConvTranspose(back, weights, bias)
        }
        """,
        repair=(
            ("<axis = 0> (w,", "<axis = 1> (w,"),
            ("float[2] w_scale = {0.01, 0.02}", "float[3] w_scale = {0.01, 0.02, 0.015}"),
            ("int8[2] w_zero = {0, 0}", "int8[3] w_zero = {0, 0, 0}"),
            ("float[2] b_scale = {0.0003, 0.0006}", "float[3] b_scale = {0.0003, 0.0006, 0.00045}"),
            ("int32[2] b_zero = {0, 0}", "int32[3] b_zero = {0, 0, 0}"),
        ),
    ),
    Report(
        "microsoft/onnxruntime#17718",
        "weights quantised per output channel, and dequantised along the default axis 1",
        rule="QNT001",
        place="weights",
        says="3 scales, expected 2",
        severity=Severity.ERROR,
        bad="""
        net (float[N, 2, 4, 4] x) => (float[N, 3, 4, 4] y)
        <int8[3, 2, 1, 1] w = {100, -90, 127, 33, -71, 54}, float[3] w_scale = {0.01, 0.02, 0.015},
         int8[3] w_zero = {0, 0, 0}, float x_scale = {0.03}, int8 x_zero = {0}>
        {
            [quantise] q = QuantizeLinear(x, x_scale, x_zero)
            [back] back = DequantizeLinear(q, x_scale, x_zero)
            [weights] weights = DequantizeLinear(w, w_scale, w_zero)
            [conv] y = Conv(back, weights)
        }
        """,
        repair=(("DequantizeLinear(w,", "DequantizeLinear <axis = 0> (w,"),),
    ),
)
