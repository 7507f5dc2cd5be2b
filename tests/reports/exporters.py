"""Exports that are valid and mean another thing than the framework's layer."""

from onnxlint.findings import Severity
from reports.report import Report

REPORTS = (
    Report(
        "pytorch/pytorch#183528",
        "an average pooling with ceil_mode and count_include_pad divides otherwise than PyTorch",
        rule="ARC025",
        place="pool",
        says="ceil_mode",
        severity=Severity.WARNING,
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
        "PyTorch before 1.0 forgot that its average pooling counts the padding",
        rule="ARC025",
        place="pool",
        says="count_include_pad",
        severity=Severity.WARNING,
        bad="""
        <ir_version: 3, opset_import: ["" : 7], producer_name: "pytorch", producer_version: "0.4">
        net (float[4, 1, 4, 4] x) => (float[4, 1, 4, 4] y)
        {
            [pool] y = AveragePool <kernel_shape = [3, 3], pads = [1, 1, 1, 1]> (x)
        }
        """,
        repair=(("pads = [1, 1, 1, 1]", "pads = [1, 1, 1, 1], count_include_pad = 1"),),
    ),
)
