"""How well an autoencoder reconstructs its input, beside the principal components of its width."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar

from msgspec import Struct
from msgspec.structs import replace

from onnxlint.analyses import Unavailable
from onnxlint.analyses.execution.execution import Execution
from onnxlint.analyses.execution.reruns import LoadedModel
from onnxlint.analyses.execution.worker import RunFailure, Worker, WorkerDied
from onnxlint.analyses.inputs.inputs import NO_DATA, Inputs
from onnxlint.analyses.predictions.meant import check_meant
from onnxlint.analyses.predictions.sample_rows import MAX_NUMBERS
from onnxlint.analyses.static.bottleneck import Bottleneck
from onnxlint.analyses.static.precision import Rounding
from onnxlint.analyses.static.shapes import Shapes
from onnxlint.contributions import Contributions
from onnxlint.model.graph.graph import Graph
from onnxlint.model.graph.place import Place
from onnxlint.report import Metrics
from onnxlint.settings import DEFAULT_SAMPLES, LABELLED_SAMPLES, Settings

if TYPE_CHECKING:
    from onnxlint.runtime.feeds.synthesis import Attempt
    from onnxlint.types import Array

MIN_SAMPLES = 50
"""Ten to each fold of the cross-validation."""

LEAST_ERROR = 0.05
"""Standard deviations of the features: of an error below it, an R² of 0.9975, nobody learns, though
PCA may leave nothing of samples without noise."""

DOUBT = 1.645
"""Standard errors of the mean difference: 95%, one-sided."""


class Reconstruction(Struct, frozen=True, eq=False, dict=True):
    """The squared error of each sample, by the model, by PCA, and by the mean of all.

    The errors are means over the elements of a sample; `scaled` and `scaled_pca` are those of
    elements that are divided by their standard deviation.
    """

    asked_by: ClassVar = ("data", NO_DATA)

    bottleneck: Bottleneck
    errors: Array
    pca: Array
    scaled: Array
    scaled_pca: Array
    variance: float

    @property
    def place(self) -> Place:
        """Where the output stands."""
        return self.bottleneck.place

    @property
    def samples(self) -> int:
        """How many were reconstructed."""
        return len(self.errors)

    @property
    def rmse(self) -> float:
        """That of the model."""
        return math.sqrt(float(self.errors.mean()))

    @property
    def pca_rmse(self) -> float:
        """That of as many principal components as the bottleneck is wide."""
        return math.sqrt(float(self.pca.mean()))

    @property
    def name(self) -> str:
        """PCA as reports call it."""
        width = self.bottleneck.width
        return f"PCA of {width:,} component{'' if width == 1 else 's'}"

    @cached_property
    def excess(self) -> float:
        """How much larger the model's RMSE is, as a share of PCA's, plain or scaled.

        The smaller one: a model that scales its features itself is no worse for that. 0 where
        chance explains the difference, or where next to nothing is lost.
        """
        if self.scaled.mean() <= LEAST_ERROR**2:
            return 0.0
        shares = [_excess(*pair) for pair in ((self.errors, self.pca),
                                              (self.scaled, self.scaled_pca))]  # fmt: skip
        return min(shares)

    @classmethod
    def build(
        cls, graph: Graph, shapes: Shapes, settings: Settings, execution: Execution,
        rounding: Rounding, worker: Worker,
    ) -> Reconstruction:  # fmt: skip
        """Runs the model on more samples, where few were run.

        Raises:
            Unavailable: the output is no reconstruction of the input.
        """
        from onnxlint.runtime.metrics import principal_components

        bottleneck = Bottleneck.build(graph, shapes)
        if rounding.drawn_by(bottleneck.output) is not None:
            raise Unavailable("the output is drawn at random")
        given, made = _rows(graph, shapes, settings, bottleneck, execution, worker)
        if len(given) < MIN_SAMPLES:
            raise Unavailable(f"too few samples: {len(given)} (at least {MIN_SAMPLES})")
        if bottleneck.width >= min(len(given) * 4 // 5, given.shape[1]):
            raise Unavailable(f"PCA of {bottleneck.width:,} components requires more samples")
        check_meant(graph, settings, bottleneck, given, made)
        spread = given.std(axis=0)
        spread[spread == 0] = 1
        numbers, seed = given.shape[1], settings.seed
        both = ((given, made), (given / spread, made / spread))
        plain, scaled = (((x - y) ** 2).mean(axis=1) for x, y in both)
        pca, scaled_pca = (
            principal_components.left_over(x, bottleneck.width, seed) / numbers for x, _ in both
        )
        return cls(bottleneck, plain, pca, scaled, scaled_pca, float(given.var(axis=0).mean()))

    def contribute(self, report: Contributions) -> None:
        """The model's error and that of PCA, beside labels where those are the samples."""
        pca = {self.name: self.pca_rmse}
        output = self.bottleneck.output.name
        if report.metrics is None:
            mean = float(self.errors.mean())
            report.metrics = Metrics(
                output, "reconstruction", self.samples, rmse=self.rmse,
                r2=1 - mean / self.variance if self.variance else None, baselines=pca,
            )  # fmt: skip
        elif report.metrics.output == output:
            known: Mapping[str, float] = report.metrics.baselines or {}
            report.metrics = replace(report.metrics, baselines={**known, **pca})


