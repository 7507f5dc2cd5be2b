"""Accuracy of simple models on the samples and labels that the model was scored on."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from onnxlint.analyses import Unavailable
from onnxlint.analyses.execution.execution import Execution
from onnxlint.analyses.predictions.scores import Scores
from onnxlint.contributions import Contributions
from onnxlint.model.graph.graph import Graph
from onnxlint.model.graph.operators import LAYERS
from onnxlint.settings import Settings

if TYPE_CHECKING:
    from onnxlint.runtime.feeds.synthesis import Slot
    from onnxlint.types import Array

MIN_SAMPLES = 50
"""Ten to each fold of the cross-validation."""

MAX_NUMBERS = 1 << 24
"""Features of all samples together: more would take minutes and gigabytes to fit."""


DOUBT = 1.645
"""Standard errors that a linear model may be worse by than a linear baseline: 95%, one-sided. Two
root mean squares differ by about one over the root of the samples."""

_KERNELS = ("ai.onnx.ml::SVM", "ai.onnx.ml::Tree")


class Baselines(Struct, frozen=True):
    """By name, the accuracy of each baseline, or its RMSE in a regression.

    `unbeaten` are those that the model is no better than. A model without a mistake beats all; a
    linear one is no worse for being as good as another, and is compared with what chance explains.
    """

    figures: Mapping[str, float]
    unbeaten: list[str]

    @classmethod
    def build(
        cls, settings: Settings, graph: Graph, scores: Scores, execution: Execution
    ) -> Baselines:
        """Fits them by cross-validation.

        Raises:
            Unavailable: they were not requested, or cannot be fitted to such data.
            DataError: scikit-learn is missing.
        """
        from onnxlint.runtime.metrics import sklearn_baselines

        if not settings.compare_simple:
            raise Unavailable("requires --compare-simple")
        if scores.task == "multi-label" or len(scores.truths) != scores.samples:
            raise Unavailable("baselines require one label per sample")
        if scores.samples < MIN_SAMPLES:
            raise Unavailable(f"too few samples: {scores.samples} (at least {MIN_SAMPLES})")
        features = _features(execution, scores.samples)
        if scores.task == "regression":
            figures = sklearn_baselines.regressed(features, scores.truths, settings.seed)
            doubt = DOUBT / math.sqrt(scores.samples)
            return cls(figures, _unbeaten(graph, scores.rmse or 0.0, figures, doubt))
        if len(set(scores.truths.tolist())) < 2:
            raise Unavailable("all labels are of the same class")
        figures = sklearn_baselines.classified(features, scores.truths, settings.seed)
        missed = {name: 1 - accuracy for name, accuracy in figures.items()}
        own = float(1 - scores.right.mean())
        return cls(figures, _unbeaten(graph, own, missed, _doubt_of_share(own, scores.samples)))

    def contribute(self, report: Contributions) -> None:
        """What simple models reach, beside the model's scores."""
        if report.metrics is not None:
            report.metrics = replace(report.metrics, baselines=self.figures)


def _unbeaten(graph: Graph, own: float, errors: Mapping[str, float], doubt: float) -> list[str]:
    """Those with no more errors; of a linear model, linear ones with fewer than chance explains."""
    is_linear = _is_linear(graph)
    limits = {
        name: error + doubt * max(own, error) if is_linear and "regression" in name else error
        for name, error in errors.items()
    }
    return [name for name, limit in limits.items() if own and _is_reached(own, limit, errors[name])]


def _is_reached(own: float, limit: float, error: float) -> bool:
    return own >= limit if limit == error else own > limit


def _doubt_of_share(share: float, samples: int) -> float:
    """What chance makes of the difference of two shares of errors, relative to the larger one."""
    return DOUBT * math.sqrt(2 * (1 - share) / (max(share, 1 / samples) * samples))


def _is_linear(graph: Graph) -> bool:
    """Whether the model has a single layer, and no trees or kernels."""
    deep = [node for node in graph.nodes() if node.op in LAYERS or node.op.startswith(_KERNELS)]
    return len(deep) < 2 and not any(node.op.startswith(_KERNELS) for node in deep)


def _features(execution: Execution, samples: int) -> Array:
    """All inputs of numbers, a row for each sample.

    Raises:
        Unavailable: there are none, or too many.
    """
    import numpy as np

    assert execution.attempt is not None
    feeds = execution.attempt.feeds
    columns = []
    for slot in _numeric(execution.inputs.slots, feeds[0]):
        arrays = [np.asarray(feed[slot.name]) for feed in feeds]
        rows = sum(len(array) for array in arrays if array.ndim)
        if rows < samples or len({array.shape[1:] for array in arrays}) != 1:
            raise Unavailable(f"the first axis of input {slot.name!r} is not the batch axis")
        columns.append(np.concatenate(arrays)[:samples].reshape(samples, -1))
    numbers = sum(column.size for column in columns)
    if not numbers:
        raise Unavailable("no numeric input for a linear model")
    if numbers > MAX_NUMBERS:
        raise Unavailable(f"too many features ({numbers // samples:,}) for {samples:,} samples")
    features = np.concatenate(columns, axis=1).astype(np.float64)
    if not np.isfinite(features).all():
        raise Unavailable("some features are NaN or infinity")
    return features


def _numeric(slots: list[Slot], feed: Mapping[str, Array]) -> Iterator[Slot]:
    """The inputs whose numbers mean a size or a degree: no text, no ids, no masks of sequences."""
    from onnxlint.runtime.feeds.synthesis import Meaning

    for slot in slots:
        ids = slot.meaning in (Meaning.INDEX, Meaning.MASK) and feed[slot.name][:1].size > 1
        if slot.meaning is not Meaning.TEXT and not ids:
            yield slot
