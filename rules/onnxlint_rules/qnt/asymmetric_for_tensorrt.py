"""QNT005 asymmetric-for-tensorrt."""

from collections.abc import Iterator
from typing import Any

from onnxlint import Finding, Graph, NotApplicable, Severity, Shapes, Targets, rule
from onnxlint.model.graph.operators import QDQ


@rule("QNT005", "asymmetric-for-tensorrt", severity=Severity.ERROR, ops=QDQ)
def asymmetric_for_tensorrt(graph: Graph, shapes: Shapes, targets: Targets) -> Iterator[Finding]:
    """Non-zero zero points or int32 dequantisation, which TensorRT does not support.

    Why: TensorRT quantises symmetrically, and its parser rejects every other model, after the
    calibration has been done: "Non-zero zero point is not supported" (TensorRT issues 2774 and
    4698). Other tools write such models by default: uint8 data has its zero point in the middle. An
    int32 bias that is dequantised by DequantizeLinear, as onnxruntime's quantiser writes it, was
    rejected, too (onnx-tensorrt issue 850, onnxruntime issue 14229), and is a warning. One finding
    for each of the two; only if TensorRT is a target.
    Fix: quantise data and weights as int8 with `ActivationSymmetric` and `WeightSymmetric`, and
    keep biases in float (`QuantizeBias` false), all three in `extra_options` of `quantize_static`.

    Bad:
    # target: tensorrt
    net (float[N, 4] x) => (float[N, 4] y)
    <float s = {0.1}, int8 z = {-3}>
    {
        q = QuantizeLinear(x, s, z)
        y = DequantizeLinear(q, s, z)
    }

    Bad:
    # target: tensorrt-10.15
    net (float[N, 4] x) => (float[N, 4] y)
    <int32[4] b = {1, 2, 3, 4}, float s = {0.1}>
    {
        bias = DequantizeLinear(b, s)
        y = Add(x, bias)
    }

    Good:
    # target: tensorrt
    net (float[N, 4] x) => (float[N, 4] y)
    <float s = {0.1}, int8 z = {0}>
    {
        q = QuantizeLinear(x, s, z)
        y = DequantizeLinear(q, s, z)
    }

    Good:
    # target: ort-cpu
    net (float[N, 4] x) => (float[N, 4] y)
    <float s = {0.1}, uint8 z = {128}>
    {
        q = QuantizeLinear(x, s, z)
        y = DequantizeLinear(q, s, z)
    }
    """
    if not targets.named("tensorrt"):
        raise NotApplicable("TensorRT is not among the targets")
    shifted, biases = [], []
    for node in graph.nodes(*QDQ):
        data = shapes.of(node.input(0))
        if graph.ask(node.input(2), _is_shifted):
            shifted.append(node)
        elif node.op == "DequantizeLinear" and data is not None and data.dtype == "int32":
            biases.append(node)
    if shifted:
        yield Finding.of_nodes(
            shifted,
            "non-zero zero point: TensorRT requires 0",
            hint="quantise as int8 with ActivationSymmetric and WeightSymmetric in extra_options",
        )
    if biases:
        yield Finding.of_nodes(
            biases,
            "dequantises int32, which TensorRT does not support",
            hint="keep biases in float: QuantizeBias=False in extra_options",
            severity=Severity.WARNING,
        )


def _is_shifted(zero_points: Any) -> bool:
    return bool(zero_points.astype(float).any())
