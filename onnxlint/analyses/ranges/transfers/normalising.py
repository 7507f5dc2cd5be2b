"""Normalisations by the statistics of what they read: bounded whatever that is."""

from __future__ import annotations

import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from onnxlint.analyses.ranges.at import At
from onnxlint.analyses.ranges.range import Range, together
from onnxlint.analyses.ranges.registry import transfer
from onnxlint.analyses.ranges.transfers.folding import SINGLE, bounded, slip

MOST_TERMS = 1 << 31
"""Elements along axes of unknown size. A choice: what a machine holds."""


class Normal(Struct, frozen=True):
    """(x - mean) / √(variance + epsilon): how large it gets, and what else comes out.

    `bound` is the largest magnitude: √(n - 1), which a single element that differs from all others
    has; of the mean of squares, √n; and no more than the width of x over √epsilon.
    """

    bound: float
    nan: bool


def _normal(at: At, x: Range, count: int | None, epsilon: float, *, centred: bool) -> Normal:
    """Of kernels that take the difference from the mean first.

    Its mean is rounded: what it leaves is off by eps · |x| / √epsilon, which counts where x is 1e4
    and more. Of an input that nothing, or little, is known of, only that makes √n of √(n - 1): no
    input of 1e8 whose last digits alone differ is meant to be normalised.
    """
    terms = MOST_TERMS if count is None else max(count, 1)
    is_exact = centred and not (x.free or x.loose)
    least = np.sqrt(max(terms - is_exact, 0)) * (1 + slip(at, terms) + 8 * SINGLE)
    size = x.magnitude
    overflows = at.is_float and size * (terms if centred and count else 1) > max(
        at.limits[1], 3.4e38
    )
    if not epsilon > 1e-30:
        return Normal(np.inf, True)
    reach = (x.most - x.least if centred else size) / np.sqrt(epsilon)
    off = 0.0
    if is_exact and terms > 1:
        off = 4 * min(at.eps, SINGLE) * size / np.sqrt(epsilon)
    bound = float(np.nanmin([least, reach * (1 + 1e-5)])) + off
    return Normal(bound, bool(overflows or x.infinite))


def _scaled(at: At, normal: Normal, x: Range, scale: Range | None, bias: Range | None) -> Range:
    """The normalised times a scale plus a bias, which are given for each channel."""
    parts = [each for each in (scale, bias) if each is not None]
    if len(parts) == 2:
        parts = together(*parts)
    size = np.asarray(normal.bound)
    if scale is not None:
        factor = np.maximum(np.abs(parts[0].low), np.abs(parts[0].high))
        size = np.where(factor == 0, 0.0, factor * normal.bound)
    low, high = -size, size
    if bias is not None:
        off = 2 * at.eps * (np.nan_to_num(size, posinf=0.0) + parts[-1].hull.magnitude)
        low, high = parts[-1].low - size - off, parts[-1].high + size + off
    made = at.made(low, high, x, *parts, nan=normal.nan, mixes=True, loose=True)
    return bounded(made) if np.isfinite(normal.bound) else made


def _optional(at: At, slot: int) -> Range | None:
    return at[slot] if at.has(slot) else None


def _count_from(at: At, axis: int) -> int | None:
    """The number of elements from an axis on."""
    rank = at.rank(0)
    if rank is None or not -rank <= axis < rank:
        return None
    return at.size(0, range(axis % rank, rank))


def _epsilon(at: At, default: float = 1e-5) -> float:
    found = at.attribute("epsilon", default)
    known = at.is_decided("epsilon") and isinstance(found, float | int)
    return float(np.float32(found)) if known else 0.0


def _statistics(at: At, x: Range, epsilon: float) -> list[Range]:
    """The mean, and one over the standard deviation."""
    off = slip(at, None) * np.nan_to_num(x.magnitude, posinf=0.0)
    most = 1.001 / np.sqrt(epsilon) if epsilon > 0 else np.inf
    return [at.made(x.least - off, x.most + off, x, mixes=True),
            at.made(0.0, most, x, nan=epsilon <= 0 or x.infinite, mixes=True)]  # fmt: skip


