"""`module:function`: a baseline of one's own, which is fitted and asked as the simple ones are."""

from __future__ import annotations

import contextlib
import copy
import inspect
import random
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from onnxlint.model.file.errors import DataError
from onnxlint.runtime.data import generators
from onnxlint.runtime.data.wording import shortened
from onnxlint.runtime.metrics.fits import Samples
from onnxlint.runtime.protocol import Array

CONTRACT = "a baseline is a function(samples, labels, others) or a model with fit and predict"


class OwnModel:
    """Somebody's code as a model that is fitted.

    A function gets samples, their labels and other samples, and returns predictions for the latter.
    What has `fit` and `predict`, or is a class of such, is used as scikit-learn's estimators are.
    `names` are those of the classes, which predictions may be, too.
    """

    def __init__(self, path: Path, task: str, names: Sequence[str] | None, seed: int) -> None:
        self._path, self._task, self._names, self._seed = path, task, names, seed

    def __call__(self, fitted: Samples, predicted: Samples) -> Array:
        """Predictions in the form of the truths.

        Raises:
            DataError: there is no such code, it fails, or gives something else.
        """
        told = f"--baseline {self._path.name}"
        try:
            with (
                generators.importable(self._path.parent),
                contextlib.redirect_stdout(sys.stderr),
                _seeded(self._seed),
            ):
                given = self._asked(fitted, predicted)
        except (KeyboardInterrupt, DataError):
            raise
        except BaseException as error:  # SystemExit, and whatever else the user's code may raise
            problem = f"{type(error).__name__}: {shortened(str(error))}"
            raise DataError(f"{told}: {problem}") from error
        try:
            return self._read(given, predicted.truths)
        except ValueError as error:
            raise DataError(f"{told}: {error}") from error

    def _asked(self, fitted: Samples, predicted: Samples) -> Any:
        try:
            found = generators.named(self._path)
        except DataError as error:
            raise DataError(f"--baseline {error}; {CONTRACT}") from error
        if hasattr(found, "fit") and hasattr(found, "predict"):
            model = _new(found, self._seed)
            model.fit(fitted.table, _column(fitted.truths))
            return model.predict(predicted.table)
        return found(_fed(fitted), _column(fitted.truths), _fed(predicted))

    def _read(self, given: Any, truths: Array) -> Array:
        """What was returned, as predictions.

        Raises:
            ValueError: it is none, or not one for each sample.
        """
        found = np.asarray(given)
        if not found.ndim or len(found) != len(truths):
            shape = f"an array of shape {list(found.shape)}" if found.ndim else repr(given)[:40]
            raise ValueError(
                f"returned {shape} for {len(truths):,} samples; return one prediction for each"
            )
        reader = {"regression": _numbers, "multi-label": _flags}.get(self._task, self._classes)
        return reader(found, truths)

    def _classes(self, found: Array, truths: Array) -> Array:
        """A class for each sample: its number, its name, or the best of a row of scores."""
        rows = found.reshape(len(found), -1)
        column = rows[:, 0] if rows.shape[1] == 1 else rows.argmax(axis=1)
        if truths.dtype.kind == "O":
            return np.array([str(each) for each in column], object)
        if column.dtype.kind in "OUS":
            numbers = {name: number for number, name in enumerate(self._names or ())}
            return np.array([numbers.get(str(name), -1) for name in column], np.int64)
        if column.dtype.kind == "f" and (column != np.round(column)).any():
            raise ValueError("returned fractions for classes; return class numbers, or a row of "
                             "scores for each sample")  # fmt: skip
        return column


def _numbers(found: Array, truths: Array) -> Array:
    if found.dtype.kind not in "fiub" or found.size != truths.size:
        raise ValueError(
            f"returned {found.dtype}{list(found.shape)}; the targets are "
            f"{truths.dtype}{list(truths.shape)}"
        )
    if not np.isfinite(found).all():
        raise ValueError("returned NaN or infinity")
    return np.asarray(found.reshape(truths.shape).astype(np.float64))


def _flags(found: Array, truths: Array) -> Array:
    return (_numbers(found, truths) > 0.5).astype(np.int64)


def _fed(samples: Samples) -> Any:
    """The array of the only input; of several a dict."""
    inputs = samples.inputs
    return next(iter(inputs.values())) if len(inputs) == 1 else inputs


def _column(truths: Array) -> Array:
    """Labels without an axis of length 1."""
    return truths[:, 0] if truths.ndim == 2 and truths.shape[1] == 1 else truths


def _new(found: Callable[..., Any], seed: int) -> Any:
    """A model that was not fitted yet; one that draws draws from the seed."""
    model: Any = found() if inspect.isclass(found) else copy.deepcopy(found)
    if "random_state" in (model.get_params() if hasattr(model, "get_params") else {}):
        model.set_params(random_state=seed % 2**32)
    return model


@contextlib.contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Whoever draws from the global generators draws the same in every run."""
    before = random.getstate(), np.random.get_state()
    random.seed(seed)
    np.random.seed(seed % 2**32)
    try:
        yield
    finally:
        random.setstate(before[0])
        np.random.set_state(before[1])
