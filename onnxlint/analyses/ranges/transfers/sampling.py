"""Operators that take values between places: resized images, grids, regions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache

import numpy as np

from onnxlint.analyses.ranges.at import At
from onnxlint.analyses.ranges.range import Range, join, vanished
from onnxlint.analyses.ranges.registry import transfer
from onnxlint.analyses.ranges.transfers.grids import grid_of, merged, with_fill

STEPS = 8
"""Roundings between a value and its neighbours' weights, per axis. Measured: 3."""


@transfer("Resize", "Upsample")
def resized(at: At) -> Range:
    """Elements, or sums of neighbours weighted by numbers that add up to 1."""
    x, rank = grid_of(at), at.rank(0)
    mode = at.attribute("mode", "nearest")
    crops = at.attribute("coordinate_transformation_mode", "") == "tf_crop_and_resize"
    axes = range(rank or 0) if rank is None else _resized_axes(at, rank, crops)
    x = x.hull.without_parts() if rank is None else merged(x, axes)
    x = x.without_parts() if len(axes) else x
    if mode in ("linear", "bilinear", "cubic") and (len(axes) or rank is None):
        over = 0.0 if mode != "cubic" else _overshoot(at)
        x = _blended(at, x, over, len(axes) or 4)
    if crops:
        x = with_fill(x, float(at.attribute("extrapolation_value", 0.0)))
    return x


def _resized_axes(at: At, rank: int, crops: bool) -> Sequence[int]:
    """The axes along which places change: those whose scale is not 1."""
    named = at.attribute("axes")
    all_ = [a % rank for a in named if -rank <= a < rank] if named else list(range(rank))
    if crops or at.attribute("keep_aspect_ratio_policy", "stretch") != "stretch":
        return all_
    if at.node.op == "Upsample":
        scales = at.known(1) if at.has(1) else at.attribute("scales")
    else:
        scales = at.known(1 if at.node.opset < 11 else 2)
    if scales is not None and len(scales) == len(all_):
        return [axis for axis, scale in zip(all_, scales, strict=True) if scale != 1]
    before, after = at.dims(0), at.dims_out()
    if not at.has(3) or before is None or after is None or len(after) != rank:
        return all_
    return [a for a in all_ if before[a] is None or before[a] != after[a]]


def _blended(at: At, x: Range, over: float, axes: int) -> Range:
    """Sums of neighbours along so many axes, which leave the hull by a share of its width."""
    low, high = x.low, x.high
    for _ in range(axes if over else 0):
        width = np.where(np.isfinite(high - low), high - low, np.inf) * over
        low, high = low - width, high + width
    size = np.maximum(np.abs(low), np.abs(high))
    slip = STEPS * axes * at.eps * size + vanished(at.element_type_out(), STEPS * axes, size)
    if not at.is_float:
        slip = np.asarray(1.0) + slip
    slip = np.where(np.isfinite(slip), slip, 0.0)
    low, high = low - slip, high + slip
    overflows = max(-float(low.min()), float(high.max())) > at.limits[1]
    if overflows and over:  # on the next axis infinity meets weights of either sign
        low, high = np.full(low.shape, -np.inf), np.full(high.shape, np.inf)
    return at.made(
        low, high, x, nan=x.infinite or overflows, mixes=True, integer=not at.is_float,
        loose=bool(over),
    )  # fmt: skip


def _overshoot(at: At) -> float:
    a = at.attribute("cubic_coeff_a", -0.75)
    if not -1 <= a < 0:
        return math.inf
    if at.attribute("antialias", 0):
        return 1.0  # windows of any width, cut off at borders: less than half of all weights
    return overshoot(a, bool(at.attribute("exclude_outside", 0)))


