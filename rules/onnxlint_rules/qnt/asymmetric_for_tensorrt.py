"""QNT005 asymmetric-for-tensorrt."""

from collections.abc import Iterator

from onnxlint import Finding, Graph, NotApplicable, Severity, Shapes, Targets, rule
from onnxlint_rules.qnt._parameters import DEQUANTIZE, QUANTIZE

STANDARD = (QUANTIZE[0], DEQUANTIZE[0])


@rule("QNT005", "asymmetric-for-tensorrt", severity=Severity.ERROR, ops=STANDARD)
def asymmetric_for_tensorrt(graph: Graph, shapes: Shapes, targets: Targets) -> Iterator[Finding]:
    """Zero points that TensorRT does not take, where it is the target.

    Why: TensorRT quantises symmetrically, and its parser refuses every other model, after the
    calibration is paid for: "Non-zero zero point is not supported" (TensorRT issues 2774 and 4698).
    Defaults of other tools give such models: uint8 data has its zero point in the middle. An int32
    bias that goes through DequantizeLinear, as onnxruntime's quantiser writes it, was refused, too
    (onnx-tensorrt issue 850, onnxruntime issue 14229), and is a warning. Once for each.
    Fix: quantise data and weights as int8 with `ActivationSymmetric` and `WeightSymmetric`, and
    leave biases float (`QuantizeBias` false), all three in `extra_options` of `quantize_static`.

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
    for node in graph.nodes(*STANDARD):
        zero_point, data = graph.constant(node.input(2)), shapes.of(node.input(0))
        if zero_point is not None and (zero_point != 0).any():
            shifted.append(node)
        elif node.op == DEQUANTIZE[0] and data is not None and data.dtype == "int32":
            biases.append(node)
    for nodes, what, severity in (
        (shifted, "its zero point is not 0, and TensorRT takes no other", Severity.ERROR),
        (biases, "it dequantises int32, which TensorRT does not take", Severity.WARNING),
    ):
        if nodes:
            yield Finding(
                nodes[0],
                f"{what}; nodes like it: {len(nodes)}",
                measured=len(nodes),
                limit=0,
                unit="nodes",
                severity=severity,
            )
