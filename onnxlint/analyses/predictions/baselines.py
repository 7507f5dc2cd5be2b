"""What other models make of the samples and labels that the model was scored on."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from onnxlint.analyses import Unavailable
from onnxlint.analyses.execution.execution import Execution
from onnxlint.analyses.execution.worker import Worker
from onnxlint.analyses.predictions.one_layer import has_no_depth, is_one_dense_layer
from onnxlint.analyses.predictions.other_model import scores_of
from onnxlint.analyses.predictions.sample_rows import MAX_NUMBERS, check_table, rows_of
from onnxlint.analyses.predictions.scores import Scores
from onnxlint.analyses.predictions.train_scores import TrainingSet
from onnxlint.contributions import Contributions
from onnxlint.model.file.errors import DataError
from onnxlint.model.graph.graph import Graph
from onnxlint.safety.limits import Budget
from onnxlint.settings import Settings

if TYPE_CHECKING:
    from onnxlint.runtime.metrics.fits import Fit, Samples
    from onnxlint.types import Array

MIN_SAMPLES = 50
"""Ten to each fold of the cross-validation."""

UNASKED_NUMBERS = 1 << 20
"""Features of all samples for which a linear model gets a linear baseline unasked: five fits of
784 features took three seconds."""

DOUBT = 1.645
"""Standard errors that a linear model may be worse by than a linear baseline: 95%, one-sided. Two
root mean squares differ by about one over the root of the samples."""

CLEARLY = 0.1
"""Share of its errors that a linear model must have for nothing: those that are trained for sparse
weights or a loss of their own are a little worse. A choice."""

LEAST_ERROR = 0.02
"""Standard deviations of the targets: of an error below it, an R² of 0.9996, nobody learns."""

UNASKED = "requires --compare-simple or --baseline; unasked only models of one dense layer"


class Reached(Struct, frozen=True):
    """What a model reaches: `figure` is its accuracy or RMSE, `error` its mistakes or RMSE.

    `recall` is the mean over the classes of a classification; None where it is not known.
    """

    name: str
    figure: float
    error: float
    recall: float | None = None
    is_linear: bool = False


class Baselines(Struct, frozen=True):
    """By name, the accuracy of each baseline, or its RMSE in a regression.

    `unbeaten` are those that the model is no better than. A model without a mistake beats all; a
    linear one is no worse for being as good as another, and is compared with what chance explains.
    `is_linear` is whether it is one.
    """

    figures: Mapping[str, float]
    unbeaten: list[str]
    is_linear: bool = False

    @classmethod
    def build(
        cls, settings: Settings, graph: Graph, scores: Scores, execution: Execution,
        training: TrainingSet, budget: Budget, worker: Worker,
    ) -> Baselines:  # fmt: skip
        """Fits them to the samples of training, else by cross-validation; runs other models.

        Raises:
            Unavailable: none was requested, or can be fitted to such data.
            DataError: scikit-learn is missing, or a baseline of the user's own cannot be used.
        """
        contest = _Contest(settings, scores, execution, training)
        found: list[Reached] = []
        try:
            found += contest.simple(has_dense_layer=is_one_dense_layer(graph))
        except Unavailable:
            if not settings.baselines:
                raise
        for name, path in _named(settings.baselines).items():
            if _is_code(path):
                found.append(contest.own_code(name, path))
            else:
                other = scores_of(path, scores, settings, budget, worker)
                found.append(_reached(name, other))
        own = replace(_reached("", scores), is_linear=has_no_depth(graph))
        unbeaten = [each.name for each in found if _is_unbeaten(own, each, scores)]
        return cls({each.name: each.figure for each in found}, unbeaten, own.is_linear)

    def contribute(self, report: Contributions) -> None:
        """What they reach, beside the model's scores."""
        if report.metrics is not None:
            known = report.metrics.baselines or {}
            report.metrics = replace(report.metrics, baselines={**self.figures, **known})


