"""Softmax and its logarithm: shares of a fibre, by how far each logit is from the others."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from msgspec.structs import replace

from onnxlint.analyses.ranges.at import At
from onnxlint.analyses.ranges.range import Part, Range, settled, together
from onnxlint.analyses.ranges.registry import transfer
from onnxlint.analyses.ranges.transfers.folding import SINGLE, Grid, bounded, grid, slip

if TYPE_CHECKING:
    from onnxlint.types import Array

WIDEST = 745.0
"""The gap to the largest logit from which on a share is 0 in float64, as eˣ is."""

MOST_TERMS = 2.0**31
"""Classes along an axis of unknown size. A choice: what a machine holds."""


@transfer("Softmax", ulps=4)
def shares(at: At) -> Range | None:
    """eˣ / Σ eˣ: between 1 / (1 + Σ e^(u - l)) and 1 / (1 + Σ e^(l - u)) over the others.

    The distance to the largest is rounded: a share is off by half an eps for each 1 of it.

    The shares add up to 1, and the largest is 1 / n at least. NaN where a fibre holds ∞, or
    nothing but -∞.
    """
    return _shares(at, at[0]) if at.has(0) else None


@transfer("com.microsoft::BiasSoftmax", ulps=4)
def biased_shares(at: At) -> Range | None:
    """The same of a sum."""
    if not (at.has(0) and at.has(1)):
        return None
    a, b = together(at[0].hull, at[1].hull)
    total = settled(at.made(a.low + b.low, a.high + b.high, a, b), at.element_type())
    return _shares(At(at.evaluation, at.node, [total]), a)


def _shares(at: At, x: Range) -> Range:
    box = _flattened(at)
    gaps = _gaps(box)
    fewest, widest = (
        2 * slip(at, box.count) + (8 + np.minimum(gap, WIDEST) / 2) * SINGLE for gap in gaps
    )
    least = np.exp(-gaps[1]) * (1 - widest)
    most = np.minimum(np.exp(-gaps[0]) * (1 + fewest), 1.0)
    least = np.where(gaps[1] >= _vanishing(at), 0.0, least)
    made = at.made(least, np.maximum(most, least), nan=_is_undefined(box, x), mixes=True)
    anchor, total = _parts(at, box)
    return replace(bounded(made), anchor=anchor, total=total)


def _parts(at: At, box: Grid) -> tuple[Part | None, Part | None]:
    """Σ = 1 but for rounding; the largest share is not below the mean one."""
    if box.axes is None:
        return None, None
    axes = frozenset(box.axes)
    count = box.count or 1 << 16
    off = slip(at, count) + 4 * at.eps + count * _tiniest(at)
    anchor = Part(axes, (1 - off) / box.count, 1.0) if box.count else None
    return anchor, Part(axes, 1 - off, 1 + off)


def _tiniest(at: At) -> float:
    return 6e-8 if at.dtype_out() == "float16" else 1.5e-45


def _vanishing(at: At) -> float:
    return 708.0 if at.dtype_out() == "double" else 16.0 if at.dtype_out() == "float16" else 87.0


@transfer("LogSoftmax", ulps=4)
def logarithms_of_shares(at: At) -> Range | None:
    """x - max(x) - log Σ e^(x - max): finite whenever the logits are, and never above 0."""
    if not at.has(0):
        return None
    box = _flattened(at)
    gaps = _gaps(box)
    size = np.maximum(np.abs(at[0].least), np.abs(at[0].most))
    off = 2 * slip(at, box.count) + 8 * at.eps + 4 * at.eps * np.nan_to_num(size, posinf=0.0)
    low, high = -gaps[1] - off, np.minimum(-gaps[0] + off, 0.0)
    return at.made(low, np.maximum(low, high), nan=_is_undefined(box, at[0]), mixes=True)


def _flattened(at: At) -> Grid:
    """The logits by fibres: along one axis; before opset 13 along all from it on."""
    rank = at.rank(0)
    old = at.node.opset < 13 and not at.node.op.startswith("com.microsoft")
    axis = at.attribute("axis", 1 if old or "::" in at.node.op else -1)
    known = at.is_decided("axis") and isinstance(axis, int)
    if rank is None or not known or not -rank <= axis < max(rank, 1):
        return grid(at, 0, None)
    first = axis % rank if rank else 0
    flattens = old or "::" in at.node.op
    return grid(at, 0, range(first, rank) if flattens else [first])


def _gaps(box: Grid) -> tuple[Array, Array]:
    """The least and the largest of log Σ e^(x_j - x_i) over all j, itself among them."""
    if box.axes is None or box.count is None or (box.low.ndim and None in box.sizes):
        return _gaps_of_unknown(box)
    each = max(box.merged or 0, 1)
    return (_beside(box, box.low, box.high, each), _beside(box, box.high, box.low, each))


def _beside(box: Grid, others: Array, own: Array, each: int) -> Array:
    """log(1 + Σ e^(other - own)) over the others of a fibre: `each` in every box, less itself."""
    peak, weights = _by_peak(box, others)
    total = box.folded(weights, np.sum) * each
    rest = np.maximum(total - weights, (each - 1) * weights)
    found = np.log(np.maximum(rest, 0.0)) + (peak - own)
    leads = 2 * weights > total  # without it, what is left of the total is rounding: add up anew
    if leads.any():
        peak, weights = _by_peak(box, np.where(leads, -np.inf, others))
        without = np.log(box.folded(weights, np.sum)) + (peak - own)
        found = np.where(leads, without, found)
    return np.where(np.isnan(found), np.inf, np.logaddexp(0.0, found))


def _by_peak(box: Grid, logits: Array) -> tuple[Array, Array]:
    """The largest of each fibre, and the powers of what all are below it."""
    peak = np.maximum(box.folded(logits, np.max), -1.7e308)
    return peak, np.exp(np.minimum(logits - peak, 0.0))


def _gaps_of_unknown(box: Grid) -> tuple[Array, Array]:
    low, high = box.extremes()
    widest = np.nan_to_num(high - low, nan=np.inf) + np.log(MOST_TERMS)
    return np.zeros_like(widest), widest


def _is_undefined(box: Grid, x: Range) -> bool:
    """Whether a fibre may hold ∞, or nothing but -∞."""
    if bool(np.isposinf(box.high).any()):
        return True
    if not bool(np.isneginf(box.low).any()):
        return False
    anchor, axes = x.anchor, frozenset(box.axes or ())
    if anchor is not None and box.axes is not None and anchor.axes <= axes and anchor.low > -np.inf:
        return False
    return bool(np.isneginf(box.folded(box.low, np.max)).any())
