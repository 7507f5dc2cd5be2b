"""What happens at the limits of what is valid: samples of zeros, of the least and largest numbers.

Such samples are made up, and rarer than others in practice: they are run apart, none of their
numbers goes into the statistics of the trace, and what they alone show is no more than an info.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from onnxlint.analyses.execution import Execution, Refusal, Runner, told
from onnxlint.analyses.shapes import Shapes
from onnxlint.analyses.worker import RunFailure, Worker, WorkerDied
from onnxlint.model.graph import Graph

if TYPE_CHECKING:
    from onnxlint.runtime.messages import Array, Ran

    Feed = dict[str, Array]

LONGEST_SECONDS = 0.5
"""Models that take longer to load, or for a run, are not run again for this."""


class Limits:
    """The runs at the limits, with every value watched; none where the user's data was fed.

    `failure` is what onnxruntime refused there, though it takes other samples of the same shape.
    """

    def __init__(self) -> None:
        self.runs: list[Ran] = []
        self.failure: Refusal | None = None

    @classmethod
    def build(cls, graph: Graph, shapes: Shapes, execution: Execution, worker: Worker) -> Limits:
        """Runs the samples at the limits, where the others ran and took little time."""
        limits = cls()
        attempt = execution.attempt
        seconds = max([execution.load_seconds, *(ran.seconds for ran in execution.runs)])
        if attempt is None or not execution.synthetic or seconds > LONGEST_SECONDS:
            return limits
        runner = Runner(graph, shapes, worker)
        try:
            runner.open(closely=True)
        except (RunFailure, WorkerDied):  # some kernels exist only when fused
            return limits
        for feed in attempt.limits:
            limits._run(runner, feed, attempt.feeds[0])
        return limits

    def _run(self, runner: Runner, feed: Feed, usual: Feed) -> None:
        try:
            self.runs.append(runner.run_closely(feed))
        except RunFailure as error:
            if self.failure is None and _runs(runner, _alike(usual, feed)):
                self.failure = replace(runner.refusal(error), fed=told(feed))
        except WorkerDied:  # the limits of time and memory are meant for the usual samples
            return


def _runs(runner: Runner, feed: Feed | None) -> bool:
    try:
        return feed is not None and bool(runner.run(feed))
    except (RunFailure, WorkerDied):
        return False


def _alike(usual: Feed, feed: Feed) -> Feed | None:
    """Usual samples cut to the shapes of others; None where they are no larger."""
    cut = {name: usual[name][tuple(map(slice, array.shape))] for name, array in feed.items()}
    same = all(array.shape == feed[name].shape for name, array in cut.items())
    return cut if same else None