class _Contest:
    """Models that are fitted to samples of training, else to four fifths of the others in turn."""

    def __init__(
        self, settings: Settings, scores: Scores, execution: Execution, training: TrainingSet
    ) -> None:
        self._settings, self._scores = settings, scores
        self._execution, self._training = execution, training

    def simple(self, *, has_dense_layer: bool) -> Iterator[Reached]:
        """The models without depth that are asked for; of one such model the linear one.

        Raises:
            Unavailable: there are none to fit.
            DataError: scikit-learn is missing.
        """
        from onnxlint.runtime.metrics import simple_models

        asked = self._settings.compare_simple
        if not (asked or has_dense_layer):
            raise Unavailable(UNASKED)
        self._check_simple()
        check_table(self._samples, MAX_NUMBERS if asked else UNASKED_NUMBERS)
        if self._scores.task == "regression":
            fits = {"mean": simple_models.mean,
                    "linear regression": simple_models.linear_regression}  # fmt: skip
        else:
            if not asked and find_spec("sklearn") is None:
                raise Unavailable("a logistic regression requires scikit-learn")
            fits = {"majority class": simple_models.majority_class,
                    "logistic regression": simple_models.logistic_regression}  # fmt: skip
        found = [self._fitted(name, fit) for name, fit in fits.items() if asked or "linear" in name
                 or "logistic" in name]  # fmt: skip
        return iter(replace(each, is_linear="regression" in each.name) for each in found)

    def own_code(self, name: str, path: Path) -> Reached:
        """A model of the user's own code.

        Raises:
            DataError: it cannot be used, or there are too few samples.
        """
        from onnxlint.runtime.metrics.fits import FOLDS
        from onnxlint.runtime.metrics.own_models import OwnModel

        scores, told = self._scores, f"--baseline {path.name}"
        try:
            samples = self._samples
        except Unavailable as reason:
            raise DataError(f"{told} cannot be fitted: {reason}") from reason
        if self._trained is None and len(samples) < 2 * FOLDS:
            problem = f"{len(samples)} samples are too few for {FOLDS} folds"
            raise DataError(f"{told}: {problem}; give more, or --train-data and --train-labels")
        return self._fitted(name, OwnModel(path, scores.task, scores.names, self._settings.seed))

    def _check_simple(self) -> None:
        scores = self._scores
        if scores.task == "multi-label":
            raise Unavailable("baselines require one label per sample")
        if scores.samples < MIN_SAMPLES:
            raise Unavailable(f"too few samples: {scores.samples} (at least {MIN_SAMPLES})")
        samples = self._samples
        if scores.task == "classification" and len(set(scores.truths.tolist())) < 2:
            raise Unavailable("all labels are of the same class")
        if repeats_samples(samples):
            raise Unavailable("the labels are the samples themselves, which no model need learn")

    @cached_property
    def _samples(self) -> Samples:
        return self._rows(self._scores, self._execution)

    @cached_property
    def _trained(self) -> Samples | None:
        scores, execution = self._training.scores, self._training.execution
        return None if scores is None or execution is None else self._rows(scores, execution)

    def _rows(self, scores: Scores, execution: Execution) -> Samples:
        if len(scores.truths) != scores.samples:
            raise Unavailable("baselines require one label per sample")
        return rows_of(execution, scores.truths)

    def _fitted(self, name: str, fit: Fit) -> Reached:
        from onnxlint.runtime.metrics import fits

        seed = self._settings.seed
        predicted = fits.predictions(fit, self._samples, self._trained, seed)
        return _reached(name, replace(self._scores, predicted=predicted, probabilities=None))


def repeats_samples(samples: Samples) -> bool:
    """Whether the labels are the features, as for a model that reconstructs its input."""
    import numpy as np

    sizes = [samples.inputs[name].size for name in samples.numeric]
    truths = samples.truths
    if truths.dtype.kind != "f" or sum(sizes) != truths.size or truths[0].size < 2:
        return False
    return bool(np.allclose(samples.table, truths.reshape(len(samples), -1), rtol=1e-5))


def _reached(name: str, scores: Scores) -> Reached:
    if scores.task == "regression":
        return Reached(name, scores.figure, scores.figure)
    recall = None
    if scores.task == "classification":
        from onnxlint.runtime.metrics import scoring

        shares = scoring.recalls(scores.predicted, scores.truths).values()
        recall = sum(shares) / len(shares)
    return Reached(name, scores.figure, 1 - scores.figure, recall)


def _is_unbeaten(own: Reached, other: Reached, scores: Scores) -> bool:
    """Whether the model has no fewer errors; a linear one clearly more than a linear baseline."""
    if not own.error or scores.samples < MIN_SAMPLES:
        return False
    if not (own.is_linear and other.is_linear):
        return own.error >= other.error
    if other.recall is not None and own.recall is not None and own.recall > other.recall:
        return False  # trained for rare classes, at the expense of frequent ones
    if scores.task == "regression" and own.error <= LEAST_ERROR * _spread(scores.truths):
        return False
    excess = max(CLEARLY, _doubt(own.error, scores)) * max(own.error, other.error)
    return own.error > other.error + excess


def _doubt(error: float, scores: Scores) -> float:
    """What chance makes of the difference of two errors, relative to the larger one."""
    if scores.task == "regression":
        return DOUBT / math.sqrt(scores.samples)
    return DOUBT * math.sqrt(2 * (1 - error) / (max(error, 1 / scores.samples) * scores.samples))


def _spread(truths: Array) -> float:
    """The standard deviation of the targets, all columns together."""
    return math.sqrt(float(truths.var(axis=0).mean()))


def _named(paths: Sequence[Path]) -> dict[str, Path]:
    """Each by the name of its file; by its path where several are called so."""
    times = Counter(path.name for path in paths)
    return {path.name if times[path.name] == 1 else str(path): path for path in paths}


def _is_code(path: Path) -> bool:
    from onnxlint.runtime.data import generators

    return generators.is_one(path)
