"""QNT006 clipped-range."""

from collections.abc import Iterator
from typing import Annotated

from onnxlint import (
    Finding,
    Graph,
    Node,
    Observed,
    Option,
    Quantisation,
    QuantisedRange,
    Severity,
    Trace,
    rule,
)
from onnxlint.model.graph.operators import FIXED_SCALE_RANGES, QUANTISED_OPERATORS

_COMMON_ENDS = (0.0, 6.0, -0.375, -0.2785, -0.17)
"""Where ReLU, ReLU6, HardSwish, SiLU and GELU end; quantisers fold the first two."""


@rule("QNT006", "clipped-range", severity=Severity.WARNING, ops=QUANTISED_OPERATORS)
def clipped_range(
    graph: Graph,
    trace: Trace,
    quantisation: Quantisation,
    *,
    max_clipped_fraction: Annotated[
        float, Option("share of a tensor's values that may be clipped", unit="fraction")
    ] = 0.01,
) -> Iterator[Finding]:
    """Activations clipped by their quantisation range.

    Why: values outside the range saturate, and the largest activations matter most. The model was
    calibrated on too few samples or on data of a different scale. Calibration by percentiles clips
    one in a thousand to one in a hundred thousand; more than one in a hundred is a mistake. Exempt
    are ends at which ReLU, ReLU6, HardSwish, SiLU and GELU end, and the bounds of a sigmoid, tanh,
    softmax or Clip. On synthetic samples, whose scale may differ from that of the calibration data,
    this is an info and does not judge the inputs.
    Fix: calibrate again on samples of the real data, preprocessed as in training; choose a
    calibration that keeps the extremes (MinMax), or per-channel scales.

    Bad:
    net (float[N, 4] x) => (float[N, 4] y)
    <float one = {1}, float scale = {0.005}, int8 zero = {0}>
    {
        h = Add(x, one)
        q = QuantizeLinear(h, scale, zero)
        y = DequantizeLinear(q, scale, zero)
    }

    Instead:
    # a range that is wide enough
    net (float[N, 4] x) => (float[N, 4] y)
    <float one = {1}, float scale = {0.05}, int8 zero = {0}>
    {
        h = Add(x, one)
        q = QuantizeLinear(h, scale, zero)
        y = DequantizeLinear(q, scale, zero)
    }

    Good:
    # a ReLU: only values below 0 are clipped
    net (float[N, 4] x) => (float[N, 4] y)
    <float one = {1}, float scale = {0.05}, uint8 zero = {0}>
    {
        h = Sub(x, one)
        q = QuantizeLinear(h, scale, zero)
        y = DequantizeLinear(q, scale, zero)
    }
    """
    for given in quantisation.parameters:
        seen, ends = trace.of(given.quantised), given.range(graph)
        if given.quantised is None or seen is None or ends is None:
            continue
        if quantisation.dequantiser(given.data) is not None:
            continue
        before = None if given.data is None else quantisation.origin(given.data)
        if trace.synthetic and before is not None and before.is_input:
            continue
        maker = given.node if before is None else before.producer
        clipped = _clipped(seen, ends, (*_COMMON_ENDS, *_bounds(graph, maker)))
        if clipped > max_clipped_fraction:
            yield Finding(
                given.quantised,
                f"{clipped:.0%} of values on {seen.of_samples} samples are clipped at the ends of "
                f"[{ends.low:.3g}, {ends.high:.3g}] (limit {max_clipped_fraction:.0%})",
                hint="run with samples of your own (--data) to judge this range"
                if trace.synthetic
                else "calibrate again on representative samples, with a method that keeps the "
                "extremes (MinMax)",
                measured=clipped,
                limit=max_clipped_fraction,
                unit="fraction of values",
                severity=Severity.INFO if trace.synthetic else None,
            )


def _clipped(seen: Observed, ends: QuantisedRange, natural: tuple[float, ...]) -> float:
    """The share of values at those ends that are not there by design."""
    counts = seen.statistics
    if counts.at_lowest + counts.at_highest == counts.elements:
        return 0.0  # two numbers, as of a mask
    clipped = sum(
        count
        for end, count in ((ends.low, counts.at_lowest), (ends.high, counts.at_highest))
        if not any(abs(end - bound) <= ends.step for bound in natural)
    )
    return clipped / counts.elements


def _bounds(graph: Graph, node: Node | None) -> tuple[float, ...]:
    """The bounds of the activation that computes the values."""
    if node is None or node.op != "Clip":
        return () if node is None else FIXED_SCALE_RANGES.get(node.op, ())
    given = (graph.number(node.input(1)), graph.number(node.input(2)))
    limits = (node.attribute("min", 0.0), node.attribute("max", 0.0), *given)
    return tuple(limit for limit in limits if limit is not None)
