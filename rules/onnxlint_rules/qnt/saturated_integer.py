"""QNT008 saturated-integer."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from onnxlint import Finding, Graph, Node, Option, Quantisation, Severity, Value, rule
from onnxlint.model.graph.operators import DEQUANTIZE

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, np.dtype[Any]]

BIAS_SLOTS = {"QLinearConv": 8, "com.microsoft::QGemm": 6} | dict.fromkeys(sorted(DEQUANTIZE), 0)
"""Where an int32 bias is read."""

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
    for node in graph.nodes(*BIAS_SLOTS):
        value = node.input(BIAS_SLOTS[node.op])
        ends = graph.ask(value, _int32_ends)
        if value is not None and ends:
            are = "is" if ends[0] == 1 else "are"
            yield Finding(
                node.place_of(value.name),
                f"{ends[0]:,} of {ends[1]:,} stored int32 values {are} saturated at ±2³¹",
                hint="quantise again with a lower bound for weight scales, or keep this layer in "
                "float",
                measured=ends[0],
                limit=0,
                unit="integers",
            )
    met: set[Value] = set()
    for layer in quantisation.layers:
        if not layer.is_8_bit or graph.source(layer.weights) in met:
            continue
        met.add(graph.source(layer.weights))
        codes = graph.constant(layer.weights)
        piled = None if codes is None else _piled(codes, _channel_axis(layer.weights, graph))
        if piled and piled.share >= most_at_an_end and piled.times >= times_neighbours:
            yield Finding(
                layer.node.place_of(layer.weights.name),
                f"at least {piled.share:.1%} of the codes are saturated at each end of "
                f"{piled.dtype} (limit {most_at_an_end:.0%})",
                hint="compute the scale of these weights from their own maximum",
                measured=piled.share,
                limit=most_at_an_end,
                unit="fraction of codes",
            )


def _int32_ends(codes: "Array") -> tuple[int, int] | None:
    """How many of a bias's values are at an end of int32, of how many; None where none is."""
    if codes.dtype.name != "int32":
        return None
    count = int(((codes >= INT32_END) | (codes < -INT32_END)).sum())
    return (count, codes.size) if count else None


@dataclass(frozen=True, slots=True)
class _Piled:
    """The share of codes at the emptier end, and how many times as many as beside it."""

    share: float
    times: float
    dtype: str


def _piled(codes: "Array", axis: int | None) -> _Piled | None:
    import numpy as np

    if codes.dtype.name not in ("int8", "uint8") or not codes.size:
        return None
    low, high = (-127, 127) if codes.dtype.name == "int8" else (0, 255)
    clipped = codes.astype(np.int16).clip(low, high)
    counts = np.bincount((clipped - low).reshape(-1), minlength=high - low + 1)
    if (counts > 0).sum() < _FEWEST_CODES:
        return None
    channels = 1 if axis is None else codes.shape[axis]
    ends = counts[0], counts[-1]
    beside = counts[1 : _NEIGHBOURS + 1].mean(), counts[-_NEIGHBOURS - 1 : -1].mean()
    excess = max(0, min(ends) - channels)
    times = min(end / max(near, 0.5) for end, near in zip(ends, beside, strict=True))
    return _Piled(excess / codes.size, float(times), codes.dtype.name)


def _channel_axis(weights: Value, graph: Graph) -> int | None:
    """The axis along which each slice of a weight may have a scale of its own."""
    for reader in weights.readers:
        axis = _axis_of(reader)
        tensor = graph.tensor(weights)
        if axis is not None and tensor is not None and -len(tensor.dims) <= axis < len(tensor.dims):
            return axis
    return None


def _axis_of(reader: Node) -> int | None:
    if reader.op in DEQUANTIZE:
        return int(reader.attribute("axis", 1))
    return 0 if "Conv" in reader.op else -1
