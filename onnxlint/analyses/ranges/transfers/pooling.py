"""Pools: the mean, the largest or the norm of windows, channel by channel."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from msgspec.structs import replace

from onnxlint.analyses.ranges.at import At
from onnxlint.analyses.ranges.range import Range, vanished
from onnxlint.analyses.ranges.registry import transfer
from onnxlint.analyses.ranges.transfers import contraction

if TYPE_CHECKING:
    from onnxlint.types import Array

LONGEST = 1 << 12
"""Elements of a window that are taken where its size is not known. A choice."""


@transfer("AveragePool", "GlobalAveragePool", ulps=4)
def mean_of_windows(at: At) -> Range:
    """A mean lies between its elements; where padding or what lies beyond counts, 0 is one."""
    low, high = over_windows(at)
    if counts_padding(at):
        low, high = np.minimum(low, 0.0), np.maximum(high, 0.0)
    return mean(at, low, high, window(at), nan=may_be_empty(at))


def mean(at: At, low: Array, high: Array, terms: int | None, *, nan: bool = False) -> Range:
    """The mean of so many numbers, with what their sum is rounded by and where it overflows."""
    count = LONGEST if terms is None else terms
    size = np.maximum(np.abs(low), np.abs(high))
    slip = np.where(np.isfinite(size), size, 0.0) * (count / 2 + 4) * at.eps
    over = size * count > at.limits[1]
    least = np.where(low >= 0, np.maximum(low - slip, 0.0), low - slip)
    most = np.where(high <= 0, np.minimum(high + slip, 0.0), high + slip)
    least = np.where(over & (low < 0), -np.inf, least)
    most = np.where(over & (high > 0), np.inf, most)
    opposed = bool((over & (low < 0) & (high > 0)).any())
    return at.made(least, most, at[0], nan=nan or opposed, mixes=True)


@transfer("MaxPool", "GlobalMaxPool")
def largest_of_windows(at: At) -> list[Range]:
    """One of the window's elements; kernels start from the lowest finite number, NaN may be lost.

    The second output tells which element of the whole tensor it is.
    """
    low, high = over_windows(at)
    lowest, x = at.limits[0], at[0]
    empty = may_be_empty(at)
    low = np.where(x.nan | empty, np.minimum(low, lowest), low)
    high = np.where(np.isneginf(high) | empty, np.maximum(high, lowest), high)
    made = at.made(low, high, x, integer=x.integer, nonzero=x.nonzero and not empty, mixes=True)
    size = at.size(0)
    most = float(size - 1) if size else float(2**63 - 1)
    return [made, replace(Range.of(-1.0 if empty or x.nan else 0.0, most, integer=True),
                          varies=x.varies)]  # fmt: skip


@transfer("LpPool", "GlobalLpPool", ulps=16)
def norm_of_windows(at: At) -> Range:
    """(Σ|x|^p)^(1/p): from the least magnitude of an element to n^(1/p) times the largest."""
    low, high = over_windows(at)
    p = max(float(at.attribute("p", 2) or 2), 1.0)
    terms = window(at)
    size = np.maximum(np.abs(low), np.abs(high))
    least = np.where((low <= 0) & (high >= 0), 0.0, np.minimum(np.abs(low), np.abs(high)))
    count = np.inf if terms is None else float(terms)
    rate = ((terms or 0) + 32) * at.eps
    power = size**p + vanished(at.element_type_out(), 1, size)
    most = np.where(size == 0, 0.0, (power * count) ** (1 / p) * (1 + rate))
    over = power * count > at.limits[1] / 2
    least = np.where(least**p < 1e-30, 0.0, least * (1 - min(rate, 1.0)))
    if may_be_empty(at):
        least = np.zeros_like(least)
    return at.made(least, np.where(over & (size > 0), np.inf, most), at[0], mixes=True,
                   loose=terms is None)  # fmt: skip


def over_windows(at: At, slot: int = 0, axis: int = 1) -> tuple[Array, Array]:
    """The ends of samples and channels; one box along the axes that windows move over."""
    ends = contraction.grid(at, slot)
    if ends is None or ends[0].ndim < 2:
        return np.asarray(at[slot].least), np.asarray(at[slot].most)
    axes = tuple(each for each in range(1, ends[0].ndim) if each != axis % ends[0].ndim)
    return contraction.merged(ends, axes)


def window(at: At, slot: int = 0) -> int | None:
    """The elements of a window; of a global pool those of a channel. None where not known."""
    if "Global" in at.node.op:
        dims = at.dims(slot)
        if dims is None or len(dims) < 2:
            return None
        rest = range(1, len(dims) - 1) if at.attribute("channels_last", 0) else range(2, len(dims))
        return at.size(slot, list(rest))
    shape = at.attribute("kernel_shape")
    return math.prod(max(int(size), 1) for size in shape) if shape else None


def is_padded(at: At) -> bool:
    """Whether windows may reach beyond the data."""
    auto = at.attribute("auto_pad", "NOTSET")
    auto = auto.decode() if isinstance(auto, bytes) else auto
    if not at.is_decided("pads", "auto_pad", "ceil_mode"):
        return True
    return (
        auto in ("SAME_UPPER", "SAME_LOWER")
        or any(at.attribute("pads") or ())
        or bool(at.attribute("ceil_mode", 0))
    )


def counts_padding(at: At) -> bool:
    """Whether zeros of the padding are averaged."""
    counted = at.attribute("count_include_pad", 0) or not at.is_decided("count_include_pad")
    return bool(counted) and is_padded(at)


def may_be_empty(at: At) -> bool:
    """Whether a dilated window may have all its taps beyond the data."""
    return is_padded(at) and any(each > 1 for each in at.attribute("dilations") or ())
