"""The analyses that the report needs, whichever rules were selected."""

from __future__ import annotations

from collections.abc import Iterator

from onnxlint.analyses import Analyses
from onnxlint.settings import Settings


def reported(analyses: Analyses) -> Iterator[type]:
    """Those to ask for after the rules ran, each before those that are built from it."""
    from onnxlint.analyses.execution.execution import Execution
    from onnxlint.analyses.execution.run_budget import Work
    from onnxlint.analyses.execution.worker import Worker
    from onnxlint.analyses.predictions.baselines import Baselines
    from onnxlint.analyses.predictions.constant_guess import ConstantGuess
    from onnxlint.analyses.predictions.scores import Scores
    from onnxlint.analyses.predictions.shift import Shift
    from onnxlint.analyses.predictions.train_scores import TrainScores
    from onnxlint.analyses.ranges.ranges import Ranges
    from onnxlint.analyses.series.runs import SeriesRuns
    from onnxlint.analyses.series.series import Series
    from onnxlint.analyses.trace.observed_bounds import ObservedBounds
    from onnxlint.analyses.trace.trace import Trace

    settings = analyses.get(Settings)
    if settings.series is not None:
        yield Series
        if analyses.have(Worker) is not None:
            yield SeriesRuns
    both = settings.data is not None and settings.train_data is not None
    if both and settings.series is None and analyses.have(Worker) is not None:
        yield Shift
    if settings.labels is not None and analyses.have(Worker) is not None:
        yield Scores
        yield ConstantGuess
        if settings.train_labels is not None:
            yield TrainScores
        if settings.compare_simple or settings.baselines:
            yield Baselines
    if analyses.have(Trace) is not None and analyses.have(Ranges) is not None:
        yield ObservedBounds
    execution = analyses.have(Execution)
    if execution is not None and execution.runs_left_out:
        yield Work
