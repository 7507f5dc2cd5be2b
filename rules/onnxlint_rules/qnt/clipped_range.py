"""QNT006 clipped-range."""

from collections.abc import Iterator
from typing import Annotated

from onnxlint import (
    Finding,
    Graph,
    Observed,
    Option,
    Quantisation,
    QuantisationParameters,
    Severity,
    Trace,
    Value,
    rule,
)
from onnxlint.analyses.static.quantisation import PASSING, QUANTISED_OPERATORS
from onnxlint.model.graph.operators import QUANTIZE
from onnxlint.model.graph.traversal import source
from onnxlint_rules.qnt._bounds import BOUNDS

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
        quantised = _quantised(given)
        seen = trace.of(quantised)
        ends = _ends(graph, given)
        if quantised is None or seen is None or ends is None:
            continue
        if quantisation.dequantiser(given.data) or (trace.synthetic and _is_fed(given.data)):
            continue
        clipped = _clipped(graph, given, seen, ends)
        if clipped > max_clipped_fraction:
            yield Finding(
                quantised,
                f"{clipped:.0%} of values on {seen.of_samples} samples are clipped at the ends of "
                f"[{ends[0]:.3g}, {ends[1]:.3g}] (limit {max_clipped_fraction:.0%})",
                hint="run with samples of your own (--data) to judge this range"
                if trace.synthetic
                else "calibrate again on representative samples, with a method that keeps the "
                "extremes (MinMax)",
                measured=clipped,
                limit=max_clipped_fraction,
                unit="fraction of values",
                severity=Severity.INFO if trace.synthetic else None,
            )


def _quantised(given: QuantisationParameters) -> Value | None:
    """The integers that a node computes with these parameters."""
    return given.node.output if given.data is None or given.node.op in QUANTIZE else None


def _ends(graph: Graph, given: QuantisationParameters) -> tuple[float, float, float] | None:
    """Minimum and maximum of the range, and the step between two values."""
    import numpy as np

    scale, zero_point = graph.constant(given.scale), graph.constant(given.zero_point)
    if scale is None or scale.size != 1 or (given.zero_point is not None and zero_point is None):
        return None
    if zero_point is not None and zero_point.dtype.kind not in "iu":
        return None  # 4 bits or a float of 8, which no run shows
    limits = np.iinfo(np.uint8 if zero_point is None else zero_point.dtype)
    zero = 0 if zero_point is None else int(zero_point.reshape(-1)[0])
    step = float(scale.reshape(-1)[0])
    return (limits.min - zero) * step, (limits.max - zero) * step, step


def _is_fed(value: Value | None) -> bool:
    """Whether a value is an input of the model, maybe moved."""
    return value is not None and source(value, PASSING).is_input


def _clipped(
    graph: Graph, given: QuantisationParameters, seen: Observed, ends: tuple[float, float, float]
) -> float:
    """The share of values at ends that are not there by design."""
    low, high, step = ends
    statistics = seen.statistics
    at_ends = (statistics.at_lowest, statistics.at_highest)
    if sum(at_ends) == statistics.elements:
        return 0.0  # two numbers, as of a mask
    bounds = (*_COMMON_ENDS, *_bounds(graph, given))
    natural = [any(abs(end - bound) <= step for bound in bounds) for end in (low, high)]
    clipped = sum(count for count, is_so in zip(at_ends, natural, strict=True) if not is_so)
    return clipped / statistics.elements


def _bounds(graph: Graph, given: QuantisationParameters) -> tuple[float, ...]:
    """The bounds of the activation that computes the values."""
    value = given.data
    node = given.node if value is None else source(value, PASSING).producer
    if node is None or node.op != "Clip":
        return BOUNDS.get(node.op, ()) if node is not None else ()
    limits = [graph.constant(node.input(1)), graph.constant(node.input(2))]
    given_limits = (node.attribute("min", 0.0), node.attribute("max", 0.0))
    return (*given_limits, *(float(end.reshape(-1)[0]) for end in limits if end is not None))
