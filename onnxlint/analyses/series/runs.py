"""All checkpoints of one training run as they run on the same samples."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from functools import partial
from typing import Literal, TypeVar

from msgspec.structs import replace

from onnxlint.analyses import Unavailable
from onnxlint.analyses.execution.worker import Worker, Workers
from onnxlint.analyses.series.one_run import (
    ActivationSeen,
    RunSeen,
    ScoreSeen,
    as_trained_on,
    run_seen,
    score_seen,
)
from onnxlint.analyses.series.series import Series, alone, opened
from onnxlint.analyses.series.sharing import shared
from onnxlint.contributions import Contributions
from onnxlint.model.graph.place import Place
from onnxlint.report import decode, encode
from onnxlint.safety.limits import Budget
from onnxlint.series_report import (
    ActivationCurve,
    Curve,
    EntropyCurve,
    GradientCurve,
    ScoreCurve,
    SeriesReport,
)
from onnxlint.settings import CheckpointFiles, Settings

T = TypeVar("T")


class SeriesRuns:
    """The checkpoints run one after the other on the same samples; `report` holds every curve.

    `synthetic` is whether the samples are.
    """

    def __init__(self, report: SeriesReport, *, synthetic: bool) -> None:
        self.report = report
        self.synthetic = self.ran_on_synthetic = synthetic

    @classmethod
    def build(
        cls, series: Series, settings: Settings, budget: Budget, worker: Worker
    ) -> SeriesRuns:
        """Runs each checkpoint, on the user's data or on synthetic inputs.

        Raises:
            Unavailable: none of them runs.
            DataError: the data or the labels cannot be used.
        """
        files = settings.series
        assert files is not None
        look = partial(_runs, files, settings, budget, worker if files.jobs == 1 else None)
        numbers = range(len(files.files))
        runs = shared(look, numbers, files.jobs, budget, encode,
                      partial(decode, kind=list[RunSeen]))  # fmt: skip
        if all("runs" in run.missing for run in runs):
            raise Unavailable(f"no checkpoint runs: {runs[-1].missing['runs']}")
        synthetic = any(run.synthetic for run in runs if run.samples)
        return cls(_report(series, runs), synthetic=synthetic)

    @property
    def place(self) -> Place:
        """Nowhere in the model: all of it."""
        return Place()

    def contribute(self, report: Contributions) -> None:
        """The curves, those of the weights among them, and what was fed."""
        report.series = self.report
        report.samples, report.data = self.report.samples, self.report.data

    def score(self, *data: Literal["data", "train"]) -> ScoreCurve | None:
        """How well the labels of a data set are met; of several, the first that is there."""
        by_name = {each.data: each for each in self.report.scores}
        return next((by_name[name] for name in data if name in by_name), None)


def _runs(
    files: CheckpointFiles, settings: Settings, budget: Budget, worker: Worker | None,
    numbers: Sequence[int],
) -> list[RunSeen]:  # fmt: skip
    """What is seen of these checkpoints, in this process' worker or one for all of them."""
    import numpy as np

    with closing(Workers()) as workers, np.errstate(all="ignore"):
        if worker is None:
            worker = workers.with_limits(settings.time_limit, settings.memory_limit)
            worker.serve(budget)
        return [_run(files, at, settings, budget, worker) for at in numbers]


def _run(
    files: CheckpointFiles, at: int, settings: Settings, budget: Budget, worker: Worker
) -> RunSeen:
    held_out, trained = alone(settings), as_trained_on(alone(settings))
    first = trained if held_out.data is None and trained is not None else held_out
    with opened(files, at, first, budget) as analyses:
        analyses.give(worker)
        seen = run_seen(analyses)
        named = {"data": held_out if held_out.labels is not None else None, "train": trained}
        for name, used in named.items():
            if used is not None and "runs" not in seen.missing:
                _add_score(seen, name, score_seen(analyses, first if used is first else used))
        return seen


def _add_score(seen: RunSeen, name: str, score: ScoreSeen | str) -> None:
    if isinstance(score, str):
        seen.missing[f"labels of --{name}"] = score
    else:
        seen.scores[name] = score


def _report(series: Series, runs: Sequence[RunSeen]) -> SeriesReport:
    names = series.report.files
    missing = {
        f"{what} of {name}": why
        for name, run in zip(names, runs, strict=True) for what, why in run.missing.items()
    }  # fmt: skip
    return replace(
        series.report,
        activations=tuple(_activations(series, runs)),
        entropies=tuple(_entropies(runs)),
        gradient=_gradient(runs),
        scores=tuple(_scores(runs)),
        samples=next((run.samples for run in runs[::-1] if run.samples), None),
        data=next((run.data for run in runs[::-1] if run.samples), None),
        not_measured=missing,
    )


def _activations(series: Series, runs: Sequence[RunSeen]) -> list[ActivationCurve]:
    """The activations of the last checkpoint, followed back."""
    known: list[dict[tuple[int, str], ActivationSeen]] = [
        {(numbers[each.layer], each.op): each for each in run.activations if each.layer in numbers}
        for run, numbers in zip(runs, series.chains.layers, strict=True)
    ]
    last = {(each.layer, each.op): each for each in runs[-1].activations}
    curves = []
    for key, seen in sorted(last.items()):
        each = [at.get(key) for at in known]
        curves.append(
            ActivationCurve(
                seen.place, seen.op, seen.layer, _curve(each, lambda one: one.rms),
                () if seen.dead is None else _curve(each, lambda one: one.dead),
                () if seen.saturated is None else _curve(each, lambda one: one.saturated),
            )
        )  # fmt: skip
    return curves


def _entropies(runs: Sequence[RunSeen]) -> list[EntropyCurve]:
    known = [{each.output: each for each in run.entropies} for run in runs]
    last_of = {output: each for at in known for output, each in at.items()}
    return [
        EntropyCurve(last.place, last.expected, last.classes,
                     _curve([at.get(output) for at in known], lambda one: one.entropy))
        for output, last in sorted(last_of.items())
    ]  # fmt: skip


def _gradient(runs: Sequence[RunSeen]) -> GradientCurve | None:
    if sum(run.gradient is not None for run in runs) < 2:
        return None
    place = next((run.gradient_place for run in runs[::-1] if run.gradient_place), Place())
    return GradientCurve(place, tuple(run.gradient for run in runs))


def _scores(runs: Sequence[RunSeen]) -> list[ScoreCurve]:
    names: tuple[Literal["data", "train"], ...] = ("data", "train")
    curves = []
    for name in names:
        each = [run.scores.get(name) for run in runs]
        last = next((one for one in each[::-1] if one is not None), None)
        if last is None:
            continue
        curves.append(
            ScoreCurve(
                name, last.task, last.measure, last.samples, _curve(each, lambda one: one.figure),
                _curve(each, lambda one: one.loss), _curve(each, lambda one: one.noise),
                _curve(each, lambda one: one.loss_noise), last.chance, last.chance_figure,
            )
        )  # fmt: skip
    return curves


def _curve(seen: Sequence[T | None], of: Callable[[T], float | None]) -> Curve:
    return tuple(None if each is None else of(each) for each in seen)
