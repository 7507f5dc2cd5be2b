"""How long a run takes beside the model that the contract names, in the same process."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import ClassVar

from msgspec import Struct
from msgspec.structs import replace

from onnxlint.analyses import Unavailable
from onnxlint.analyses.comparison.reference_model import ReferenceModel
from onnxlint.analyses.execution.execution import Execution
from onnxlint.analyses.execution.reruns import LoadedModel
from onnxlint.analyses.execution.worker import RunFailure, Worker, WorkerDied
from onnxlint.model.graph.graph import Graph
from onnxlint.settings import Settings

ROUNDS = 3
"""So often the two models take turns: what disturbs the machine in one round is seen as such."""

LEAST_RUNS, MOST_RUNS = 5, 25
"""Runs of each model in a round, of which the median counts."""

SECONDS_A_ROUND = 0.5
"""What the runs of a model in a round may take: a choice. Slow models are run least often."""


class Latency(Struct, frozen=True):
    """The time of a run as a multiple of the reference's, round by round.

    Of all analyses this one alone is measured by the clock, and only where the contract has
    `[budgets] latency`. Both models run the same samples in one process, without being watched, one
    after the other in each round; a round's ratio is that of the medians.
    """

    is_timed: ClassVar[bool] = True  # no report with it is kept for the next run

    reference: str
    ratios: tuple[float, ...]

    @property
    def ratio(self) -> float:
        """The middle one of the rounds' ratios."""
        return median(self.ratios)

    @property
    def least(self) -> float:
        """The ratio that every round reached at least."""
        return min(self.ratios)

    @classmethod
    def build(
        cls, graph: Graph, settings: Settings, execution: Execution, worker: Worker
    ) -> Latency:
        """Opens the reference and runs both.

        Raises:
            Unavailable: the contract promises no latency, or the model did not run.
            DataError: the reference cannot be read or run.
        """
        promised = settings.budgets.latency
        if promised is None:
            raise Unavailable("the contract has no budget for latency")
        if execution.attempt is None:
            raise Unavailable(execution.failure or "the model did not run")
        own = replace(settings, reference=Path(promised.reference))
        reference = ReferenceModel.build(graph, own, worker)
        try:
            model = LoadedModel(graph, worker, execution.level, synthetic=execution.synthetic)
            mine, theirs = reference.feeds(execution.attempt.feeds[0])[0]
            ratios = []
            for _ in range(ROUNDS):
                taken = median(_times(lambda: model.seconds(mine)))
                ratios.append(taken / max(1e-9, median(_times(lambda: reference.seconds(theirs)))))
        except (RunFailure, WorkerDied) as error:
            raise Unavailable(f"the latency could not be measured: {error}") from error
        finally:
            reference.close()
        return cls(promised.reference, tuple(ratios))


def _times(run: Callable[[], float]) -> list[float]:
    """Seconds of each run; the first warms up and tells how many are affordable."""
    affordable = int(SECONDS_A_ROUND / max(1e-9, run()))
    return [run() for _ in range(max(LEAST_RUNS, min(MOST_RUNS, affordable)))]