def _excess(errors: Array, pca: Array) -> float:
    differences = errors - pca
    mean, chance = differences.mean(), DOUBT * differences.std() / math.sqrt(len(errors))
    if mean <= chance:
        return 0.0
    return math.sqrt(errors.mean() / pca.mean()) - 1 if pca.mean() else math.inf


def _rows(
    graph: Graph, shapes: Shapes, settings: Settings, bottleneck: Bottleneck,
    execution: Execution, worker: Worker,
) -> tuple[Array, Array]:  # fmt: skip
    """The samples and what the model makes of them: [samples, elements] each.

    Raises:
        Unavailable: they cannot be had, or are no rows of finite numbers.
    """
    import numpy as np

    if execution.attempt is None:
        raise Unavailable(execution.failure or "the model did not run")
    attempt, name = execution.attempt, bottleneck.output.name
    outputs = [ran.outputs for ran in execution.runs]
    is_default = settings.samples == DEFAULT_SAMPLES and settings.sample is None
    if execution.samples < MIN_SAMPLES and is_default:
        most = min(LABELLED_SAMPLES, MAX_NUMBERS // bottleneck.numbers)
        own = replace(settings, samples=max(DEFAULT_SAMPLES, most))
        attempt = next(Inputs.build(graph, shapes, own).attempts())
        outputs = _ran(LoadedModel(graph, worker, execution.level), attempt, name)
    if not all(name in each for each in outputs):
        raise Unavailable(f"output {name!r} is too large to be kept")
    count = attempt.samples or len(attempt.feeds) * attempt.samples_per_run
    found = []
    for arrays in ([feed[bottleneck.source.name] for feed in attempt.feeds],
                   [each[name] for each in outputs]):  # fmt: skip
        rows = [np.asarray(array, np.float64).reshape(-1, bottleneck.numbers) for array in arrays
                if array.size % bottleneck.numbers == 0]  # fmt: skip
        found.append(np.concatenate(rows)[:count] if rows else np.empty((0, 1)))
    if len(found[0]) != len(found[1]) or not all(np.isfinite(each).all() for each in found):
        raise Unavailable("the output is not one row of finite numbers for each sample")
    return found[0], found[1]


def _ran(model: LoadedModel, attempt: Attempt, name: str) -> list[dict[str, Array]]:
    try:
        return [model.outputs(dict(feed), [name]) for feed in attempt.feeds]
    except (RunFailure, WorkerDied) as error:
        raise Unavailable(f"the model does not run on more samples: {error}") from error
