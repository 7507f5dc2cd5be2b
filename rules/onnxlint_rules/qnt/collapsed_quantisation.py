"""QNT007 collapsed-quantisation."""

import math
from collections.abc import Iterator

from onnxlint import Finding, Graph, Severity, Trace, Value, rule
from onnxlint.model.graph.operators import DEQUANTIZE, FIXED_SCALE_RANGES, QUANTIZE, SAME_CODES
from onnxlint.model.graph.traversal import behind

_PASSING = SAME_CODES | QUANTIZE | DEQUANTIZE | {"ReduceMax"}
"""Operators that output values of their first input."""

_FARTHEST = 32
"""Nodes between an activation and its quantisation; detectors have fewer than 10."""

_STEPS = 255
"""Of 8 bits."""

Range = tuple[float, float]


@rule("QNT007", "collapsed-quantisation", severity=Severity.WARNING, ops=QUANTIZE)
def collapsed_quantisation(graph: Graph, trace: Trace) -> Iterator[Finding]:
    """A tensor or operand of a Concat whose values are all quantised to the same integer.

    Why: everything that is quantised together shares one scale. If boxes of 0…640 are concatenated
    with scores of 0…1, a step is 2.5, and every score becomes 0: the detector finds nothing
    (onnxruntime issue 14233). An error if the values are within the bounds of a sigmoid, softmax or
    tanh, and so for every input; a warning if the user's data shows it, and an info if synthetic
    samples do.
    Fix: quantise the operands before the Concat, each with its own scale, or keep the head in
    float.

    Bad:
    net (float[N, 4] box, float[N, 2] logit) => (float[N, 6] y)
    <float scale = {2.5}, uint8 zero = {0}, float side = {640}>
    {
        part = Sigmoid(box)
        boxes = Mul(part, side)
        scores = Sigmoid(logit)
        all = Concat <axis = 1> (boxes, scores)
        q = QuantizeLinear(all, scale, zero)
        y = DequantizeLinear(q, scale, zero)
    }

    Instead:
    # each operand separately
    net (float[N, 4] box, float[N, 2] logit) => (float[N, 6] y)
    <float scale = {2.5}, float fine = {0.004}, uint8 zero = {0}, float side = {640}>
    {
        part = Sigmoid(box)
        boxes = Mul(part, side)
        q = QuantizeLinear(boxes, scale, zero)
        rough = DequantizeLinear(q, scale, zero)
        scores = Sigmoid(logit)
        p = QuantizeLinear(scores, fine, zero)
        exact = DequantizeLinear(p, fine, zero)
        y = Concat <axis = 1> (rough, exact)
    }

    Good:
    # scores of 0…1 beside logits of -10…10: twelve steps
    net (float[N, 4] x, float[N, 2] logit) => (float[N, 6] y)
    <float scale = {0.08}, uint8 zero = {128}>
    {
        scores = Sigmoid(logit)
        all = Concat <axis = 1> (x, scores)
        q = QuantizeLinear(all, scale, zero)
        y = DequantizeLinear(q, scale, zero)
    }
    """
    on_samples = Severity.INFO if trace.synthetic else Severity.WARNING
    for node in graph.nodes(*sorted(QUANTIZE)):
        step = graph.number(node.input(1))
        if step is None or not step > 0 or node.output is None:
            continue
        for part in _parts(graph, node.input(0)):
            bounds = _bounds(part)
            seen = bounds or _seen(trace, part)
            if seen is None or not _is_one_level(*seen, step):
                continue
            when = "for every input" if bounds else f"on {trace.samples} samples"
            yield Finding(
                node.place_of(node.output.name),
                f"{part.name!r} is within {seen[0]:.3g} to {seen[1]:.3g} {when}, but the scale "
                f"is {step:.3g}: all values become the same integer",
                hint=f"quantise {part.name!r} with a scale of its own, of at most "
                f"{(seen[1] - seen[0]) / _STEPS:.2g}",
                measured=(seen[1] - seen[0]) / step,
                limit=0.5,
                unit="steps",
                severity=Severity.ERROR if bounds else on_samples,
            )


def _parts(graph: Graph, value: Value | None) -> list[Value]:
    """The computed operands of a Concat, or the value itself; constants are known beforehand."""
    node = None if value is None else value.producer
    parts = node.inputs if node is not None and node.op == "Concat" else [value]
    return [part for part in parts if part is not None and graph.tensor(part) is None]


def _is_one_level(low: float, high: float, step: float) -> bool:
    levels = low / step, high / step
    return all(map(math.isfinite, levels)) and round(levels[0]) == round(levels[1])


def _bounds(value: Value | None) -> Range | None:
    """The range of a value for every input, as far as its last activations tell."""
    node = behind(value, {*FIXED_SCALE_RANGES, "Mul"}, _PASSING, _FARTHEST)
    if node is not None and node.op == "Mul":  # a class's probability times that of an object
        factors = [behind(each, FIXED_SCALE_RANGES, _PASSING, _FARTHEST) for each in node.inputs]
        are_shares = all(
            each is not None and FIXED_SCALE_RANGES[each.op] == (0.0, 1.0) for each in factors
        )
        return (0.0, 1.0) if are_shares else None
    return None if node is None else FIXED_SCALE_RANGES[node.op]


def _seen(trace: Trace, value: Value) -> Range | None:
    """The observed range of a value; None where it was not seen, or was always the same."""
    seen = trace.of(value)
    if seen is None or not seen.statistics.minimum < seen.statistics.maximum:
        return None
    return seen.statistics.minimum, seen.statistics.maximum
