"""QNT007 collapsed-quantisation."""

import math
from collections.abc import Iterator

from onnxlint import Finding, Graph, Node, Severity, Trace, Value, rule
from onnxlint_rules.qnt._layers import MOVEMENTS
from onnxlint_rules.qnt._parameters import DEQUANTIZE, QUANTIZE

_BOUNDED = {
    "Sigmoid": (0.0, 1.0), "HardSigmoid": (0.0, 1.0), "Softmax": (0.0, 1.0), "Tanh": (-1.0, 1.0),
}  # fmt: skip
"""Activations whose numbers lie between two for every input."""

_PASSING = MOVEMENTS | {*QUANTIZE, *DEQUANTIZE, "Split", "Slice", "Gather", "ReduceMax", "Dropout"}
"""Operators that give numbers that they read."""

_FARTHEST = 32
"""Nodes between an activation and its quantisation; detectors have fewer than 10."""

Range = tuple[float, float]


@rule("QNT007", "collapsed-quantisation", severity=Severity.WARNING, ops=QUANTIZE)
def collapsed_quantisation(graph: Graph, trace: Trace) -> Iterator[Finding]:
    """A tensor, or a part of a Concat, whose numbers all become the same quantised one.

    Why: one scale holds for all that is quantised together. Where boxes of 0…640 are joined with
    scores of 0…1, a step is 2.5, and every score is 0: the detector finds nothing
    (onnxruntime issue 14233). An error where the numbers lie within the bounds of a sigmoid,
    softmax or tanh, and so for every input; a warning where the user's data shows it, and an info
    where made-up samples do.
    Fix: quantise the parts before they are joined, each with its own scale, or leave the head in
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

    Good:
    # each part for itself
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
    for node in graph.nodes(*QUANTIZE):
        step = graph.number(node.input(1))
        if step is None or not step > 0 or node.output is None:
            continue
        for part in _parts(graph, node.input(0)):
            bounds = _bounds(part)
            seen = bounds or _seen(trace, part)
            if seen is None or not _is_one_level(*seen, step):
                continue
            told = "lies within" if bounds else f"lay on {trace.samples} samples within"
            yield Finding(
                node.place_of(node.output.name),
                f"{part.name!r} {told} {seen[0]:.3g} to {seen[1]:.3g}, and a step is {step:.3g}: "
                "every number becomes the same",
                measured=(seen[1] - seen[0]) / step,
                limit=0.5,
                unit="steps",
                severity=_severity(bounds is not None, trace.synthetic),
            )


def _severity(is_proven: bool, synthetic: bool) -> Severity:
    if is_proven:
        return Severity.ERROR
    return Severity.INFO if synthetic else Severity.WARNING


def _parts(graph: Graph, value: Value | None) -> list[Value]:
    """What is joined to the value, or itself; constants were seen to when it was quantised."""
    if value is None:
        return []
    node = value.producer
    if node is None or node.op != "Concat":
        return [value] if graph.tensor(value) is None else []
    return [part for part in node.inputs if part is not None and graph.tensor(part) is None]


def _is_one_level(low: float, high: float, step: float) -> bool:
    levels = low / step, high / step
    return all(map(math.isfinite, levels)) and round(levels[0]) == round(levels[1])


def _bounds(value: Value) -> Range | None:
    """Between which numbers a value lies for every input, as far as its last activations tell."""
    node = _last(value)
    if node is not None and node.op == "Mul":  # a class's probability times that of an object
        factors = [_last(each) for each in node.inputs]
        if all(each is not None and _BOUNDED.get(each.op) == (0.0, 1.0) for each in factors):
            return 0.0, 1.0
    return None if node is None else _BOUNDED.get(node.op)


def _last(value: Value | None) -> Node | None:
    """The node that computes a value, behind those that only pass numbers on."""
    for _ in range(_FARTHEST):
        node = None if value is None or value.is_input else value.producer
        if node is None or node.op not in _PASSING:
            return node
        value = node.input(0)
    return None


def _seen(trace: Trace, value: Value) -> Range | None:
    """Between which numbers a value lay; None where it was not seen, or was the same always."""
    seen = trace.of(value)
    if seen is None or not seen.statistics.finite:
        return None
    low, high = seen.statistics.minimum, seen.statistics.maximum
    return (low, high) if low < high else None
