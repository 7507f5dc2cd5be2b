"""The analyses that the report needs, whichever rules were selected."""

from __future__ import annotations

from collections.abc import Iterator

from onnxlint.analyses import Analyses
from onnxlint.settings import Settings


def reported(analyses: Analyses, *, runs: bool) -> Iterator[type]:
    """Those to ask for after the rules ran, each before those that are built from it.

    `runs` is whether a process runs the model: without one, most are not even loaded.
    """
    settings = analyses.get(Settings)
    if settings.series is not None:
        from onnxlint.analyses.series.series import Series

        yield Series
    if runs:
        yield from _of_runs(analyses, settings)


def asks_for_report(settings: Settings) -> bool:
    """Whether some of them may have more runs made."""
    return (settings.series, settings.labels, settings.train_data) != (None, None, None)


def _of_runs(analyses: Analyses, settings: Settings) -> Iterator[type]:
    from onnxlint.analyses.execution.execution import Execution
    from onnxlint.analyses.execution.run_budget import Work
    from onnxlint.analyses.ranges.ranges import Ranges
    from onnxlint.analyses.trace.trace import Trace

    if settings.series is not None:
        from onnxlint.analyses.series.runs import SeriesRuns

        yield SeriesRuns
    elif settings.data is not None and settings.train_data is not None:
        from onnxlint.analyses.predictions.shift import Shift

        yield Shift
    if settings.labels is not None:
        yield from _of_labels(settings)
    if analyses.have(Trace) is not None and analyses.have(Ranges) is not None:
        from onnxlint.analyses.trace.observed_bounds import ObservedBounds

        yield ObservedBounds
    execution = analyses.have(Execution)
    if execution is not None and execution.runs_left_out:
        yield Work


def _of_labels(settings: Settings) -> Iterator[type]:
    from onnxlint.analyses.predictions.constant_guess import ConstantGuess
    from onnxlint.analyses.predictions.scores import Scores

    yield Scores
    yield ConstantGuess
    if settings.train_labels is not None:
        from onnxlint.analyses.predictions.train_scores import TrainScores

        yield TrainScores
    if settings.compare_simple or settings.baselines:
        from onnxlint.analyses.predictions.baselines import Baselines

        yield Baselines
