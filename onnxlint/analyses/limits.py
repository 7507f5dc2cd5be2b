"""What happens at the limits of what is valid: samples of zeros, of the least and largest numbers.

Such samples are made up, and rarer than others in practice: they are run apart, none of their
numbers goes into the statistics of the trace, and what they alone show is no more than an info.
"""

from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import TYPE_CHECKING

from onnxlint.analyses.execution import Execution
from onnxlint.analyses.refusals import Refusal
from onnxlint.analyses.runner import Runner, told
from onnxlint.analyses.within import Within
from onnxlint.analyses.work import Question, Work
from onnxlint.analyses.worker import RunFailure, WorkerDied

if TYPE_CHECKING:
    from onnxlint.analyses.within import InnerRun
    from onnxlint.runtime.messages import Array, Ran
    from onnxlint.runtime.synthesis import Attempt

    Feed = dict[str, Array]


class Limits:
    """The runs at the limits that gave NaN or infinities, every value watched, and their feeds.

    `inner` are the steps of subgraphs and functions in these runs that show them.
    None where the user's data was fed. `failure` is what onnxruntime refused there, though it takes
    other samples of the same shape.
    """

    def __init__(self) -> None:
        self.runs: list[Ran] = []
        self.feeds: list[Feed] = []
        self.inner: list[InnerRun] = []
        self.failure: Refusal | None = None

    @classmethod
    def build(cls, execution: Execution, work: Work, within: Within) -> Limits:
        """Runs the samples at the limits, where the others ran and it costs little."""
        limits, attempt, runner = cls(), execution.attempt, execution.runner
        if attempt is None or runner is None or not execution.synthetic:
            return limits
        if not attempt.limits or not work.asks(Question.LIMITS):
            return limits
        with contextlib.suppress(RunFailure, WorkerDied):  # the usual samples are what must run
            if not runner.is_open:
                runner.open()
            odd = [feed for feed in attempt.limits if limits._is_odd(runner, feed, attempt)]
            if odd:
                runner.open(closely=True)
            limits.runs, limits.feeds = [runner.run_closely(feed) for feed in odd], odd
            limits.inner = within.look(odd) if odd else []
        return limits

    def _is_odd(self, runner: Runner, feed: Feed, attempt: Attempt) -> bool:
        """Whether a run shows NaN or infinities; a failure is kept."""
        try:
            return not runner.run(feed).is_finite
        except RunFailure as error:
            refusal = replace(runner.refusal(error), fed=told(feed))
        usual = _alike(attempt.feeds[0], feed)
        if usual is not None and _runs(runner, usual):
            self.failure = refusal
        return False


def _runs(runner: Runner, feed: Feed) -> bool:
    try:
        runner.run(feed)
    except RunFailure:
        return False
    return True


def _alike(usual: Feed, feed: Feed) -> Feed | None:
    """Usual samples cut to the shapes of others; None where they are no larger."""
    cut = {name: usual[name][tuple(map(slice, array.shape))] for name, array in feed.items()}
    same = all(array.shape == feed[name].shape for name, array in cut.items())
    return cut if same else None
