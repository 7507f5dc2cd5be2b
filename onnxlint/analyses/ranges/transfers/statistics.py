"""Normalisations by given statistics, and by neighbours."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from onnxlint.analyses.ranges.at import At
from onnxlint.analyses.ranges.range import Range, join, together
from onnxlint.analyses.ranges.registry import transfer
from onnxlint.analyses.ranges.transfers.folding import SINGLE, bounded, slip
from onnxlint.analyses.ranges.transfers.normalising import channelled

if TYPE_CHECKING:
    from onnxlint.types import Array


@transfer("BatchNormalization", ulps=4)
def batch(at: At) -> Range | list[Range] | None:
    """(x - mean) / √(variance + epsilon) · scale + bias, with given statistics for each channel.

    The kernel computes x · a + b, so that what cancels is off by ulps of mean · a.
    """
    if not all(at.has(slot) for slot in range(5)):
        return None
    if at.attribute("training_mode", 0) or not at.is_decided("training_mode", "epsilon"):
        return _trained(at)
    x, scale, bias, mean, variance = (
        at.with_rank(0),
        *(channelled(at, at[slot]) for slot in range(1, 5)),
    )
    x, scale, bias, mean, variance = together(x, scale, bias, mean, variance)
    inverse, nan = _inverse(variance, float(np.float32(at.attribute("epsilon", 1e-5))))
    factor = _corners(scale.low, scale.high, *inverse)
    centred = x.low - mean.high, x.high - mean.low
    low, high = _corners(*centred, *factor)
    size = np.maximum(np.abs(factor[0]), np.abs(factor[1]))
    reach = np.maximum(np.abs(x.low), np.abs(x.high)) + np.maximum(np.abs(mean.low),
                                                                  np.abs(mean.high))  # fmt: skip
    off = (
        4
        * at.eps
        * (np.nan_to_num(reach * size, posinf=0.0) + np.abs(bias.low) + np.abs(bias.high))
    )
    nan = nan or (x.infinite and bool((scale.low <= 0).any() and (scale.high >= 0).any()))
    return at.made(low + bias.low - off, high + bias.high + off, nan=nan or _meets(low, high, bias))


def _meets(low: Array, high: Array, bias: Range) -> bool:
    return bias.infinite and bool(np.isinf(low).any() or np.isinf(high).any())


def _inverse(variance: Range, epsilon: float) -> tuple[tuple[Array, Array], bool]:
    """1 / √(variance + epsilon): ∞ at 0 and NaN below."""
    low, high = variance.low + epsilon, variance.high + epsilon
    nan = bool((low < 0).any())
    return (1 / np.sqrt(np.maximum(high, 0)), 1 / np.sqrt(np.maximum(low, 0))), nan


def _corners(low: Array, high: Array, least: Array, most: Array) -> tuple[Array, Array]:
    found = np.array(np.broadcast_arrays(
        *(np.nan_to_num(p * q, nan=0.0, posinf=np.inf, neginf=-np.inf)
          for p in (low, high) for q in (least, most))
    ))  # fmt: skip
    return found.min(axis=0), found.max(axis=0)


def _trained(at: At) -> list[Range]:
    """By the statistics of the batch, whose size is seldom known; the running ones move to them."""
    x, rank = at[0], at.rank(0)
    scale, bias = (channelled(at, at[slot]) for slot in (1, 2))
    count = None if rank is None else at.size(0, [a for a in range(rank) if a != 1])
    terms = count or 1 << 31
    epsilon = at.attribute("epsilon", 1e-5) if at.is_decided("epsilon") else 0.0
    bound = float(np.sqrt(terms) * (1 + slip(at, count)))
    if not (x.free or x.loose):
        bound += (slip(at, count) + 8 * SINGLE) * x.magnitude / max(float(epsilon), 1e-300) ** 0.5
    if not epsilon > 1e-30:
        bound = np.inf
    size = np.nan_to_num(np.maximum(np.abs(scale.low), np.abs(scale.high)) * bound, nan=0.0)
    nan = x.infinite or not epsilon > 1e-30 or x.magnitude * terms > at.limits[1]
    made = at.made(bias.low - size, bias.high + size, nan=nan, mixes=True, loose=True)
    off = slip(at, count) * np.nan_to_num(x.magnitude, posinf=0.0)
    mean = at.made(x.least - off, x.most + off, x, mixes=True)
    spread = (x.most - x.least) ** 2 / 2 + off * off + 8 * at.eps * x.magnitude**2
    variance = at.made(0.0, np.nan_to_num(spread, nan=np.inf), x, nan=x.infinite, mixes=True)
    result = bounded(made) if np.isfinite(bound) else made
    return [result, join(at[3].hull, mean), join(at[4].hull, variance)]


@transfer("LRN", ulps=32)
def local(at: At) -> Range | None:
    """x / (bias + alpha / size · Σ x²)^beta over neighbours: at most x / bias^beta.

    The kernel adds and takes away squares channel by channel: what a large one leaves behind may
    make the sum negative, whose power is NaN.
    """
    size, bias = at.attribute("size", 0), float(at.attribute("bias", 1.0))
    alpha, beta = float(at.attribute("alpha", 1e-4)), float(at.attribute("beta", 0.75))
    if not at.has(0) or not at.is_decided("size", "bias", "alpha", "beta") or size <= 0:
        return None
    x, weight = at[0], alpha / size
    channels = at.size(0, [1]) if (at.rank(0) or 0) > 1 else None
    left = 4 * (channels or 4096) * SINGLE * weight * x.magnitude**2
    if not left < bias / 2 or beta < 0 or alpha < 0:
        low, high = (0.0 if x.least >= 0 else -np.inf), (0.0 if x.most <= 0 else np.inf)
        return at.made(low, high, nan=True, mixes=True, loose=True)
    off = 1 + 4 * left / bias

    def largest(reach: float) -> float:
        points = [reach]
        if beta > 0.5 and weight > 0:
            points.append(min(reach, (bias / (weight * (2 * beta - 1))) ** 0.5))
        found = max(t * float((bias + weight * t * t) ** -beta) for t in points)
        return float(found * off)

    return at.made(-largest(max(-x.least, 0.0)), largest(max(x.most, 0.0)), mixes=True, loose=True)
