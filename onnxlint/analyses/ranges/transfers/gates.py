"""x times something that opens between 0 and 1: GELU, Swish, Mish. They fall, turn, and rise.

The gate is off by up to 2.6 units of 1, the result by as many of x, also on the side where it is
next to nothing; far out there the gate is exactly 0, and the result too.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from onnxlint.analyses.ranges.at import At
from onnxlint.analyses.ranges.range import Range, settled, together
from onnxlint.analyses.ranges.registry import transfer
from onnxlint.analyses.ranges.transfers.activations import logistic
from onnxlint.analyses.ranges.transfers.arithmetic import product
from onnxlint.analyses.ranges.transfers.curves import curve, kernel_eps, reaches
from onnxlint.analyses.ranges.transfers.unary import erf

if TYPE_CHECKING:
    from onnxlint.types import Array

CLOSED = 40.0
"""From here on the gates are exactly 0: that of float32 from 16, that of float64 from 37."""

GELU_TURN = -0.7517915246935645
TANH_TURN = -0.7524614220710162
SWISH_TURN = -1.278464542761074
MISH_TURN = -1.1924312122285605


@transfer("Gelu", pointwise=True)
def gelu(at: At) -> Range:
    """x · Φ(x), by the error function or by its approximation; -0.17 at least."""
    if at.attribute("approximate", "none") in ("tanh", b"tanh"):
        return _by_tanh(at, at[0])
    return _by_erf(at, at[0])


@transfer("com.microsoft::Gelu", pointwise=True)
def plain_gelu(at: At) -> Range:
    """x · Φ(x)."""
    return _by_erf(at, at[0])


@transfer("com.microsoft::BiasGelu", pointwise=True)
def biased_gelu(at: At) -> Range:
    """x · Φ(x) of a sum."""
    return _by_erf(at, _biased(at))


@transfer("com.microsoft::FastGelu", pointwise=True)
def fast_gelu(at: At) -> Range:
    """The approximation of x · Φ(x) by tanh, of a sum where there is a bias."""
    return _by_tanh(at, _biased(at) if at.has(1) else at[0])


@transfer("com.microsoft::QuickGelu", pointwise=True)
def quick_gelu(at: At) -> Range:
    """x · sigmoid(alpha · x), alpha 1.702."""
    return _by_sigmoid(at, float(at.attribute("alpha", 1.702)))


@transfer("Swish", pointwise=True)
def swish(at: At) -> Range:
    """x · sigmoid(alpha · x), alpha 1; -0.2785 / alpha at least."""
    return _by_sigmoid(at, float(at.attribute("alpha", 1.0)))


@transfer("SwiGLU", ulps=4, pointwise=True)
def gated_linear(at: At) -> Range:
    """Swish of the first input times the second."""
    opened = settled(_by_sigmoid(at, float(at.attribute("alpha", 1.0))), at.element_type_out())
    a, b = together(opened, at[1])
    return product(at, a, b)


@transfer("Mish", pointwise=True)
def mish(at: At) -> Range:
    """x · tanh(ln(1 + e^x)); -0.3089 at least."""

    def gate(p: Array) -> Array:
        return np.asarray(np.tanh(np.maximum(p, 0) + np.log1p(np.exp(-np.abs(p)))))

    return _gated(at, at[0], gate, MISH_TURN)


@transfer("HardSwish", pointwise=True)
def hard_swish(at: At) -> Range:
    """x · (x / 6 + 1/2 between 0 and 1); -0.375 at least, 0 below -3."""
    return _gated(at, at[0], lambda p: np.clip(p / 6 + 0.5, 0, 1), -1.5, closed=4.0)


def _biased(at: At) -> Range:
    """The sum of both inputs, as the kernel rounds it."""
    a, b = together(at[0], at[1])
    opposed = (reaches(a, 1) and reaches(b, -1)) or (reaches(a, -1) and reaches(b, 1))
    total = at.made(a.low + b.low, a.high + b.high, a, b, nan=opposed,
                    loose=a.varies and b.varies)  # fmt: skip
    return settled(total, at.element_type_out())


def _by_erf(at: At, x: Range) -> Range:
    return _gated(at, x, lambda p: 0.5 * (1 + erf(p / math.sqrt(2))), GELU_TURN)


def _by_tanh(at: At, x: Range) -> Range:
    factor = math.sqrt(2 / math.pi)

    def gate(p: Array) -> Array:
        return 0.5 * (1 + np.tanh(factor * (p + 0.044715 * p**3)))

    return _gated(at, x, gate, TANH_TURN)


def _by_sigmoid(at: At, alpha: float) -> Range:
    x = at[0]
    if not alpha:  # 0 · ∞ in the gate
        return curve(at, x, lambda p: p / 2, off=4.0, nan=x.infinite)
    return _gated(at, x, lambda p: logistic(alpha * p), SWISH_TURN / alpha,
                  closed=CLOSED / abs(alpha), side=math.copysign(1.0, alpha))  # fmt: skip


def _gated(
    at: At, x: Range, gate: Callable[[Array], Array], turn: float,
    closed: float = CLOSED, side: float = 1.0,
) -> Range:  # fmt: skip
    """x · gate(x); ∞ times the closed gate is NaN.

    Args:
        at: the node.
        x: what it reads.
        gate: between 0 and 1.
        turn: where the product turns.
        closed: how far out the gate is exactly 0.
        side: 1 where it is closed below 0, -1 where it is closed above.
    """

    def function(p: Array) -> Array:
        return p * gate(p)

    def slip(p: Array) -> Array:
        beyond = 2 * np.abs(np.nan_to_num(function(p))) / kernel_eps(at)  # as far as 0
        return np.where(side * p >= -closed, 4 * np.abs(p), beyond)

    return curve(at, x, function, slip=slip, turns=(turn, -side * closed), nan=reaches(x, -side))
