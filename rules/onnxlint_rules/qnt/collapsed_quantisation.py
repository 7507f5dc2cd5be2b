"""QNT007 collapsed-quantisation."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from msgspec import Struct

from onnxlint import Finding, Graph, Node, Ranges, Severity, Trace, Value, counted, rule
from onnxlint.model.graph.operators import QUANTIZE
from onnxlint.runtime.statistics.distinct import distinct

if TYPE_CHECKING:
    from onnxlint import Range
    from onnxlint.types import Array

STEPS = 255
"""Of 8 bits."""

FEW_CHANNELS = 8
"""Among so many channels each is a quantity of its own; of a layer's hundreds some are nearly
dead always, which is no fault of the scale. A choice."""

ROUNDING = 1e-5
"""Relative to the number, the width of what is one number where it was seen: it is rounded."""

SLACK = 1e-3
"""The same of its bounds: those of a sum are wider by the rounding of each of its terms, of which
there may be ten thousand."""


@rule("QNT007", "collapsed-quantisation", severity=Severity.WARNING, ops=QUANTIZE)
def collapsed_quantisation(graph: Graph, ranges: Ranges, trace: Trace | None) -> Iterator[Finding]:
    """A tensor, channel or operand of a Concat whose values are all quantised to the same integer.

    Why: everything that is quantised together shares one scale. If boxes of 0…640 are concatenated
    with scores of 0…1, a step is 2.5, and every score becomes 0: the detector finds nothing
    (onnxruntime issue 14233). An error if bounds prove it for every input; a warning if the user's
    data shows it, and an info if synthetic samples do. A single channel is at most a warning among
    up to 8 channels, and an info among more: of a layer's hundreds some are nearly dead.
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

    Bad:
    # two features of other units, as the configuration declares them
    # config: inputs.x.features = [[0, 1000], [0, 0.5]]
    net (float[N, 2] x) => (float[N, 2] y)
    <float scale = {4}, uint8 zero = {0}>
    {
        q = QuantizeLinear(x, scale, zero)
        y = DequantizeLinear(q, scale, zero)
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
    for node in graph.nodes(*sorted(QUANTIZE)):
        step = graph.number(node.input(1))
        if step is None or not 0 < step < float("inf") or node.output is None:
            continue
        for part in _parts(graph, node.input(0)):
            found = _proven(ranges.of(part), step) or _seen(trace, part, step)
            if found is not None:
                yield _finding(node, part, step, found, trace)


class Collapsed(Struct, frozen=True):
    """Numbers that become one integer: from where to where, of how many of the channels."""

    low: float
    high: float
    channels: int
    of: int
    proven: bool


def _parts(graph: Graph, value: Value | None) -> list[Value]:
    """The computed operands of a Concat, or the value itself; constants are known beforehand."""
    node = None if value is None else value.producer
    parts = node.inputs if node is not None and node.op == "Concat" else [value]
    return [part for part in parts if part is not None and graph.tensor(part) is None]


def _proven(found: Range, step: float) -> Collapsed | None:
    if not found.is_finite or not found.varies:
        return None
    return _of_channels(found.low, found.high, step, proven=True)


def _seen(trace: Trace | None, value: Value, step: float) -> Collapsed | None:
    """The same of what was observed."""
    seen = trace.of(value) if trace is not None else None
    if seen is None or not seen.statistics.minimum < seen.statistics.maximum:
        return None
    channels = seen.channels
    if channels is not None and 1 < channels.minimum.size <= FEW_CHANNELS:
        return _of_channels(channels.minimum, channels.maximum, step, proven=False)
    import numpy as np

    ends = np.array([seen.statistics.minimum]), np.array([seen.statistics.maximum])
    return _of_channels(*ends, step, proven=False)


def _of_channels(low: Array, high: Array, step: float, *, proven: bool) -> Collapsed | None:
    """The boxes that are narrower than a step, as one; those of a single number are no loss."""
    import numpy as np

    low, high = np.broadcast_arrays(low, high)
    room = SLACK if proven else ROUNDING
    varies = high - low > room * np.maximum(np.abs(low), np.abs(high))
    alone = (np.round(low / step) == np.round(high / step)) & varies
    levels = distinct(np.round(low[alone] / step))
    if not alone.any() or (alone.all() and len(levels) > 1):  # nothing varies: a constant tensor
        return None
    ends = float(low[alone].min()), float(high[alone].max())
    return Collapsed(*ends, int(alone.sum()), alone.size, proven)


def _finding(
    node: Node, part: Value, step: float, found: Collapsed, trace: Trace | None
) -> Finding:
    samples = counted(trace.samples, "sample") if trace is not None else ""
    when = "for every input" if found.proven else f"on {samples}"
    which = f"{part.name!r}"
    if found.channels < found.of:
        which = f"{found.channels:,} of {found.of:,} channels of {which}"
    verb = "are" if found.channels < found.of else "is"
    return Finding(
        node.place_of(node.output.name if node.output is not None else None),
        f"{which} {verb} within {found.low:.3g} to {found.high:.3g} {when}, but the scale is "
        f"{step:.3g}: all values become the same integer",
        hint=f"quantise {part.name!r} with a scale of its own, of at most "
        f"{(found.high - found.low) / STEPS:.2g}",
        measured=(found.high - found.low) / step,
        limit=0.5,
        unit="steps",
        severity=_severity(found, trace),
    )


def _severity(found: Collapsed, trace: Trace | None) -> Severity:
    if found.channels < found.of:
        return Severity.WARNING if found.of <= FEW_CHANNELS else Severity.INFO
    if found.proven:
        return Severity.ERROR
    return Severity.INFO if trace is None or trace.synthetic else Severity.WARNING
