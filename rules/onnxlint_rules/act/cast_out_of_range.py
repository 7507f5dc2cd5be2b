"""ACT016 cast-out-of-range."""

import math
from collections.abc import Iterator

from onnxlint import Finding, Graph, Node, Observed, Severity, Trace, rule
from onnxlint.model.graph.operators import BITWISE

_NUMBERS = ("float", "bfloat", "int", "uint")

LARGEST = 8
"""Bytes of int64 and uint64."""


@rule("ACT016", "cast-out-of-range", severity=Severity.WARNING, ops=("Cast",))
def cast_out_of_range(graph: Graph, trace: Trace) -> Iterator[Finding]:
    """A cast of values to an integer type that cannot represent them, observed in runs.

    Why: the specification leaves the result of such a cast of floats undefined. Some processors
    cast -3.0 to the uint8 253, others to 0, so the same model returns different results on another
    device (onnxruntime issue 25207). Integers wrap around, and an id beyond int32 becomes another
    one. Values are truncated before they are compared: -0.9 becomes 0 and is within uint8. Not
    reported: integers of which bits or a remainder are taken, as of hashes. An info where only
    synthetic samples show it and no layer comes before the cast: real inputs may never contain such
    values.
    Fix: put a Clip to the range of the integer type before the Cast, or cast to a wider type.

    Bad:
    # a sharpened image, between about -300 and 500
    net (float[N, 1, 4, 4] x) => (uint8[N, 1, 4, 4] y)
    <float[1, 1, 3, 3] w = {-1, -1, -1, -1, 9, -1, -1, -1, -1}, float scale = {255}>
    {
        sharp = Conv <pads = [1, 1, 1, 1]> (x, w)
        wide = Mul(sharp, scale)
        y = Cast <to = 2> (wide)
    }

    Good:
    net (float[N, 1, 4, 4] x) => (uint8[N, 1, 4, 4] y)
    <float[1, 1, 3, 3] w = {-1, -1, -1, -1, 9, -1, -1, -1, -1}, float scale = {255},
     float least = {0}>
    {
        sharp = Conv <pads = [1, 1, 1, 1]> (x, w)
        wide = Mul(sharp, scale)
        kept = Clip(wide, least, scale)
        y = Cast <to = 2> (kept)
    }

    Bad:
    # ids beyond int32
    # data: id = [[3000000000, 7]]
    net (int64[N, 2] id) => (int32[N, 2] y)
    <int64 one = {1}>
    {
        next = Add(id, one)
        y = Cast <to = 6> (next)
    }

    Good:
    # data: id = [[2000000000, 7]]
    net (int64[N, 2] id) => (int32[N, 2] y)
    <int64 one = {1}>
    {
        next = Add(id, one)
        y = Cast <to = 6> (next)
    }

    Good:
    # a hash: only its low bits are used
    # data: id = [[3000000000, 7]]
    net (int64[N, 2] id) => (int32[N, 2] y)
    <int64 prime = {2654435761}, int32 buckets = {1000}>
    {
        hash = Mul(id, prime)
        low = Cast <to = 6> (hash)
        y = Mod(low, buckets)
    }

    Good:
    # wide enough
    net (float[N, 1, 4, 4] x) => (int32[N, 1, 4, 4] y)
    <float[1, 1, 3, 3] w = {-1, -1, -1, -1, 9, -1, -1, -1, -1}, float scale = {255}>
    {
        sharp = Conv <pads = [1, 1, 1, 1]> (x, w)
        wide = Mul(sharp, scale)
        y = Cast <to = 6> (wide)
    }
    """
    for node in graph.nodes("Cast"):
        value = node.input(0)
        seen = trace.of(value) or trace.integers(value)
        if seen is not None and seen.statistics.finite and not _is_cut_on_purpose(node, seen):
            yield from _judge(graph, node, seen, trace.synthetic)


def _judge(graph: Graph, node: Node, seen: Observed, synthetic: bool) -> Iterator[Finding]:
    import numpy as np
    from onnx.helper import tensor_dtype_to_np_dtype

    wanted = tensor_dtype_to_np_dtype(node.attribute("to", 1))
    if wanted.kind not in "iu" or not seen.statistics.dtype.startswith(_NUMBERS):
        return
    limits = np.iinfo(wanted)
    low, high = seen.statistics.minimum, seen.statistics.maximum
    if limits.min <= math.trunc(low) and math.trunc(high) <= limits.max:
        return
    worst, limit = (low, limits.min) if math.trunc(low) < limits.min else (high, limits.max)
    behind_layer = not graph.ancestors([seen.value]).isdisjoint(graph.layers())
    numbers = f"{low:,.0f} to {high:,.0f}" if seen.is_whole else f"{low:.4g} to {high:.4g}"
    outcome = "values wrap around" if seen.is_whole else "results differ between devices"
    wider = "" if wanted.itemsize == LARGEST else ", or cast to a wider integer type"
    yield Finding(
        node,
        f"casts values from {numbers} to {wanted} (range {limits.min:,} to {limits.max:,}): "
        f"out-of-range {outcome}",
        measured=worst,
        limit=int(limit),
        severity=Severity.INFO if synthetic and not behind_layer else None,
        hint=f"clip {seen.value.name!r} to [{limits.min:,}, {limits.max:,}] before Cast{wider}",
    )


def _is_cut_on_purpose(node: Node, seen: Observed) -> bool:
    """Whether integers are cut as hashes and random values are: bits, or a remainder, of them."""
    makers = [seen.value.producer] if seen.value.producer is not None else []
    readers = node.output.consumers if node.output is not None else []
    return seen.is_whole and any(near.op in BITWISE for near in (*makers, *readers))
