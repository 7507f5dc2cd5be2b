"""Formulas whose parts hang together, recognised by the numbers of their values."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from msgspec.structs import replace

from onnxlint.analyses.ranges.at import At
from onnxlint.analyses.ranges.range import Part, Range

if TYPE_CHECKING:
    from onnxlint.model.graph.nodes import Node, Value
    from onnxlint.types import Array


def axes_of(at: At, node: Node) -> list[int] | None:
    """The axes of a reduction, counted from the end, that keeps its rank; None where unknown."""
    dims = at.evaluation.world.dims(node.input(0))
    if dims is None:
        return None
    axes = at.evaluation.attribute(node, "axes")
    if axes is None and node.input(1) is not None:
        axes = at.evaluation.world.graph.integers(node.input(1))
        if axes is None:
            return None
    if not axes:
        if node.attribute("noop_with_empty_axes", 0):
            return None
        axes = list(range(len(dims)))
    keeps = node.attribute("keepdims", 1)
    if not keeps and len(axes) != len(dims):
        return None
    return [axis - len(dims) if axis >= 0 else axis for axis in axes]


def reduced(at: At, slot: int, op: str, of: Value | None) -> list[int] | None:
    """The axes along which an input is a reduction of a value with that operator, rank kept."""
    node = at.producer(slot)
    if node is None or node.op != op or not at.is_same(node.input(0), of):
        return None
    return axes_of(at, node)


def of_difference(at: At) -> Range | None:
    """x - max(x), max(x) - x, and the same of the least."""
    x, y = at.node.input(0), at.node.input(1)
    for op, slot, sign in (("ReduceMax", 1, -1), ("ReduceMin", 1, 1),
                           ("ReduceMax", 0, 1), ("ReduceMin", 0, -1)):  # fmt: skip
        axes = reduced(at, slot, op, x if slot == 1 else y)
        if axes is not None:
            return _from_end(at, at[1 - slot], axes, sign)
    return None


def _from_end(at: At, x: Range, axes: list[int], sign: int) -> Range | None:
    """What an extreme is left over: from 0 to the width of x, and 0 somewhere.

    Of infinities NaN comes out, as ∞ - ∞, but nothing of the other sign.
    """
    own = [axis for axis in axes if -axis <= x.low.ndim]
    merged = x.collapsed(own)
    width = np.nan_to_num(merged.high - merged.low, nan=np.inf, posinf=np.inf)
    low, high = (np.zeros(()), width) if sign > 0 else (-width, np.zeros(()))
    low, high = np.broadcast_arrays(low, high)
    found = at.made(low, high, x, nan=x.infinite, loose=x.mixed)
    return replace(found, anchor=Part(frozenset(axes), 0.0, 0.0))


def of_product(at: At) -> Range | None:
    """(a·x + b) · (c·x + d) of one value x: a parabola, as s · (1 - s) is."""
    forms = at.evaluation.world.forms
    values = [at.node.input(slot) for slot in (0, 1)]
    if not at.is_float or None in values:
        return None
    one, other = (forms.of(value) for value in values if value is not None)
    if one.single is None or other.single is None or one.single[0] != other.single[0]:
        return None
    (number, s), (_, t) = one.single, other.single
    x = at.evaluation.of(forms.values[number])
    if s.bent or t.bent or not x.is_finite or not (at[0].is_finite and at[1].is_finite):
        return None
    a, b = s.plain * t.plain, s.plain * other.constant + t.plain * one.constant
    c = one.constant * other.constant
    peak = np.clip(-b / (2 * a), x.low, x.high)
    found = np.array([a * p * p + b * p + c for p in (x.low, x.high, peak)])
    slip = 8 * at.eps * (abs(a) * x.magnitude**2 + abs(b) * x.magnitude + abs(c))
    if {abs(s.plain), abs(t.plain)} == {1.0} and not c and not b:
        slip = 0.0
    return at.made(found.min(axis=0) - slip, found.max(axis=0) + slip, x)


def of_quotient(at: At) -> Range | None:
    """A part of its sum, of its length, or of its largest: at most 1."""
    x, y = at.node.input(0), at[1]
    a = at[0]
    axes = reduced(at, 1, "ReduceSum", x)
    if axes is not None and a.least >= 0 and y.least > 0 and a.is_finite and y.is_finite:
        return _share(at, a, y, axes, 0.0, 1.0 + 1e-5)
    for op in ("ReduceL1", "ReduceL2", "ReduceMax"):
        axes = reduced(at, 1, op, x)
        if axes is not None and y.least > 0 and a.is_finite and y.is_finite:
            low = 0.0 if a.least >= 0 else -1.0 - 1e-5
            if op == "ReduceMax" and a.least < 0:
                continue
            return _share(at, a, y, axes, low, 1.0 + 1e-5)
    return None


def _share(at: At, a: Range, y: Range, axes: list[int], low: float, high: float) -> Range:
    ends: list[Array] = [p / q for p in (a.low, a.high) for q in (y.low, y.high)]
    found = np.array(np.broadcast_arrays(*ends))
    least, most = np.maximum(found.min(axis=0), low), np.minimum(found.max(axis=0), high)
    return at.made(least, np.maximum(least, most), a, y, loose=a.mixed)
