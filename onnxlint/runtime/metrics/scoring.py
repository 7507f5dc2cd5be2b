"""How well predictions meet labels: plain numpy, everything in float64."""

from __future__ import annotations

import numpy as np

from onnxlint.runtime.protocol import Array

CALIBRATION_BINS = 15
"""Of confidence, equally wide: as in Guo et al., On Calibration of Modern Neural Networks, 2017."""

_LEAST = float(np.finfo(np.float32).eps)
"""A probability of 0 is taken for this in a logarithm."""


def log_loss(probabilities: Array, classes: Array) -> float:
    """Mean of -ln of the probability that each row [rows, k] gives its class."""
    return float(log_losses(probabilities, classes).mean())


def log_losses(probabilities: Array, classes: Array) -> Array:
    """That of each row."""
    chosen = probabilities[np.arange(len(classes)), classes]
    return np.asarray(-np.log(np.clip(chosen, _LEAST, 1)))


def binary_log_loss(probabilities: Array, truths: Array) -> float:
    """The same for independent labels: 1 where a label holds, 0 where not."""
    return float(binary_log_losses(probabilities, truths).mean())


def binary_log_losses(probabilities: Array, truths: Array) -> Array:
    """That of each label."""
    p = np.clip(probabilities, _LEAST, 1 - _LEAST)
    return np.asarray(-np.where(truths == 1, np.log(p), np.log1p(-p)))


def calibration_error(confidence: Array, right: Array) -> float:
    """Expected calibration error: |accuracy - mean confidence| of each bin, weighted by its rows.

    `right` says of each row whether its prediction is right.
    """
    bins = np.minimum((confidence * CALIBRATION_BINS).astype(int), CALIBRATION_BINS - 1)
    gaps = np.bincount(bins, right.astype(np.float64) - confidence, CALIBRATION_BINS)
    return float(np.abs(gaps).sum() / len(confidence))


def reliability(confidence: Array, right: Array) -> tuple[Array, Array, Array]:
    """Of each bin the rows, their mean confidence and their accuracy; 0 where it has no rows."""
    bins = np.minimum((confidence * CALIBRATION_BINS).astype(int), CALIBRATION_BINS - 1)
    counts = np.bincount(bins, minlength=CALIBRATION_BINS)
    sums = (np.bincount(bins, each, CALIBRATION_BINS) for each in (confidence, right))
    trust, accuracy = (total / np.maximum(counts, 1) for total in sums)
    return counts, trust, accuracy


def calibration_by_chance(confidence: Array, share: float, draws: int = 200) -> float:
    """The calibration error that a perfectly calibrated model stays below in so many cases.

    Its predictions are right as often as their confidence says; few samples alone make bins differ.
    """
    rng = np.random.default_rng(0)
    drawn = (rng.random(len(confidence)) < confidence for _ in range(draws))
    return float(np.quantile([calibration_error(confidence, right) for right in drawn], share))


def recalls(predicted: Array, classes: Array) -> dict[int | str, float]:
    """Of each class that occurs, a number or a name, the share that is predicted as such."""
    labels, rows = np.unique(classes, return_inverse=True)
    rows = rows.reshape(-1)
    right = np.asarray(predicted == classes, bool).reshape(-1)
    shares = np.bincount(rows, right, len(labels)) / np.bincount(rows, minlength=len(labels))
    return dict(zip(labels.tolist(), shares.tolist(), strict=True))


def rmse(predicted: Array, targets: Array) -> float:
    """Root of the mean squared error."""
    return float(np.sqrt(((predicted - targets) ** 2).mean()))


def r2(predicted: Array, targets: Array) -> float | None:
    """Share of the variance that is explained, all columns together; None where there is none."""
    spread = ((targets - targets.mean(axis=0)) ** 2).sum()
    return float(1 - ((predicted - targets) ** 2).sum() / spread) if spread else None
