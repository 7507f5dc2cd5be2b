"""Whether a weight is still as an initialisation draws it, or looks trained."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from onnxlint.types import Array

FEWEST_UNIFORM, FEWEST_NORMAL = 64, 1024
"""Elements from which on the shape of a distribution tells: a choice, by the standard errors."""

ERRORS = 3.0
"""Standard errors within which a moment of what was drawn lies; a choice, 1 in 370 is beyond."""


def looks_drawn(array: Array, gates: int = 0) -> bool:
    """Whether the numbers are spread as PyTorch, Keras and transformers draw them.

    `gates` are those of a recurrent layer, whose weights lie below each other for each direction.
    A uniform distribution must end where the scheme's does, to a part in its number of elements;
    a normal one must have its deviation, and neither skew nor tails.
    """
    import numpy as np

    flat = array.reshape(-1).astype(np.float64)
    count = flat.size
    if count < FEWEST_UNIFORM or not np.isfinite(flat).all():
        return False
    deviation = float(flat.std())
    if not deviation:
        return False
    schemes = _deviations(array.shape[-2:] if gates else array.shape)
    if gates:  # PyTorch draws them by the hidden size
        schemes.append((gates / (3 * array.shape[-2])) ** 0.5)
    peak = float(np.abs(flat).max())
    ends = (scheme * 3**0.5 for scheme in schemes)
    if any(end * (1 - 20 / count) <= peak <= end * (1 + 1e-6) for end in ends):
        return bool(abs(_kurtosis(flat, deviation) - 1.8) < ERRORS * 0.9 / count**0.5)
    if count < FEWEST_NORMAL:
        return False
    near = any(abs(deviation / s - 1) < ERRORS * (0.5 / count) ** 0.5 for s in schemes)
    bell = abs(_kurtosis(flat, deviation) - 3) < ERRORS * (24 / count) ** 0.5
    centred = abs(float(flat.mean())) < ERRORS * deviation / count**0.5
    return bool(near and bell and centred)


def _kurtosis(flat: Array, deviation: float) -> float:
    return float((((flat - flat.mean()) / deviation) ** 4).mean())


def _deviations(shape: tuple[int, ...]) -> list[float]:
    """Standard deviations of the usual schemes for a weight of outputs by inputs by kernel."""
    kernel = prod(shape[2:])
    fan_in, fan_out = max(1, prod(shape[1:])), max(1, shape[0] * kernel)
    xavier = (2 / (fan_in + fan_out)) ** 0.5
    return [(1 / (3 * fan_in)) ** 0.5, fan_in**-0.5, (2 / fan_in) ** 0.5, (2 / fan_out) ** 0.5,
            (1 / (3 * fan_out)) ** 0.5, xavier, 0.02, 1.0]  # fmt: skip
