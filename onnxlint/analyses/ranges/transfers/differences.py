"""Differences whose sign is known: of an extreme and what it was taken of, of x and its floor."""

from __future__ import annotations

import math

import numpy as np
from msgspec.structs import replace

from onnxlint.analyses.ranges.at import At
from onnxlint.analyses.ranges.range import Range
from onnxlint.analyses.ranges.registry import relation
from onnxlint.analyses.ranges.transfers.folding import slip
from onnxlint.analyses.ranges.transfers.formulas import Formulas
from onnxlint.model.graph.nodes import Node, Value


@relation("Sub")
def ordered(at: At, made: Range) -> Range:
    """a - b with a ≥ b is not below 0; where order is but for rounding, not far below."""
    if made.low.size and made.least >= 0:
        return made
    known = Formulas(at)
    a, b = at.node.input(0), at.node.input(1)
    off, gap = _gap(known, a, b)
    if off is not None:
        return _above(made, -off, gap)
    off, gap = _gap(known, b, a)
    if off is None:
        return made
    low, high = np.clip(made.low, -gap, off), np.clip(made.high, -gap, off)
    return replace(made, low=low, high=high)


def _above(made: Range, low: float, high: float) -> Range:
    return replace(made, low=np.clip(made.low, low, high), high=np.clip(made.high, low, high))


def _gap(known: Formulas, a: Value | None, b: Value | None) -> tuple[float | None, float]:
    """How far a may be below b by rounding, None where it may be anywhere; and how far above."""
    a, b = known.behind(a), known.behind(b)
    if a is None or b is None:
        return None, math.inf
    above, below = a.producer, b.producer
    if below is not None and below.op == "Floor" and known.same(below.input(0), a):
        return 0.0, 1.0
    if above is not None and above.op == "Ceil" and known.same(above.input(0), b):
        return 0.0, 1.0
    if _is_largest(known, a, b) or _is_smallest(known, a, b) or _is_span(known, a, b):
        return 0.0, math.inf
    return _of_logarithm(known, a, b), math.inf


def _is_largest(known: Formulas, a: Value, b: Value) -> bool:
    """Whether a is max(b, ...), |b|."""
    node = a.producer
    if node is None:
        return False
    if node.op in ("Max", "Abs", "Relu"):
        return any(known.same(value, b) for value in node.inputs)
    if node.op == "Clip":
        return known.same(node.input(0), b) and _limits(known, node) == (True, False)
    found = known.reduction(a)
    return found is not None and found.kind == "max" and known.same(found.of, b)


def _is_smallest(known: Formulas, a: Value, b: Value) -> bool:
    """Whether b is min(a, ...)."""
    node = b.producer
    if node is None:
        return False
    if node.op == "Min":
        return any(known.same(value, a) for value in node.inputs)
    if node.op == "Clip":
        return known.same(node.input(0), a) and _limits(known, node) == (False, True)
    found = known.reduction(b)
    return found is not None and found.kind == "min" and known.same(found.of, a)


def _limits(known: Formulas, node: Node) -> tuple[bool, bool]:
    """Which limits a Clip has."""
    given = [node.input(slot) is not None or known.at.evaluation.attribute(node, name) is not None
             for slot, name in ((1, "min"), (2, "max"))]  # fmt: skip
    return given[0], given[1]


def _is_span(known: Formulas, a: Value, b: Value) -> bool:
    """max(x) and min(x) along the same axes."""
    largest, smallest = known.reduction(a), known.reduction(b)
    if largest is None or smallest is None:
        return False
    is_pair = (largest.kind, smallest.kind) == ("max", "min")
    return is_pair and largest.axes == smallest.axes and known.same(largest.of, smallest.of)


def _of_logarithm(known: Formulas, a: Value, b: Value) -> float | None:
    """log Σ eˣ is at least x, but for rounding: also with the largest taken out and put back."""
    at, x = known.at, b
    size = at.evaluation.of(x).magnitude
    if not at.is_float or not math.isfinite(size):
        return None
    node = a.producer
    shift = None
    if node is not None and node.op == "Add":
        for slot in (0, 1):
            found = known.reduction(node.input(slot))
            if found is not None and found.kind == "max" and known.same(found.of, x):
                shift, a = node.input(slot), known.behind(node.input(1 - slot)) or a
    count = _count_of_powers(known, a, x, shift)
    return None if count is None else slip(at, count or None) + 8 * at.eps * (1 + size)


def _count_of_powers(known: Formulas, a: Value, x: Value, shift: Value | None) -> int | None:
    """The number of terms of log Σ e^(x - shift); 0 where it is not known, None if a is not it."""
    node = a.producer
    if node is None or node.op != "Log":
        return None
    total = known.reduction(node.input(0))
    power = known.maker(total.of) if total is not None and total.kind == "sum" else None
    if total is None or power is None or power.op != "Exp":
        return None
    inner = known.behind(power.input(0))
    if shift is not None:
        difference = known.maker(inner)
        if difference is None or difference.op != "Sub":
            return None
        if not known.same(difference.input(1), shift):
            return None
        inner = difference.input(0)
    return (total.count or 0) if known.same(inner, x) else None


@relation("Sub")
def variance_by_moments(at: At, made: Range) -> Range:
    """E[x²] - E[x]²: not negative but for rounding, and at most a quarter of the width squared.

    Each mean of n terms is off by n · eps / 2, the square of one by twice that, and each of four
    results by half an ulp: relative to the largest square, as most of it cancels.
    """
    known = Formulas(at)
    squares, square = known.reduction(at.node.input(0)), known.square_of(at.node.input(1))
    mean = known.reduction(square)
    if squares is None or mean is None or mean.kind != "mean" or squares.axes != mean.axes:
        return made
    if squares.kind not in ("mean", "mean of squares"):
        return made
    of = squares.of if squares.kind == "mean of squares" else known.square_of(squares.of)
    x = at.evaluation.of(mean.of)
    if not known.same(of, mean.of) or not x.is_finite:
        return made
    off = (3 * slip(at, mean.count) + 4 * at.eps) * x.magnitude**2 + at.eps**3
    off = min(off, x.magnitude**2 * (1 + at.eps))
    low = np.maximum(made.low, -off) if made.least < -off else made.low
    high = made.high
    if not made.infinite:
        high = np.maximum(np.minimum(high, (x.most - x.least) ** 2 / 4 + off), low)
    return replace(made, low=np.minimum(low, high), high=high, loose=x.loose or x.mixed)
