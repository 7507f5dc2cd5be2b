"""Losses, and two operators that stand alone: grids of affine maps, decoded images."""

from __future__ import annotations

import numpy as np
from msgspec.structs import replace

from onnxlint.analyses.ranges.at import At
from onnxlint.analyses.ranges.range import Range, join
from onnxlint.analyses.ranges.registry import transfer

COORDINATES = 1.0
"""Grids of AffineGrid have coordinates from -1 to 1."""


@transfer("NegativeLogLikelihoodLoss", ulps=4)
def loss_of_logarithms(at: At) -> Range:
    """-w[t] · x[t], added up or averaged; 0 where the target is the one to ignore."""
    return _loss(at, at[0], 2)


@transfer("SoftmaxCrossEntropyLoss", ulps=4)
def loss_of_logits(at: At) -> list[Range]:
    """The same of log softmax(x), which is the second output."""
    x, classes = at[0], at.size(0, [1]) if (at.rank(0) or 0) > 1 else None
    width = x.most - x.least + np.log(float(classes or 2**31))
    width += 8 * at.eps * (1 + x.magnitude) if np.isfinite(x.magnitude) else 0.0
    low = -width if np.isfinite(width) else -np.inf
    shares = at.made(low, 0.0, x, nan=x.infinite, mixes=True, loose=True)
    return [_loss(at, shares, 2), shares]


def _loss(at: At, logarithms: Range, slot: int) -> Range:
    weight = at[slot] if at.has(slot) else Range.of(1.0, 1.0)
    below, above = -logarithms.most, -logarithms.least
    with np.errstate(invalid="ignore"):
        corners = np.nan_to_num([w * x for w in (weight.least, weight.most)
                                 for x in (below, above)], nan=0.0,
                                posinf=np.inf, neginf=-np.inf)  # fmt: skip
    each = Range.of(min(0.0, corners.min()), max(0.0, corners.max()))
    reduction, nan = at.attribute("reduction", "mean"), logarithms.nan or weight.nan
    low, high = each.least, each.most
    if reduction == "mean":  # by the weights' sum, which is 0 where all targets are ignored
        plain = join(Range.of(below, above), Range.of(0.0, 0.0))
        mixed = weight.least < 0 or weight.infinite
        low, high = (-np.inf, np.inf) if mixed else (plain.least, plain.most)
        nan = True
    elif reduction != "none":
        count = float(at.size(1) or 2**31)
        low, high = low * count, high * count
    slip = 1e-5 if at.dtype_out() != "float16" else 1e-2
    size = max(abs(low), abs(high)) if np.isfinite([low, high]).all() else 0.0
    found = at.made(low - slip * size, high + slip * size, logarithms, weight, nan=nan,
                    mixes=True, loose=True)  # fmt: skip
    return replace(found, varies=True)


@transfer("AffineGrid", ulps=8)
def affine_grid(at: At) -> Range:
    """θ · (x, y, z, 1) with coordinates from -1 to 1: at most the sum of a row's magnitudes."""
    size = at[0].magnitude * 4 * COORDINATES
    return at.made(-size, size, at[0], nan=at[0].infinite, mixes=True, loose=True)


@transfer("ImageDecoder")
def decoded(at: At) -> Range:
    """Bytes."""
    return replace(Range.of(0.0, 255.0, integer=True), varies=True)
