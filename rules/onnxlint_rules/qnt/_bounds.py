"""What activations are bounded by."""

from __future__ import annotations

from collections.abc import Mapping

BOUNDS: Mapping[str, tuple[float, float]] = {
    "Sigmoid": (0.0, 1.0), "HardSigmoid": (0.0, 1.0), "Softmax": (0.0, 1.0), "Tanh": (-1.0, 1.0),
    "com.microsoft::QLinearSigmoid": (0.0, 1.0), "com.microsoft::QLinearSoftmax": (0.0, 1.0),
}  # fmt: skip
"""The range of their values for every input; of quantised ones, that of what they stand for."""