@transfer("LayerNormalization", ulps=8)
def layer(at: At) -> list[Range] | None:
    """LayerNormalization: within √(n - 1) times the scale, plus the bias."""
    if not at.has(0):
        return None
    x, epsilon = at[0], _epsilon(at)
    normal = _normal(at, x, _count_from(at, at.attribute("axis", -1)), epsilon, centred=True)
    made = _scaled(at, normal, x, _optional(at, 1), _optional(at, 2))
    return [made, *_statistics(at, x, epsilon)]


@transfer("RMSNormalization", "SimplifiedLayerNormalization", ulps=8)
def root_mean_square(at: At) -> list[Range] | None:
    """x / √(mean x² + epsilon): within √n times the scale."""
    if not at.has(0):
        return None
    x, epsilon = at[0], _epsilon(at)
    count = _count_from(at, at.attribute("axis", -1))
    normal = _normal(at, x, count, epsilon, centred=False)
    return [_scaled(at, normal, x, _optional(at, 1), None), _statistics(at, x, epsilon)[1]]


@transfer("com.microsoft::SkipLayerNormalization", ulps=8)
def skip_layer(at: At) -> list[Range] | None:
    """LayerNormalization of input + skip + bias, which is the fourth output."""
    return _skipped(at, 4, centred=True)


@transfer("com.microsoft::SkipSimplifiedLayerNormalization", ulps=8)
def skip_root_mean_square(at: At) -> list[Range] | None:
    """The same by the root of the mean of squares."""
    return _skipped(at, 3, centred=False)


def _skipped(at: At, bias: int, *, centred: bool) -> list[Range] | None:
    if not (at.has(0) and at.has(1)):
        return None
    x = _added(at, *(at[slot] for slot in (0, 1, bias) if at.has(slot)))
    epsilon = _epsilon(at, 1e-12)
    normal = _normal(at, x, _count_from(at, -1), epsilon, centred=centred)
    beta = _optional(at, 3) if centred else None
    return [_scaled(at, normal, x, _optional(at, 2), beta), *_statistics(at, x, epsilon), x]


def _added(at: At, first: Range, *others: Range) -> Range:
    for other in others:
        a, b = together(first, other)
        opposed = a.infinite and b.infinite
        first = at.made(a.low + b.low, a.high + b.high, a, b, nan=opposed, loose=True)
    off = 4 * at.eps * np.nan_to_num(first.magnitude, posinf=0.0)
    return replace(first, low=first.low - off, high=first.high + off)


@transfer("com.microsoft::EmbedLayerNormalization", ulps=8)
def embedding_layer(at: At) -> list[Range] | None:
    """LayerNormalization of the sum of three rows of tables."""
    tables = [at[slot].hull for slot in (2, 3, 4) if at.has(slot)]
    if not tables or not at.has(5):
        return None
    x = replace(_added(at, *tables), varies=True)
    epsilon = _epsilon(at, 1e-12)
    normal = _normal(at, x, at.size(5), epsilon, centred=True)
    made = _scaled(at, normal, x, at[5], _optional(at, 6))
    index = Range.of(0, 2.0**31 - 1, integer=True, varies=True)
    return [replace(made, varies=True), index, x]


def channelled(at: At, one: Range, axis: int = 1) -> Range:
    """A value of one number for each channel, as it lies along an axis of the input."""
    rank = at.rank(0)
    if one.low.ndim == 0 and one.high.ndim == 0:
        return one
    if rank is None or one.low.ndim != 1 or one.high.ndim != 1 or rank <= axis:
        return one.hull
    shape = (-1, *(1,) * (rank - 1 - axis))
    return replace(one, low=one.low.reshape(shape), high=one.high.reshape(shape))


@transfer("InstanceNormalization", ulps=8)
def instance(at: At) -> Range | None:
    """By the statistics of each channel of each sample.

    The kernel computes x · a + b with a = scale / √(variance + epsilon) and b = bias - mean · a:
    what cancels is off by as much as mean · eps / √epsilon for each term.
    """
    if not at.has(0):
        return None
    x, epsilon = at[0], _epsilon(at)
    normal = _normal(at, x, _count_from(at, 2), epsilon, centred=True)
    if epsilon > 0 and not (x.free or x.loose):
        terms = slip(at, _count_from(at, 2)) + 4 * min(at.eps, SINGLE)
        normal = replace(normal, bound=normal.bound + terms * x.magnitude / np.sqrt(epsilon))
    scale, bias = (channelled(at, at[slot]) if at.has(slot) else None for slot in (1, 2))
    return _scaled(at, normal, x, scale, bias)


