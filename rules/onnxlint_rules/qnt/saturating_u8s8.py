"""QNT003 saturating-u8s8."""

from collections.abc import Iterator
from typing import Annotated, Any

from onnxlint import (
    Finding,
    Graph,
    NotApplicable,
    Option,
    Preflight,
    Quantisation,
    QuantisedLayer,
    Severity,
    Shapes,
    Targets,
    Value,
    counted,
    rule,
)
from onnxlint.model.graph.operators import QUANTIZE
from onnxlint.model.graph.traversal import followers

SAFE = 64
"""Two products of 255 and 64 fit into 16 bits (32,640); of 255 and 65 they do not."""

EXACT = ("ConvInteger",)
"""Onnxruntime 1.32 was seen to saturate in the other layers, and not in this one."""


@rule("QNT003", "saturating-u8s8", severity=Severity.INFO)
def saturating_u8s8(
    graph: Graph,
    shapes: Shapes,
    preflight: Preflight,
    targets: Targets,
    quantisation: Quantisation,
    *,
    max_share: Annotated[
        float, Option("share of a layer's int8 weights that may exceed 64", unit="fraction")
    ] = 0.01,
) -> Iterator[Finding]:
    """Layers of uint8 data and int8 weights that may saturate on x86 processors without VNNI.

    Why: without VNNI (Intel before Cascade Lake, AMD before Zen 4) onnxruntime and OpenVINO add two
    products in 16 bits, where larger sums saturate: the same model returns different values on
    another machine (onnxruntime issues 5849 and 6004). Weights of at most 64 cannot overflow. On
    AVX2, onnxruntime 1.32 was off by up to 5% of the output's range with weights that use all 8
    bits; int8 data between QuantizeLinear and DequantizeLinear did no better, because it is
    converted to uint8 there. Newer processors and ARM are not affected, nor are depthwise
    convolutions, and the accuracy impact depends on your data, so this is only an info, and a
    warning if the model is to run on `ort-cpu` or `openvino`. Up to 1% of large weights are
    tolerated: two of them rarely meet in one sum. One finding for a model, at the layer with the
    largest share.
    Fix: quantise with `reduce_range=True` (7 bits), or weights as uint8; or try onnxruntime's
    session option `session.x64quantprecision`, which is slower.

    Bad:
    net (uint8[N, 4] x) => (int32[N, 2] y)
    <int8[4, 2] w = {127, -100, 3, 90, 120, 6, -128, 1}>
    {
        y = MatMulInteger(x, w)
    }

    Instead:
    # 7 bits
    net (uint8[N, 4] x) => (int32[N, 2] y)
    <int8[4, 2] w = {64, -50, 3, 45, 60, 6, -64, 1}>
    {
        y = MatMulInteger(x, w)
    }

    Good:
    net (uint8[N, 4] x) => (int32[N, 2] y)
    <uint8[4, 2] w = {255, 28, 131, 218, 248, 134, 0, 129}, uint8 zero = {0}, uint8 middle = {128}>
    {
        y = MatMulInteger(x, w, zero, middle)
    }
    """
    if preflight.refusal is not None:
        raise NotApplicable(preflight.refusal)
    judged = [layer for layer in quantisation.layers if _may_saturate(layer, graph, shapes)]
    shares = [graph.ask(layer.weights, _large_share) or 0.0 for layer in judged]
    count = sum(share > max_share for share in shares)
    if count:
        worst = max(range(len(judged)), key=shares.__getitem__)
        on_x86 = targets.named("ort-cpu") or targets.named("openvino")
        yield Finding(
            judged[worst].node,
            f"{shares[worst]:.1%} of int8 weights exceed {SAFE} (limit {max_share:.1%}); "
            f"{counted(count, 'layer')} may saturate on x86 without VNNI",
            hint="quantise with reduce_range=True (7 bits), or the weights as uint8",
            measured=shares[worst],
            limit=max_share,
            unit="fraction of weights",
            severity=Severity.WARNING if on_x86 else Severity.INFO,
        )


def _may_saturate(layer: QuantisedLayer, graph: Graph, shapes: Shapes) -> bool:
    """Whether onnxruntime multiplies uint8 data by int8 weights there, and adds many products."""
    data, weights = layer.dtype(shapes), graph.tensor(layer.weights)
    if layer.node.op in EXACT or weights is None or weights.dtype != "int8":
        return False
    if "Conv" in layer.node.op and (len(weights.dims) < 2 or weights.dims[1] == 1):
        return False
    if not layer.is_float:
        return data in ("uint8", "float")
    return data in ("uint8", "int8") and (
        layer.node.op == "MatMul" or _is_quantised(layer.node.output)
    )


def _is_quantised(value: Value | None) -> bool:
    """Whether a result is quantised at once, or behind an activation that quantising replaces."""
    return any(node.op in QUANTIZE for node, _ in followers(value, ("Relu", "Clip")))


def _large_share(codes: Any) -> float:
    large = (codes > SAFE) | (codes < -SAFE)
    return float(large.sum() / codes.size) if codes.size else 0.0
