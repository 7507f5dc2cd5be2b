"""Convolutions: a sum over the channels of a group and the kernel's taps."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np
from msgspec.structs import replace

from onnxlint.analyses.ranges.at import At
from onnxlint.analyses.ranges.range import Range, join, together
from onnxlint.analyses.ranges.registry import transfer
from onnxlint.analyses.ranges.transfers import contraction, stored
from onnxlint.analyses.ranges.transfers.affine import MICROSOFT, activated
from onnxlint.analyses.ranges.transfers.contraction import Sums
from onnxlint.runtime.statistics.distinct import distinct

if TYPE_CHECKING:
    from onnxlint.types import Array

MOST_PHASES = 64
"""Parts of a transposed convolution's kernel that are told apart. A choice: 8 x 8 in an image."""


@transfer("Conv", ulps=4)
def convolved(at: At) -> Range | None:
    """The kernel's taps over each window, where the data is 0 beyond its edge; plus a bias."""
    return of_kernel(at, 0, 1, 2)


@transfer(MICROSOFT + "FusedConv", ulps=8)
def fused(at: At) -> Range | None:
    """Conv, plus Z, then an activation."""
    found = of_kernel(at, 0, 1, 2)
    if found is not None and at.has(3):
        found = contraction.plus(at, found, at[3].without_parts())
    return None if found is None else activated(at, found)


@transfer(MICROSOFT + "NhwcConv", MICROSOFT + "NhwcFusedConv", ulps=8)
def channels_last(at: At) -> Range | None:
    """Conv with channels last, in data, weights (M, ..., C / groups) and output."""
    weights, bias = stored.weights(at, 1), at.hull(2) if at.has(2) else None
    x = at.hull(0)
    if not at.is_float or weights is None or weights.ndim < 3:
        return _unweighed(at, 0, 1, bias)
    matrix = weights.reshape(weights.shape[0], 1, -1)
    x = x if is_unpadded(at) else with_zero(x)
    sums = grouped(x.low.reshape(1, 1), x.high.reshape(1, 1), matrix, 1)
    sums = sums.moved((1,) * (weights.ndim - 1) + (-1,))
    found = contraction.ranged(at, sums, x, added=bias)
    if at.has(3):
        found = contraction.plus(at, found, at.hull(3))
    return activated(at, found)


def of_kernel(at: At, data: int, kernel: int, bias: int) -> Range | None:
    """A convolution of these inputs; of varying weights by their interval."""
    added = bias_of(at, bias)
    weights = stored.weights(at, kernel)
    groups = max(int(at.attribute("group", 1) or 1), 1)
    if weights is None or weights.ndim < 3 or not weights.size or weights.shape[0] % groups:
        return _unweighed(at, data, kernel, added)
    x = at[data] if is_unpadded(at) else with_zero(at[data])
    low, high = by_channel(at, data, x, groups * weights.shape[1])
    taps = weights.reshape(*weights.shape[:2], -1)
    sums = grouped(low, high, taps, groups)
    sums = sums.moved((*sums.low.shape, *(1,) * (weights.ndim - 2)))
    return contraction.ranged(at, sums, x, added=added)


def bias_of(at: At, slot: int) -> Range | None:
    """A bias of channels, laid along the output's second axis."""
    if not at.has(slot):
        return None
    dims, found = at.dims_out(), at[slot].without_parts()
    if dims is None or len(dims) < 2 or found.low.ndim != 1:
        return found.hull
    shape = (-1, *(1,) * (len(dims) - 2))
    return replace(found, low=found.low.reshape(shape), high=found.high.reshape(shape))


def with_zero(one: Range) -> Range:
    """With 0 among its elements."""
    return join(one, Range.of(0.0, 0.0, integer=True)).without_parts()


def is_unpadded(at: At) -> bool:
    """Whether no window reaches beyond the data."""
    auto = at.attribute("auto_pad", "NOTSET")
    auto = auto.decode() if isinstance(auto, bytes) else auto
    if not at.is_decided("auto_pad", "pads"):
        return False
    return auto == "VALID" or (auto == "NOTSET" and not any(at.attribute("pads") or ()))


