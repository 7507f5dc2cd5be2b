"""Models without any depth: a constant, and one layer; only the logistic one needs scikit-learn."""

from __future__ import annotations

import warnings

import numpy as np

from onnxlint.model.file.errors import DataError
from onnxlint.runtime.metrics.fits import Samples
from onnxlint.runtime.protocol import Array

STRENGTH = 1.0
"""Of the ridge, scikit-learn's own: features that say the same would break a plain regression."""


def majority_class(fitted: Samples, predicted: Samples) -> Array:
    """The most frequent class; of several the first."""
    classes, counts = np.unique(fitted.truths, return_counts=True)
    return np.full(len(predicted), classes[counts.argmax()], fitted.truths.dtype)


def mean(fitted: Samples, predicted: Samples) -> Array:
    """The mean of the targets."""
    return np.tile(fitted.truths.mean(axis=0), (len(predicted), 1))


def logistic_regression(fitted: Samples, predicted: Samples) -> Array:
    """That of scikit-learn, on standardised features.

    Raises:
        DataError: scikit-learn is missing.
    """
    require_sklearn()
    from sklearn.linear_model import LogisticRegression

    mine, others = _standardised(fitted.table, predicted.table)
    if len(np.unique(fitted.truths)) < 2 or not mine.shape[1]:
        return majority_class(fitted, predicted)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # rare classes, and fits that could still improve a little
        return np.asarray(LogisticRegression(max_iter=200).fit(mine, fitted.truths).predict(others))


def linear_regression(fitted: Samples, predicted: Samples) -> Array:
    """Least squares on standardised features, with a ridge."""
    mine, others = _standardised(fitted.table, predicted.table)
    offset = fitted.truths.mean(axis=0)
    targets = fitted.truths - offset
    samples, features = mine.shape
    if features <= samples:
        slopes = np.linalg.solve(mine.T @ mine + STRENGTH * np.eye(features), mine.T @ targets)
    else:  # the same, in the space of the samples
        slopes = mine.T @ np.linalg.solve(mine @ mine.T + STRENGTH * np.eye(samples), targets)
    return np.asarray(others @ slopes + offset)


def require_sklearn() -> None:
    """Says how to get scikit-learn.

    Raises:
        DataError: it is missing.
    """
    try:
        import sklearn  # noqa: F401
    except ImportError as error:
        remedy = "pip install 'onnxlint[baseline]'"
        raise DataError(f"a baseline needs scikit-learn ({error}): {remedy}") from error


def _standardised(mine: Array, others: Array) -> tuple[Array, Array]:
    """Both by mean and standard deviation of the first; constant features are left out."""
    centre, spread = mine.mean(axis=0), mine.std(axis=0)
    varies = spread > 0
    scaled = [(each[:, varies] - centre[varies]) / spread[varies] for each in (mine, others)]
    return scaled[0], scaled[1]
