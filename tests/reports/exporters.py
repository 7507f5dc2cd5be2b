"""Exports that are valid and mean another thing than the framework's layer."""

from onnxlint.severity import Severity
from reports.report import Report

REPORTS = (
    Report(
        "pytorch/pytorch#183528",
        "an average pooling with ceil_mode and count_include_pad: another divisor than PyTorch's",
        rule="ARC025",
        place="pool",
        says="ceil_mode",
        severity=Severity.WARNING,
        mended=True,
        bad="""
        <ir_version: 8, opset_import: ["" : 18],
         producer_name: "pytorch", producer_version: "2.11.0">
        net (float[N, 1, 4, 4] x) => (float[N, 1, 3, 3] y)
        {
            [pool] y = AveragePool <kernel_shape = [3, 3], strides = [2, 2], pads = [1, 1, 1, 1],
                                    ceil_mode = 1, count_include_pad = 1> (x)
        }
        """,
        repair=(("ceil_mode = 1, ", ""), ("float[N, 1, 3, 3] y", "float[N, 1, 2, 2] y")),
    ),
    Report(
        "pytorch/pytorch#13934",
        "PyTorch before 1.0 exported average pooling without count_include_pad",
        rule="ARC025",
        place="pool",
        says="count_include_pad",
        severity=Severity.WARNING,
        mended=True,
        bad="""
        <ir_version: 3, opset_import: ["" : 7], producer_name: "pytorch", producer_version: "0.4">
        net (float[4, 1, 4, 4] x) => (float[4, 1, 4, 4] y)
        {
            [pool] y = AveragePool <kernel_shape = [3, 3], pads = [1, 1, 1, 1]> (x)
        }
        """,
        repair=(("pads = [1, 1, 1, 1]", "pads = [1, 1, 1, 1], count_include_pad = 1"),),
    ),
    Report(
        "pytorch/pytorch#162570",
        "atan2 decomposed into Atan(y / x): NaN for 0 / 0",
        rule="ARC025",
        place="angle",
        says="NaN if both are 0",
        severity=Severity.WARNING,
        mended=True,
        bad="""
        <ir_version: 8, opset_import: ["" : 18],
         producer_name: "pytorch", producer_version: "2.7.1">
        net (float[N, 3] frames) => (float[N, 2] angle)
        <float[3, 2] sin = {0.1, 0.9, 0.8, -0.5, -0.6, 0.3},
         float[3, 2] cos = {0.9, 0.2, -0.4, 0.7, 0.5, 0.8}, float zero = {0}, float one = {1},
         float pi = {3.1415927}>
        {
            [imaginary] y = MatMul(frames, sin)
            [real] x = MatMul(frames, cos)
            [none] none = Equal(x, zero)
            [safe] safe = Where(none, one, x)
            [slope] slope = Div(y, x)
            [arc] arc = Atan(slope)
            [up] up = Add(arc, pi)
            [down] down = Sub(arc, pi)
            [above] above = Greater(y, zero)
            [left] left = Where(above, up, down)
            [back] back = Less(x, zero)
            [angle] angle = Where(back, left, arc)
        }
        """,
        repair=(("Div(y, x)", "Div(y, safe)"),),
    ),
    Report(
        "onnx/tensorflow-onnx#2130",
        "a nearest resize with aligned corners rounds down, where TensorFlow rounds",
        rule="ARC025",
        place="grow",
        says="rounds to the nearest",
        severity=Severity.WARNING,
        mended=True,
        bad="""
        <ir_version: 8, opset_import: ["" : 13],
         producer_name: "tf2onnx", producer_version: "1.13.0 2c1db5">
        net (float[N, 1, 4, 4] x) => (float[N, 1, 7, 7] y)
        <float[4] scales = {1, 1, 1.75, 1.75}>
        {
            [grow] y = Resize <mode = "nearest", coordinate_transformation_mode = "align_corners",
                               nearest_mode = "floor"> (x, "", scales)
        }
        """,
        repair=(('"floor"', '"round_prefer_ceil"'),),
    ),
)