def by_channel(at: At, slot: int, x: Range, channels: int) -> tuple[Array, Array]:
    """Ends as (samples, channels), either 1 where they are not told apart."""
    rank = at.rank(slot)
    low, high = np.broadcast_arrays(x.low, x.high)
    if rank is None or low.ndim > rank or rank < 2:
        return low.min().reshape(1, 1), high.max().reshape(1, 1)
    shape = (1,) * (rank - low.ndim) + low.shape
    rest = tuple(range(2, rank))
    low, high = low.reshape(shape).min(axis=rest), high.reshape(shape).max(axis=rest)
    if low.shape[1] not in (1, channels):
        low, high = contraction.merged((low, high), (1,))
    return low, high


def grouped(low: Array, high: Array, taps: Array, groups: int) -> Sums:
    """Boxes (samples, channels) times taps (M, C / groups, taps), as (samples, M)."""
    outputs, channels, count = taps.shape
    if not contraction.fits(low.shape[0], outputs):
        low, high = contraction.merged((low, high), (0,))
    taps = taps.astype(np.float64 if taps.dtype.kind in "iu" else taps.dtype, copy=False)
    taps = taps if taps.dtype in (np.float32, np.float64) else taps.astype(np.float32)
    plain, bulk = _of_taps(taps)
    flat = taps.reshape(groups, outputs // groups, channels * count).swapaxes(1, 2)
    has = contraction.signs(flat, -2)
    shape = (groups, outputs // groups, channels)
    plain, bulk = (each.reshape(shape).swapaxes(1, 2) for each in (plain, bulk))
    if low.shape[1] == 1:
        plain, bulk = plain.sum(axis=1, keepdims=True), bulk.sum(axis=1, keepdims=True)
        low, high = low[None], high[None]
    else:
        low, high = (end.reshape(-1, groups, channels).swapaxes(0, 1) for end in (low, high))
    sums = contraction.by_sums(low, high, plain, bulk, has, channels * count)
    return sums.each(lambda array: array.swapaxes(0, 1).reshape(array.shape[1], -1))


def _of_taps(taps: Array) -> tuple[Array, Array]:
    """Sums of a kernel's taps and of their magnitudes, in float64."""
    plain = taps.sum(axis=2, dtype=np.float64)
    bulk = np.empty_like(plain)
    rows = max(1, contraction.CHUNK // max(taps[0].size, 1))
    for start in range(0, len(taps), rows):
        part = np.abs(taps[start : start + rows])
        bulk[start : start + rows] = part.sum(axis=2, dtype=np.float64)
    return plain, bulk


def _unweighed(at: At, data: int, kernel: int, added: Range | None, all_taps: bool = True
               ) -> Range:  # fmt: skip
    """Of weights that vary: corners times the size of a window."""
    x, w = at.hull(data), at.hull(kernel)
    x = x if all_taps and is_unpadded(at) else with_zero(x)
    dims = at.dims(kernel)
    sizes = None if dims is None else dims[1:] if all_taps else (*dims[:1], *dims[2:])
    terms = None
    if sizes is not None and all(isinstance(size, int) for size in sizes):
        terms = int(np.prod(np.array(sizes, np.int64)))
    sums = contraction.by_corners(x.low, x.high, w.low, w.high, terms)
    return contraction.ranged(at, sums, x, w, added=added, loose=x.varies and w.varies)


@transfer("ConvTranspose", ulps=4)
def transposed(at: At) -> Range | None:
    """Each output adds up some taps: of each phase of the stride, at the edge fewer."""
    weights, added = stored.weights(at, 1), bias_of(at, 2)
    groups = max(int(at.attribute("group", 1) or 1), 1)
    if weights is None or weights.ndim < 3 or not weights.size or weights.shape[0] % groups:
        return _unweighed(at, 0, 1, added, all_taps=False)
    x = with_zero(at[0])
    channels, outputs = weights.shape[:2]
    low, high = by_channel(at, 0, x, channels)
    found: Sums | None = None
    turned = weights.reshape(groups, channels // groups, *weights.shape[1:]).swapaxes(1, 2)
    for phase in _phases(at, weights.shape[2:]):
        taps = turned[(..., *phase)]
        sums = grouped(low, high, taps.reshape(groups * outputs, channels // groups, -1), groups)
        found = sums if found is None else found.joined(sums)
    assert found is not None
    sums = found.moved((*found.low.shape, *(1,) * (weights.ndim - 2)))
    return contraction.ranged(at, sums, x, added=added)


def _phases(at: At, kernel: tuple[int, ...]) -> list[tuple[Any, ...]]:
    """The taps that meet in one output: along each axis those of one remainder by the stride."""
    rank = len(kernel)
    strides = list(at.attribute("strides") or [1] * rank)
    dilations = list(at.attribute("dilations") or [1] * rank)
    axes = []
    for size, stride, dilation in zip(kernel, strides, dilations, strict=False):
        where = np.arange(size) * max(dilation, 1) % max(stride, 1)
        axes.append([np.flatnonzero(where == phase) for phase in distinct(where)])
    count = int(np.prod([len(axis) for axis in axes]))
    if len(axes) != rank or count > MOST_PHASES or not at.is_decided("strides", "dilations"):
        axes = [[np.arange(size)] for size in kernel]
    return [np.ix_(*parts) for parts in product(*axes)]


@transfer("DeformConv", ulps=16)
def deformed(at: At) -> Range | None:
    """Conv over points between elements, whose values lie between 0 and theirs, times a mask."""
    added, x = bias_of(at, 3), with_zero(at[0])
    if at.has(4):
        mask = together(at.hull(4))[0]
        ends = np.array([e * m for e in (x.least, x.most) for m in (mask.least, mask.most)])
        ends = np.nan_to_num(ends, posinf=np.inf, neginf=-np.inf)
        x = at.made(min(ends.min(), 0.0), max(ends.max(), 0.0), x, mask, loose=True)
    offset = at[2]
    weights, groups = stored.weights(at, 1), max(int(at.attribute("group", 1) or 1), 1)
    x = at.made(*_stretched(x), x, nan=not offset.is_finite)
    if weights is None or weights.ndim != 4 or not weights.size or weights.shape[0] % groups:
        return None
    low, high = by_channel(at, 0, x, groups * weights.shape[1])
    sums = grouped(low, high, weights.reshape(*weights.shape[:2], -1), groups)
    sums = sums.moved((*sums.low.shape, 1, 1))
    return contraction.ranged(at, sums, x, loose=True, added=added)


def _stretched(x: Range) -> tuple[Array, Array]:
    """Bilinear weights add up to 1 but for rounding."""
    return x.low - np.abs(x.low) * 1e-5, x.high + np.abs(x.high) * 1e-5


@transfer("CausalConvWithState", MICROSOFT + "CausalConvWithState", ulps=8)
def causal(at: At) -> list[Range] | None:
    """A depthwise convolution over what came before, and the data that the next call needs."""
    x = with_zero(at.hull(0))
    if at.has(3):
        x = join(x, at.hull(3))
    if at.attribute("channels_last", 0):
        return None
    weights, added = stored.weights(at, 1), bias_of(at, 2)
    if weights is None or weights.ndim < 3 or not weights.size:
        w, size = at.hull(1), at.size(1)
        sums = contraction.by_corners(x.low, x.high, w.low, w.high, size)
        made = contraction.ranged(at, sums, x, w, loose=True, added=added)
    else:
        taps = weights.reshape(weights.shape[0], 1, -1)
        sums = grouped(x.low.reshape(1, 1), x.high.reshape(1, 1), taps, 1)
        sums = sums.moved((*sums.low.shape, *(1,) * (weights.ndim - 2)))
        made = contraction.ranged(at, sums, x, added=added)
    activation = at.attribute("activation", "none")
    activation = activation.decode() if isinstance(activation, bytes) else activation
    if activation in ("silu", "swish"):
        made = replace(made, low=np.clip(made.low, -0.2785, 0.0),
                       high=np.maximum(made.high, 0.0))  # fmt: skip
    elif activation not in ("none", ""):
        return None
    return [made, x]
