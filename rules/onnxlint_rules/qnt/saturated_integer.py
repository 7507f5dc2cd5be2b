"""QNT008 saturated-integer."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

from onnxlint import Finding, Graph, Option, Quantisation, Severity, Value, rule
from onnxlint.model.graph.operators import INT32_BIAS_SLOT

if TYPE_CHECKING:
    from onnxlint.types import Array

INT32_END = 2**31 - 128
"""From here on float32 has no value below the end: what was computed in it was clipped."""

_FEWEST_CODES = 16
"""Different codes of a weight; with fewer it is binary or ternary, and uses the ends."""

_NEIGHBOURS = 8
"""Codes beside the end that it is compared with."""


@rule("QNT008", "saturated-integer", severity=Severity.WARNING)
def saturated_integer(
    graph: Graph,
    quantisation: Quantisation,
    *,
    most_at_an_end: Annotated[
        float, Option("share of a weight's codes that may be at each end", unit="fraction")
    ] = 0.02,
    times_neighbours: Annotated[
        float,
        Option("codes at an end for each at the codes beside it, to be clipped", unit="times"),
    ] = 4.0,
) -> Iterator[Finding]:
    """Stored integers that are saturated: the intended value did not fit the type.

    Why: the bias of a quantised layer is stored as int32, divided by the product of the scales of
    data and weights. A channel of tiny weights makes that product so small that the bias saturates
    at ±2³¹, and 5.0 becomes 0.008 (onnxruntime issue 22020). Weights whose codes accumulate at both
    ends of int8 were clipped: their scale is too small. One code of each channel may be at an end,
    because the largest weight defines the scale; beyond that 2% at each end, four times as many as
    at the neighbouring codes, is clipping: calibration by percentiles clips 0.1% or less. Both
    limits are a choice.
    Fix: quantise again with a lower bound for weight scales, or keep the layer in float; compute
    the scale of weights from their own maximum.

    Bad:
    net (float[N, 2] x) => (float[N, 2] y)
    <float[2, 2] w = {1, 2, 3, 4}, int32[2] codes = {2147483647, 12}, float[2] scale = {4e-12, 0.1}>
    {
        bias = DequantizeLinear <axis = 0> (codes, scale)
        y = Gemm(x, w, bias)
    }

    Bad:
    net (uint8[N, 1, 4, 4] x) => (uint8[N, 1, 4, 4] y)
    <float s = {0.1}, uint8 z = {0}, int8[1, 1, 1, 1] w = {3}, float ws = {1e-12}, int8 wz = {0},
     int32[1] bias = {-2147483648}>
    {
        y = QLinearConv(x, s, z, w, ws, wz, s, z, bias)
    }

    Bad:
    net (float[N, 64] x) => (float[N, 32] y)
    <float scale = {0.01}>
    {
        w = DequantizeLinear(codes, scale)
        y = MatMul(x, w)
    }
    >>> import numpy as np
    >>> from onnx import numpy_helper
    >>> clipped = np.random.default_rng(0).normal(0, 100, (64, 32)).clip(-127, 127).astype(np.int8)
    >>> model.graph.initializer.append(numpy_helper.from_array(clipped, "codes"))

    Good:
    # only the largest weight of every channel is at an end
    net (float[N, 9] x) => (float[N, 32] y)
    {
        w = DequantizeLinear <axis = 1> (codes, scale)
        y = MatMul(x, w)
    }
    >>> import numpy as np
    >>> from onnx import numpy_helper
    >>> w = np.random.default_rng(0).normal(0, 1, (9, 32)).astype(np.float32)
    >>> scale = abs(w).max(axis=0) / 127
    >>> codes = (w / scale).round().astype(np.int8)
    >>> model.graph.initializer.append(numpy_helper.from_array(codes, "codes"))
    >>> model.graph.initializer.append(numpy_helper.from_array(scale, "scale"))

    Good:
    # ternary weights
    net (float[N, 4] x) => (float[N, 4] y)
    <float scale = {0.1}, int8[4, 4] codes = {127, -127, 0, 0, 127, 127, -127, 0, 0, 0, 127, -127,
     127, 0, -127, -127}>
    {
        w = DequantizeLinear(codes, scale)
        y = MatMul(x, w)
    }

    Good:
    net (float[N, 2] x) => (float[N, 2] y)
    <float[2, 2] w = {1, 2, 3, 4}, int32[2] codes = {4096, -12}, float[2] scale = {0.001, 0.1}>
    {
        bias = DequantizeLinear <axis = 0> (codes, scale)
        y = Gemm(x, w, bias)
    }
    """
    for node in graph.nodes(*INT32_BIAS_SLOT):
        bias = node.input(INT32_BIAS_SLOT[node.op])
        saturated, stored = graph.ask(bias, _at_int32_ends), graph.tensor(bias)
        if bias is not None and saturated and stored is not None:
            are = "is" if saturated == 1 else "are"
            yield Finding(
                node.place_of(bias.name),
                f"{saturated:,} of {stored.size:,} stored int32 values {are} saturated at ±2³¹",
                hint="quantise again with a lower bound for weight scales, or keep this layer in "
                "float",
                measured=saturated,
                limit=0,
                unit="integers",
            )
    met: set[Value] = set()
    for layer in quantisation.layers:
        weights = graph.source(layer.weights)
        counts = layer.code_counts(graph) if layer.is_8_bit and weights not in met else None
        met.add(weights)
        if counts is None or (counts > 0).sum() < _FEWEST_CODES:
            continue
        share, times = _at_ends(counts, layer.slices(graph))
        if share >= most_at_an_end and times >= times_neighbours:
            yield Finding(
                layer.node.place_of(layer.weights.name),
                f"at least {share:.1%} of the codes are saturated at each end of "
                f"{'uint8' if len(counts) == 256 else 'int8'} (limit {most_at_an_end:.0%})",
                hint="compute the scale of these weights from their own maximum",
                measured=share,
                limit=most_at_an_end,
                unit="fraction of codes",
            )


def _at_int32_ends(codes: "Array") -> int:
    """How many of a bias's values are at an end of int32."""
    if codes.dtype.name != "int32":  # the ends are no numbers of a narrower type
        return 0
    return int(((codes >= INT32_END) | (codes < -INT32_END)).sum())


def _at_ends(counts: "Array", slices: int) -> tuple[float, float]:
    """The share of codes at the emptier end, and how many times as many as beside it."""
    excess = max(0, min(counts[0], counts[-1]) - slices)
    beside = counts[1 : _NEIGHBOURS + 1].mean(), counts[-_NEIGHBOURS - 1 : -1].mean()
    times = min(counts[0] / max(beside[0], 0.5), counts[-1] / max(beside[1], 0.5))
    return float(excess / counts.sum()), float(times)