@transfer("GroupNormalization", ulps=16)
def group(at: At) -> Range | None:
    """By groups of channels; the variance is E[x²] - E[x]², which may come out below 0."""
    if not at.has(0):
        return None
    x, epsilon, groups = at[0], _epsilon(at), at.attribute("num_groups")
    count, size = None, _count_from(at, 1)
    if size is not None and isinstance(groups, int) and groups > 0:
        count = size // groups
    normal = _by_moments(at, x, count, epsilon)  # in float32, whatever is read
    if at.node.opset >= 21:
        scale, bias = (channelled(at, at[slot]) if at.has(slot) else None for slot in (1, 2))
    else:
        scale, bias = (at[slot].hull if at.has(slot) else None for slot in (1, 2))
    return _scaled(at, normal, x, scale, bias)


def _by_moments(at: At, x: Range, count: int | None, epsilon: float) -> Normal:
    """Where E[x²] - E[x]² is off by more than epsilon, the root of a negative number is NaN."""
    terms = MOST_TERMS if count is None else max(count, 1)
    off = (3 * slip(at, count) + 8 * max(at.eps, SINGLE)) * x.magnitude**2
    normal = _normal(at, x, count, epsilon, centred=False)
    bound = float(np.sqrt(terms) * 1.01 + 4 * at.eps)
    if off < epsilon / 2:
        return replace(normal, bound=bound * np.sqrt(2))
    return Normal(bound if x.free or x.loose else np.inf, True)


@transfer("MeanVarianceNormalization", ulps=16)
def mean_variance(at: At) -> Range | None:
    """(x - mean) / √(E[x²] - E[x]²), with no epsilon: NaN and ∞ of equal numbers."""
    if not at.has(0):
        return None
    x = at[0]
    axes = at.attribute("axes", [0, 2, 3])
    rank, count = at.rank(0), None
    if rank is not None and axes and all(-rank <= axis < rank for axis in axes):
        count = at.size(0, axes)
    bound = float(np.sqrt(count or MOST_TERMS)) * 1.01 if x.free or x.loose else np.inf
    return _scaled(at, Normal(bound, True), x, None, None)


@transfer("LpNormalization", ulps=4)
def unit(at: At) -> Range | None:
    """x / ‖x‖, 0 of a row of zeros: at most 1, but where squares vanish and are rounded, 1.25."""
    if not at.has(0):
        return None
    x = at[0]
    exact = at.attribute("p", 2) == 1 and at.is_decided("p")
    return _share(at, x, 1.0 if exact else 1.25, nan=x.infinite)


def _share(at: At, x: Range, bound: float, *, nan: bool) -> Range:
    low = 0.0 if x.least >= 0 else -bound
    high = 0.0 if x.most <= 0 else bound
    return bounded(at.made(low, high, x, nan=nan, mixes=True, loose=True))


@transfer("ai.onnx.ml::Normalizer", ulps=4)
def normalizer(at: At) -> Range | None:
    """x over the sum of magnitudes, the length, or the largest element (not magnitude) of a row.

    A row whose norm is 0 stays as it is. Squares that overflow give NaN.
    """
    if not at.has(0):
        return None
    x, norm = at[0], at.attribute("norm", "MAX")
    if not at.is_decided("norm"):
        return at.made(-np.inf, np.inf, x, nan=True)
    if norm == "L1":
        return _share(at, x, 1.0, nan=x.infinite)
    if norm == "L2":
        return _share(at, x, 1.25, nan=not x.magnitude < 1e12)
    if x.least >= 0:
        return _share(at, x, 1.0, nan=x.infinite)
    if x.most < 0:
        with np.errstate(divide="ignore"):
            return at.made(1.0, np.divide(x.least, x.most), x, nan=x.infinite, loose=True)
    return at.made(-np.inf, np.inf, x, nan=x.infinite, mixes=True, loose=True)
