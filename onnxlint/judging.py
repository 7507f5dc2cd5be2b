"""What a judge does with a job: it keeps to the job's limits, and lints."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Protocol

from onnxlint.job import Job
from onnxlint.judges import Judge
from onnxlint.report import ModelReport
from onnxlint.safety.limits import Budget, limit_memory
from onnxlint.watcher import Watcher

if TYPE_CHECKING:
    from onnxlint.analyses.execution.worker import Workers


class Lint(Protocol):
    """Does one job: `lint_model`, or a fixing of it."""

    def __call__(self, job: Job, *, watcher: Watcher, workers: Workers | None) -> ModelReport:
        """Its report; `workers` runs the models of one judge, where models run."""


def judging(jobs: Sequence[Job], lint: Lint, workers: Workers | None) -> Judge:
    """Judges a job by its number."""

    def judge(number: int, watcher: Watcher, without: Collection[str]) -> ModelReport:
        job = jobs[number].without(without)
        limit_memory(Budget.build(job.settings).memory)
        if workers is not None:
            workers.is_last = number == len(jobs) - 1
        return lint(job, watcher=watcher, workers=workers)

    return judge


def workers_for(jobs: Sequence[Job]) -> Workers | None:
    """Each judge has a copy, and the processes that it starts; None where no model runs."""
    if all(job.static_only for job in jobs):
        return None
    from onnxlint.analyses.execution.worker import Workers

    return Workers()
