"""QNT001 invalid-quantisation-parameters."""

from collections.abc import Iterator
from itertools import chain, islice

from onnxlint import (
    Finding,
    Graph,
    Quantisation,
    QuantisationParameters,
    Severity,
    Shapes,
    rule,
)
from onnxlint.model.graph.operators import QUANTISED_OPERATORS
from onnxlint_rules.qnt._scales import SMALLEST_NORMAL, wrong_scales


@rule("QNT001", "invalid-quantisation-parameters", severity=Severity.ERROR, ops=QUANTISED_OPERATORS)
def invalid_quantisation_parameters(
    graph: Graph, shapes: Shapes, quantisation: Quantisation
) -> Iterator[Finding]:
    """A scale or zero point that does not match its tensor, or is not a usable value.

    Why: onnxruntime loads such a model and fails in the first run (issues 25526 and 24518), or does
    not fail: a scale of 0 or NaN silently turns every value into the same one. Scales of 0 for
    all-zero slices are harmless and exempt. Negative scales are a warning: onnxruntime accepts them
    and most accelerators refuse them. So are subnormal scales, with which all values are saturated
    or lost. A zero point of a different type from its tensor is reported here for onnxruntime's own
    operators, by type-constraint-violation for the others. Reported once for a scale that several
    nodes share.
    Fix: calibrate and quantise again; per-channel scales need the axis of the weight's output
    channels, and the scale of an output has one element.

    Bad:
    # three scales for two channels
    net (float[N, 4] x) => (float[N, 2] y)
    <int8[4, 2] w = {1, 2, 3, 4, 5, 6, 7, 8}, float[3] scale = {0.1, 0.2, 0.3}>
    {
        weight = DequantizeLinear <axis = 1> (w, scale)
        y = MatMul(x, weight)
    }

    Bad:
    net (float[N, 4] x) => (uint8[N, 4] y)
    <float scale = {0.0}, uint8 zero = {128}>
    {
        y = QuantizeLinear(x, scale, zero)
    }

    Bad:
    # an output has one scale
    net (uint8[1, 1, 2, 2] x) => (uint8[1, 2, 2, 2] y)
    <float s = {0.1}, float[2] two = {0.1, 0.2}, uint8 z = {0}, int8 zero = {0},
     int8[2, 1, 1, 1] w = {1, 2}>
    {
        y = QLinearConv(x, s, z, w, two, zero, two, z)
    }

    Good:
    # one scale for a block of two rows; a channel that is all zero
    net (float[N, 4] x) => (float[N, 2] y)
    <int8[4, 2] w = {1, 2, 3, 4, 5, 6, 7, 8}, float[2, 2] scale = {0.1, 0.2, 0.3, 0.4},
     int8[2, 2] v = {1, 0, 2, 0}, float[2] channels = {0.1, 0.0}>
    {
        weight = DequantizeLinear <axis = 0, block_size = 2> (w, scale)
        h = MatMul(x, weight)
        other = DequantizeLinear <axis = 1> (v, channels)
        y = MatMul(h, other)
    }
    """
    reported = set()
    for found in quantisation.parameters:
        shared = tuple(value and graph.source(value) for value in (found.scale, found.zero_point))
        if shared not in reported:
            problems = chain(_types(found, shapes), _counts(found, shapes), _numbers(found, graph))
            for finding in islice(problems, 1):
                reported.add(shared)
                yield finding


def _types(found: QuantisationParameters, shapes: Shapes) -> Iterator[Finding]:
    """Compares the types of a tensor and its zero point, where onnx has no schema that says it."""
    data, zero_point = shapes.of(found.data), shapes.of(found.zero_point)
    if data is None or zero_point is None or not (found.node.domain and data.is_integer):
        return
    if data.dtype != zero_point.dtype:
        yield Finding(
            found.node,
            f"{found.named} is {data.dtype}, but its zero point is {zero_point.dtype}",
            hint=f"store the zero point as {data.dtype}",
        )


def _counts(found: QuantisationParameters, shapes: Shapes) -> Iterator[Finding]:
    """Compares how many scales and zero points there are with what the tensor takes."""
    axis = "" if found.axis is None else f" (axis {found.axis})"
    for wrong in found.miscounts(shapes):
        counted = wrong.what.removesuffix("s") if wrong.count == 1 else wrong.what
        values = "a single value" if wrong.expected == 1 else f"{wrong.expected:,} {wrong.what}"
        yield Finding(
            found.node,
            f"{found.named} has {wrong.count:,} {counted}, expected {wrong.expected:,}{axis}",
            hint=f"quantise again with {values} for the {found.named}",
            measured=wrong.count,
            limit=wrong.expected,
            unit=wrong.what,
        )


def _numbers(found: QuantisationParameters, graph: Graph) -> Iterator[Finding]:
    """Checks the scales themselves."""
    for wrong in graph.ask(found.scale, wrong_scales) or []:
        count = wrong.chosen.size
        if (wrong.chosen & found.in_use(graph, count)).any():
            wrongs = wrong.chosen.sum()
            which = "scale" if count == 1 else f"{wrongs:,} of {count:,} scales"
            are = "is" if wrongs == 1 else "are"
            yield Finding(
                found.node,
                f"{which} of {found.named} {are} {wrong.kind}: {wrong.first:.3g}",
                hint=f"calibrate again: a scale must be finite and at least {SMALLEST_NORMAL:.3g}",
                measured=wrong.first,
                limit=SMALLEST_NORMAL,
                unit="scale",
                severity=wrong.severity,
            )
