"""What models without any depth reach on the same samples, with scikit-learn."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from onnxlint.model.file.errors import DataError
from onnxlint.runtime.metrics import scoring
from onnxlint.runtime.protocol import Array

FOLDS = 5
"""Every sample is predicted by a baseline that was fitted on the other four fifths."""


def classified(features: Array, classes: Array, seed: int) -> dict[str, float]:
    """Accuracies of the majority class and of a logistic regression, by cross-validation.

    Raises:
        DataError: scikit-learn is missing.
    """
    _require()
    from sklearn.dummy import DummyClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedKFold

    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=seed)
    models = {
        "majority class": DummyClassifier(strategy="most_frequent"),
        "logistic regression": LogisticRegression(max_iter=200),
    }
    predicted = {name: _predicted(m, features, classes, folds) for name, m in models.items()}
    return {name: float((found == classes).mean()) for name, found in predicted.items()}


def regressed(features: Array, targets: Array, seed: int) -> dict[str, float]:
    """RMSE of the mean and of a linear regression, by cross-validation.

    The regression is a ridge of strength 1: features that say the same would break a plain one.

    Raises:
        DataError: scikit-learn is missing.
    """
    _require()
    from sklearn.dummy import DummyRegressor
    from sklearn.linear_model import Ridge
    from sklearn.model_selection import KFold

    folds = KFold(FOLDS, shuffle=True, random_state=seed)
    models = {"mean": DummyRegressor(), "linear regression": Ridge()}
    predicted = {name: _predicted(m, features, targets, folds) for name, m in models.items()}
    return {
        name: scoring.rmse(found.reshape(targets.shape), targets)
        for name, found in predicted.items()
    }


def _require() -> None:
    try:
        import sklearn  # noqa: F401
    except ImportError as error:
        remedy = "pip install 'onnxlint[baseline]'"
        raise DataError(f"a baseline needs scikit-learn ({error}): {remedy}") from error


def _predicted(model: Any, features: Array, truths: Array, folds: Any) -> Array:
    from sklearn.model_selection import cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    pipeline = make_pipeline(StandardScaler(), model)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # rare classes, and fits that could still improve a little
        return np.asarray(cross_val_predict(pipeline, features, truths, cv=folds))
