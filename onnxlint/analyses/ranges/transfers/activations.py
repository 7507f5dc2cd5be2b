"""Activations of neural networks that only rise, or that are made of straight lines.

How far kernels are off was measured as that of the functions in `unary`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from onnxlint.analyses.ranges.at import At
from onnxlint.analyses.ranges.range import Range
from onnxlint.analyses.ranges.registry import transfer
from onnxlint.analyses.ranges.transfers.arithmetic import product
from onnxlint.analyses.ranges.transfers.curves import curve, just_above_one, reaches

if TYPE_CHECKING:
    from onnxlint.types import Array

SELU_ALPHA, SELU_GAMMA = 1.67326319217681884765625, 1.05070102214813232421875


@transfer("Relu", pointwise=True)
def rectified(at: At) -> Range:
    """max(x, 0)."""
    x = at[0]
    return at.made(np.maximum(x.low, 0), np.maximum(x.high, 0), x, integer=x.integer)


@transfer("LeakyRelu", pointwise=True)
def leaky(at: At) -> Range:
    """x, below 0 a part of it."""
    alpha, x = float(at.attribute("alpha", 0.01)), at[0]

    def function(p: Array) -> Array:
        return np.where(p < 0, alpha * p, p)

    return curve(at, x, function, off=1.0, turns=(0.0,), nan=not alpha and reaches(x, -1))


@transfer("PRelu", pointwise=True)
def parametric(at: At) -> Range:
    """x, below 0 its product with a slope."""
    x, slope = at.pair()
    if x.least >= 0:
        return at.made(x.low, x.high, x, slope, nan=False, integer=x.integer)
    below = Range(np.minimum(x.low, 0), np.minimum(x.high, 0), nonzero=x.nonzero)
    part = product(at, below, slope)
    none = x.low >= 0
    low = np.where(none, x.low, np.where(x.high > 0, np.minimum(part.low, 0), part.low))
    high = np.where(none, x.high, np.maximum(part.high, x.high))
    high = np.where(~none & (x.high <= 0), part.high, high)
    return at.made(low, high, x, slope, nan=part.nan, integer=x.integer and slope.integer,
                   loose=x.varies and slope.varies)  # fmt: skip


@transfer("Elu", pointwise=True)
def exponential_linear(at: At) -> Range:
    """x, below 0 alpha · (e^x - 1), which is off by half a unit of alpha."""
    alpha = float(at.attribute("alpha", 1.0))

    def function(p: Array) -> Array:
        return np.where(p < 0, alpha * np.expm1(np.minimum(p, 0)), p)

    return curve(at, at[0], function, off=1.0, slip=_below(2 * abs(alpha)), turns=(0.0,),
                 least=min(-alpha, 0.0) if alpha >= 0 else -np.inf)  # fmt: skip


def _below(units: float) -> _Slip:
    """So much below 0, nothing else."""
    return lambda p: np.where(p < 0, units, 0.0)


if TYPE_CHECKING:
    from collections.abc import Callable

    _Slip = Callable[[Array], Array]


@transfer("Selu", pointwise=True)
def scaled_exponential(at: At) -> Range:
    """gamma times x, below 0 gamma · alpha · (e^x - 1)."""
    alpha = float(at.attribute("alpha", SELU_ALPHA))
    gamma = float(at.attribute("gamma", SELU_GAMMA))
    x = at[0]

    def function(p: Array) -> Array:
        return gamma * np.where(p < 0, alpha * np.expm1(np.minimum(p, 0)), p)

    return curve(at, x, function, off=2.0, slip=_below(3 * abs(alpha * gamma)), turns=(0.0,),
                 nan=not gamma and reaches(x, 1))  # fmt: skip


@transfer("Celu", pointwise=True)
def continuous_exponential(at: At) -> Range:
    """max(0, x) + min(0, alpha · (e^(x / alpha) - 1)); of an alpha below 0 nothing bounds it."""
    alpha, x = float(at.attribute("alpha", 1.0)), at[0]
    if alpha <= 0:
        return at.made(-np.inf, np.maximum(x.high, 0), x, nan=True)

    def function(p: Array) -> Array:
        return np.where(p < 0, alpha * np.expm1(np.minimum(p, 0) / alpha), p)

    return curve(at, x, function, off=1.0, slip=_below(4 * alpha), turns=(0.0,))


@transfer("Sigmoid", pointwise=True)
def sigmoid(at: At) -> Range:
    """1 / (1 + e^-x), off by 1.4 units of 1 (0.8 in float64).

    Exactly 0 from -15.8 on in float32 and from -36.7 on in float64; just above 1 for some numbers
    between 15 and 18.
    """
    return curve(at, at[0], logistic, slip=lambda p: np.full_like(p, 2.5), least=0.0,
                 most=just_above_one(at))  # fmt: skip


def logistic(x: Array) -> Array:
    """The same without overflow."""
    part = np.exp(-np.abs(x))
    return np.asarray(np.where(x >= 0, 1.0, part) / (1.0 + part))


@transfer("HardSigmoid", pointwise=True)
def hard_sigmoid(at: At) -> Range:
    """alpha · x + beta between 0 and 1; the sum rounds."""
    alpha, beta = float(at.attribute("alpha", 0.2)), float(at.attribute("beta", 0.5))
    x = at[0]

    def function(p: Array) -> Array:
        return np.asarray((alpha * p if alpha else 0.0 * np.sign(p)) + beta)

    return curve(at, x, function, off=2.0, slip=lambda p: 2 * (np.abs(alpha * p) + abs(beta)),
                 least=0.0, most=1.0, nan=not alpha and x.infinite)  # fmt: skip


@transfer("Softplus", pointwise=True)
def softplus(at: At) -> Range:
    """ln(1 + e^x): 2.5 units off, does not overflow."""
    return curve(at, at[0], lambda p: np.maximum(p, 0) + np.log1p(np.exp(-np.abs(p))), off=4.0)


@transfer("Softsign", pointwise=True)
def softsign(at: At) -> Range:
    """x / (1 + |x|): 2 units off, and that beyond 1; NaN of infinity."""
    x = at[0]

    def function(p: Array) -> Array:
        return np.where(np.isinf(p), np.sign(p), p / (1.0 + np.abs(p)))

    most = just_above_one(at)
    return curve(at, x, function, off=3.0, least=-most, most=most, nan=x.infinite)


@transfer("ThresholdedRelu", pointwise=True)
def thresholded(at: At) -> Range:
    """x where it is larger than alpha, else 0, which NaN becomes."""
    alpha, x = float(at.attribute("alpha", 1.0)), at[0]
    return _pieces(at, [(x.high > alpha, np.maximum(x.low, alpha), x.high)],
                   (x.low <= alpha) | x.nan)  # fmt: skip


@transfer("Shrink", pointwise=True)
def shrunk(at: At) -> Range:
    """x + bias below -lambd, x - bias above lambd, else 0, which NaN becomes.

    The kernel computes it in float32, whatever the type, and cuts integers off.
    """
    bias, lambd, x = float(at.attribute("bias", 0.0)), float(at.attribute("lambd", 0.5)), at[0]
    pieces = [(x.low < -lambd, x.low + bias, np.minimum(x.high, -lambd) + bias),
              (x.high > lambd, np.maximum(x.low, lambd) - bias, x.high - bias)]  # fmt: skip
    found = _pieces(at, pieces, ((x.high >= -lambd) & (x.low <= lambd)) | x.nan)
    if at.dtype_out() in ("float", "float16", "bfloat16"):
        return found
    low, high = _through_float32(found.low, -1.0), _through_float32(found.high, 1.0)
    if not at.is_float:
        low, high = np.trunc(low), np.trunc(high)
    return at.made(low, high, x, integer=not at.is_float)


def _through_float32(ends: Array, sign: float) -> Array:
    """As computed in float32: small whole numbers are exact, too large ones infinite."""
    is_exact = (np.abs(ends) <= 2.0**24) & (np.floor(ends) == ends)
    size = np.where(np.isinf(ends), 0.0, np.abs(ends))
    moved = ends + sign * np.where(is_exact, 0.0, 2 * 2.0**-23 * size + 2.0**-149)
    return np.where(np.abs(moved) > np.finfo(np.float32).max, np.sign(moved) * np.inf, moved)


def _pieces(at: At, pieces: list[tuple[Array, Array, Array]], zero: Array) -> Range:
    """The hull of those pieces that are there, and of 0."""
    low, high = np.where(zero, 0.0, np.inf), np.where(zero, 0.0, -np.inf)
    for is_there, least, most in pieces:
        low = np.where(is_there, np.minimum(low, least), low)
        high = np.where(is_there, np.maximum(high, most), high)
    x = at[0]
    nowhere = low > high
    return at.made(np.where(nowhere, x.low, low), np.where(nowhere, x.high, high), x)


@transfer("ai.onnx.ml::Binarizer", pointwise=True)
def binarised(at: At) -> Range:
    """1 above the threshold, else 0; NaN ends the run."""
    threshold, x = float(at.attribute("threshold", 0.0)), at[0]
    return at.made(np.where(x.low > threshold, 1.0, 0.0), np.where(x.high > threshold, 1.0, 0.0),
                   x, integer=True)  # fmt: skip
