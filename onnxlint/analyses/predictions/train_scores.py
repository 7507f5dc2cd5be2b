"""How well the output meets the labels of the samples that the model was trained on."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from onnxlint.analyses import Unavailable
from onnxlint.analyses.execution.execution import Execution
from onnxlint.analyses.execution.reruns import LoadedModel
from onnxlint.analyses.execution.worker import RunFailure, Worker
from onnxlint.analyses.inputs.inputs import Inputs
from onnxlint.analyses.predictions.labels import Labels
from onnxlint.analyses.predictions.outputs import Outputs
from onnxlint.analyses.predictions.scores import Scores
from onnxlint.analyses.static.output_heads import table_of
from onnxlint.analyses.static.shapes import Shapes
from onnxlint.contributions import Contributions
from onnxlint.model.file.errors import DataError
from onnxlint.model.graph.graph import Graph
from onnxlint.model.graph.place import Place
from onnxlint.settings import Settings

if TYPE_CHECKING:
    from onnxlint.runtime.feeds.synthesis import Attempt
    from onnxlint.runtime.protocol import Ran
    from onnxlint.types import Array

NO_TRAINING = "requires --train-data and --train-labels beside --data and --labels"


class Gap(Struct, frozen=True, eq=False):
    """How far one figure of the two sets is apart: `train` less `held_out`.

    Chance explains values outside of `low` to `high` in one of a hundred cases.
    """

    train: float
    held_out: float
    low: float
    high: float

    @property
    def size(self) -> float:
        """The difference, positive where the figure of the training samples is larger."""
        return self.train - self.held_out


class TrainScores(Struct, frozen=True, eq=False, dict=True):
    """The same output beside the labels of both sets: `train` and `held_out`."""

    train: Scores
    held_out: Scores
    seed: int

    @property
    def place(self) -> Place:
        """Where the output stands."""
        return self.held_out.place

    @classmethod
    def build(
        cls, graph: Graph, shapes: Shapes, settings: Settings, scores: Scores,
        execution: Execution, outputs: Outputs, worker: Worker,
    ) -> TrainScores:  # fmt: skip
        """Runs the model on the samples of training.

        Raises:
            Unavailable: there are none.
            DataError: they or their labels do not fit, or they are those of `--data`.
        """
        if settings.train_data is None or settings.train_labels is None:
            raise Unavailable(NO_TRAINING)
        own = replace(settings, data=settings.train_data, labels=settings.train_labels, sample=None)
        labels = Labels.build(own)
        trained = _ran(graph, shapes, own, execution, worker)
        _check_others(own, execution, trained)
        seen = [replace(out, arrays=[ran.outputs[out.value.name] for ran in trained.runs
                                     if out.value.name in ran.outputs], seen=None)
                for out in outputs]  # fmt: skip
        train = Scores.build(graph, shapes, own, labels, trained, Outputs(seen))
        if (train.output.value, train.task) != (scores.output.value, scores.task):
            told = f"{train.output.value.name!r} ({train.task})"
            raise DataError(
                f"{own.labels}: these labels fit output {told}, those of {settings.labels} fit "
                f"{scores.output.value.name!r} ({scores.task}); give both the same kind of labels"
            )
        return cls(train, scores, settings.seed)

    @cached_property
    def accuracy(self) -> Gap | None:
        """The share of right predictions; None of a regression."""
        if self.train.task == "regression":
            return None
        return self._gap(*(each.right.astype(float) for each in (self.train, self.held_out)))

    @cached_property
    def loss(self) -> Gap | None:
        """Log loss, or the mean squared error of a regression; None where there is neither."""
        losses = self.train.losses, self.held_out.losses
        if losses[0] is None or losses[1] is None:
            return None
        return self._gap(losses[0], losses[1])

    @cached_property
    def explained(self) -> Gap | None:
        """Of a regression the share of the variance that is explained, each set of its own."""
        parts = [_explained(each) for each in (self.train, self.held_out)]
        return None if parts[0] is None or parts[1] is None else self._gap(parts[0], parts[1])

    def _gap(self, train: Array, held_out: Array) -> Gap:
        from onnxlint.runtime.metrics import bootstrap

        mine = bootstrap.by_sample(train, self.train.samples)
        others = bootstrap.by_sample(held_out, self.held_out.samples)
        low, high = bootstrap.difference(mine, others, self.seed, 0.99)
        return Gap(float(train.mean()), float(held_out.mean()), low, high)

    def contribute(self, report: Contributions) -> None:
        """How the labels of training are met, beside the others."""
        if report.metrics is not None:
            report.metrics = replace(report.metrics, train=self.train.metrics())


def _explained(scores: Scores) -> Array | None:
    """Per sample, what has R² as its mean; None of a classification or of constant labels."""
    losses = scores.losses
    variance = 0.0 if scores.task != "regression" else float(scores.truths.var(axis=0).mean())
    return None if losses is None or not variance else 1 - losses / variance


def _ran(
    graph: Graph, shapes: Shapes, own: Settings, execution: Execution, worker: Worker
) -> Execution:
    """The outputs on these samples, as the model ships."""
    if execution.attempt is None:
        raise Unavailable(execution.failure or "the model did not run")
    inputs = Inputs.build(graph, shapes, own)
    model = LoadedModel(graph, worker, execution.level)
    plain = {value.name for ran in execution.runs[:1] for value in graph.outputs
             if value.name in ran.outputs}  # fmt: skip
    tables = {table_of(value).name for value in graph.outputs} - {v.name for v in graph.outputs}
    try:
        attempt = next(inputs.attempts())
        runs = [_run(model, feed, plain, tables) for feed in attempt.feeds]
    except RunFailure as error:
        problem = f"onnxruntime cannot run the model on these samples: {error}"
        raise DataError(f"--train-data {own.data}: {problem}") from error
    except DataError as error:
        raise DataError(f"--train-data {own.data}: {error}") from error
    return Execution(inputs, runs=runs, attempt=attempt)


def _run(model: LoadedModel, feed: Mapping[str, Array], plain: set[str], tables: set[str]) -> Ran:
    from onnxlint.runtime.protocol import Ran

    wanted = sorted(plain) + sorted(tables)
    return Ran({}, model.outputs(dict(feed), wanted, sorted(tables)))


def _check_others(own: Settings, execution: Execution, trained: Execution) -> None:
    """Whether the samples are not those of `--data`.

    Raises:
        DataError: they are.
    """
    mine, others = trained.attempt, execution.attempt
    if mine is not None and others is not None and _are_same(mine, others):
        told = f"--train-data {own.data}: these are the same samples as those of --data"
        raise DataError(f"{told}; give samples there that training did not see")


def _are_same(mine: Attempt, others: Attempt) -> bool:
    import numpy as np

    return len(mine.feeds) == len(others.feeds) and all(
        feed.keys() == other.keys()
        and all(np.array_equal(feed[name], other[name]) for name in feed)
        for feed, other in zip(mine.feeds, others.feeds, strict=True)
    )