@cache
def overshoot(a: float, cuts: bool) -> float:
    """The largest sum of the negative weights of a cubic kernel, of those that are left at borders.

    The weights of four neighbours add up to 1: what is negative of them pulls that far out of the
    hull. Looked up at 4001 places, with a margin for those between.
    """
    t = np.linspace(0, 1, 4001)[1:-1]
    far, near = (
        (a * d**3 - 5 * a * d**2 + 8 * a * d - 4 * a for d in (1 + t, 2 - t)),
        ((a + 2) * d**3 - (a + 3) * d**2 + 1 for d in (t, 1 - t)),
    )
    (w0, w3), (w1, w2) = far, near
    weights = np.array([w0, w1, w2, w3])
    spans = [(0, 4)]
    if cuts:
        spans = [(i, j) for i in range(4) for j in range(i + 1, 5) if i <= 2 and j >= 2]
    shares = []
    for start, stop in spans:
        left = weights[start:stop]
        total = left.sum(axis=0)
        negative = np.maximum(-left, 0).sum(axis=0)
        shares.append(float((negative / np.where(total > 0, total, np.nan)).max()))
    worst = max(shares)
    return worst * 1.01 + 1e-3 if math.isfinite(worst) else math.inf


@transfer("GridSample", "com.microsoft::GridSample")
def sampled(at: At) -> Range:
    """Neighbours weighted; 0 outside the image where it is padded so."""
    x, rank = grid_of(at), at.rank(0)
    mode = at.attribute("mode", "bilinear")
    x = x.hull if rank is None or rank < 3 else merged(x, range(2, rank))
    x = x.without_parts()
    if at.attribute("padding_mode", "zeros") == "zeros":
        x = with_fill(x, 0.0)
    nan = mode != "nearest" and not at[1].is_finite
    if mode != "nearest":
        over = overshoot(-0.75, False) if mode in ("cubic", "bicubic") else 0.0
        x = _blended(at, x, over, max((rank or 4) - 2, 1))
    return at.made(x.low, x.high, x, nan=nan, integer=x.integer)


@transfer("RoiAlign", "MaxRoiPool")
def pooled_regions(at: At) -> Range:
    """Averages or maxima over regions; 0 outside the image and where a region is empty."""
    x, rank = grid_of(at), at.rank(0)
    x = merged(x, (0, 2, 3)) if rank == 4 else x.hull
    x = with_fill(x.without_parts(), 0.0)
    if at.node.op == "MaxRoiPool":
        return at.made(x.low, x.high, x)
    size = np.maximum(np.abs(x.low), np.abs(x.high))
    slip = 4096 * at.eps * size + vanished(at.element_type_out(), 4096, size)
    slip = np.where(np.isfinite(slip), slip, 0.0)
    nan = x.infinite or not at[1].is_finite
    return at.made(x.low - slip, x.high + slip, x, nan=nan, mixes=True)


@transfer("com.microsoft::CropAndResize")
def cropped(at: At) -> Range:
    """Regions of images, resized; a number of one's own outside."""
    x = grid_of(at)
    x = merged(x, (0, 2, 3)) if x.low.ndim == 4 else x.hull
    x = _blended(at, x.without_parts(), 0.0, 2)
    fill = float(at.attribute("extrapolation_value", 0.0))
    filled = join(x, Range.of(fill, fill))
    return at.made(filled.low, filled.high, x, nan=not at[1].is_finite)


@transfer("Col2Im")
def put_together(at: At) -> Range:
    """Sums of the elements of overlapping blocks, and 0 where there are none."""
    x = at.hull()
    block, image = at.integers(2), at.integers(1)
    count = math.inf
    if block:
        ones = [1] * len(block)
        strides, dilations = at.attribute("strides") or ones, at.attribute("dilations") or ones
        count = math.prod(
            math.ceil(size / max(stride // math.gcd(stride, dilation), 1))
            for size, stride, dilation in zip(block, strides, dilations, strict=False)
        )
    elif image is None and at.size(0) is not None:
        count = at.size(0) or 1
    low, high = (0.0 if not end else end * count for end in (min(x.least, 0), max(x.most, 0)))
    slip = 0.0 if count == 1 else 2 * count * at.eps * max(-low, high)
    slip = slip if math.isfinite(slip) else 0.0
    nan = low < -at.limits[1] and high > at.limits[1]
    return at.made(low - slip, high + slip, x, nan=nan, mixes=count > 1)


@transfer("com.microsoft::UnfoldTensor")
def unfolded(at: At) -> Range:
    """Windows of a tensor."""
    return at.hull()
