"""Numbers drawn at random, and operators that make no numbers."""

from __future__ import annotations

import math

from msgspec.structs import replace

from onnxlint.analyses.ranges.at import At
from onnxlint.analyses.ranges.range import Range
from onnxlint.analyses.ranges.registry import transfer
from onnxlint.analyses.ranges.transfers.grids import MOST_SIZE, counted

FARTHEST = 39.0
"""Deviations that a normal number is off its mean at most: sqrt(-2 ln u), as generators make it of
a uniform number u, for the least double that is not 0."""


@transfer("RandomUniform", "RandomUniformLike")
def uniform(at: At) -> Range | None:
    """From low to high, which rounding may reach."""
    low, high = at.attribute("low", 0.0), at.attribute("high", 1.0)
    if not at.is_decided("low", "high"):
        return None
    return Range.of(min(low, high), max(low, high), varies=True)


@transfer("RandomNormal", "RandomNormalLike")
def normal(at: At) -> Range | None:
    """Around the mean, as far as a generator can come."""
    mean, scale = at.attribute("mean", 0.0), at.attribute("scale", 1.0)
    if not at.is_decided("mean", "scale") or not math.isfinite(mean + scale):
        return None
    width = FARTHEST * abs(scale)
    slip = 4 * at.eps * (abs(mean) + width)
    return Range.of(mean - width - slip, mean + width + slip, varies=True)


@transfer("Bernoulli")
def tossed(at: At) -> Range:
    """0 or 1."""
    return Range.of(0, 1, integer=True, varies=True)


@transfer("Multinomial")
def chosen_class(at: At) -> Range:
    """A class."""
    classes = at.size(0, [1]) if at.rank(0) == 2 else None
    most = MOST_SIZE if classes is None else max(classes - 1, 0)
    return replace(counted(at, 0, most, free=classes is None), varies=True)


@transfer("RegexFullMatch")
def matched(at: At) -> Range:
    """Whether a text matches."""
    return Range.of(0, 1, integer=True, varies=True)


@transfer("StringConcat", "StringNormalizer", "StringSplit", "com.microsoft::StringLower",
          "com.microsoft::StringUpper")  # fmt: skip
def text(at: At) -> None:
    """Texts are no numbers."""
