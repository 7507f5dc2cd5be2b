"""Boundary samples: zeros, one value throughout, minimum and maximum values, one step.

Such samples are synthetic, and rarer than others in practice: they are run separately, one by one,
and do not go into the statistics of the trace.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from onnxlint.analyses.execution.body_values import Within
from onnxlint.analyses.execution.execution import Execution
from onnxlint.analyses.execution.probed_session import Runner, told
from onnxlint.analyses.execution.run_budget import Question, Work
from onnxlint.analyses.execution.runtime_errors import RuntimeFailure
from onnxlint.analyses.execution.single_steps import Shortened, folds_steps, shortened
from onnxlint.analyses.execution.worker import LimitReached, RunFailure, WorkerDied
from onnxlint.analyses.inputs.dynamic_axes import Sizes
from onnxlint.analyses.inputs.inputs import Inputs
from onnxlint.model.graph.graph import Graph
from onnxlint.model.graph.nodes import Value
from onnxlint.model.graph.operators import DECIDING

if TYPE_CHECKING:
    from onnxlint.analyses.execution.body_values import InnerRun
    from onnxlint.runtime.feeds.synthesis import Boundary
    from onnxlint.runtime.protocol import Array, Ran

    Feed = dict[str, Array]

_SIZES = ("count", "length", "given")
"""Meanings of inputs that say how large something is, and may not be valid."""


class Strayed(Struct, frozen=True):
    """A run of a boundary sample with NaN or infinity, every value recorded.

    `reaches`: an output holds some of them, or was decided on them.
    `inner` are the steps of subgraphs and functions that show them.
    """

    boundary: Boundary
    ran: Ran
    reaches: bool
    inner: list[InnerRun]


class Refused(Struct, frozen=True):
    """A boundary sample that onnxruntime refuses although others of its kind run.

    `sure`: only data is synthetic in it, and nothing says that the refusal is by design.
    """

    boundary: Boundary
    refusal: RuntimeFailure
    sure: bool


class Limits:
    """The boundary samples that failed; none where the user's data was fed."""

    def __init__(self) -> None:
        self.strayed: list[Strayed] = []
        self.refused: list[Refused] = []

    @classmethod
    def build(cls, graph: Graph, execution: Execution, work: Work, within: Within) -> Limits:
        """Runs the boundary samples, where the others ran and the cost is small."""
        limits, attempt, runner = cls(), execution.attempt, execution.runner
        if attempt is None or runner is None or not execution.synthetic:
            return limits
        sizes = Sizes(execution.inputs.slots, attempt.feeds[0])
        trials = _Trials(graph, execution.inputs, runner, sizes, attempt.feeds[0])
        short = list(shortened(graph, sizes, attempt.feeds[0]))
        with contextlib.suppress(RunFailure, WorkerDied):  # the usual samples are what must run
            if attempt.limits and work.asks(Question.LIMITS):
                trials.run(attempt.limits)
            if short and work.asks(Question.ONE_STEP):
                trials.run_short(short)
            limits.refused = trials.refused
            limits.strayed = trials.looked_at_closely(within)
        return limits


class _Trials:
    """Runs sample after sample; keeps what is refused, and what gives NaN or infinities."""

    def __init__(
        self, graph: Graph, inputs: Inputs, runner: Runner, sizes: Sizes, usual: Feed
    ) -> None:
        self._graph, self._runner, self._sizes, self._usual = graph, runner, sizes, usual
        self._sure = not inputs.parameters and not any(s.meaning in _SIZES for s in inputs.slots)
        self.refused: list[Refused] = []
        self._odd: list[Boundary] = []

    def run(self, boundaries: list[Boundary]) -> None:
        """Runs them as the model ships: all at once if nothing is wrong with any of them.

        The first may have been run beside a usual sample, and be told to be finite.
        """
        self._open()
        unknown = boundaries[bool(self._runner.is_spare_finite) :]
        if unknown and not self._are_finite([boundary.feed for boundary in unknown]):
            for boundary in boundaries:
                self._try(boundary)

    def run_short(self, short: list[Shortened]) -> None:
        """Runs one step; where it is refused, it is asked whether more are taken."""
        self._open()
        for each in short:
            self._try_short(each)

    def looked_at_closely(self, within: Within) -> list[Strayed]:
        """What gave NaN or infinities, run again with every value watched."""
        if self._odd:
            self._runner.open(closely=True)
        runs = [(boundary, self._runner.run_closely(boundary.feed)) for boundary in self._odd]
        return [
            Strayed(boundary, ran, self._reaches(ran), within.look([boundary.feed]))
            for boundary, ran in runs
        ]

    def _open(self) -> None:
        if not self._runner.is_open:
            self._runner.open()

    def _try(self, boundary: Boundary) -> None:
        usual = _alike(self._usual, boundary.feed)
        found = self._attempted(boundary.feed)
        if not isinstance(found, RuntimeFailure):
            if not found:
                self._odd.append(self._named(boundary, usual))
        elif usual is None or not isinstance(self._attempted(usual), RuntimeFailure):
            self.refused.append(Refused(boundary, found, self._sure and boundary.ordinary))
        else:
            self._try_in_company(boundary)

    def _try_in_company(self, boundary: Boundary) -> None:
        """A model that takes no single sample is fed as many of them as it was before."""
        count = self._sizes.base.get(self._sizes.batch or "", 1)
        feed = self._sizes.with_batch(boundary.feed, [0] * count)
        same = all(feed[name].shape == array.shape for name, array in self._usual.items())
        if count > 1 and same:
            self._try(replace(boundary, feed=feed))

    def _try_short(self, short: Shortened) -> None:
        from onnxlint.runtime.feeds.synthesis import Boundary

        told, refusal = f"a sequence of one step ({short.what!r} = 1)", None
        for feed in short.one:
            found = self._attempted(feed)
            if not isinstance(found, RuntimeFailure):
                if not found:
                    self._odd.append(Boundary(told, feed, ordinary=True))
                return
            refusal = found
        runs_with_more = self._runs_any(short.more)
        if refusal is not None and runs_with_more:
            node = next((n for n in self._graph.nodes() if n.place == refusal.place), None)
            by_design = not refusal.is_crash and folds_steps(self._graph, node)
            sure = self._runs_any(short.two) and not by_design
            self.refused.append(Refused(Boundary(told, short.one[-1]), refusal, sure))

    def _named(self, boundary: Boundary, usual: Feed | None) -> Boundary:
        """Where any single sample does the same, that is what is told."""
        if usual is None or self._attempted(usual) is not False:
            return boundary
        return replace(boundary, told="a batch of one sample", feed=usual, ordinary=True)

    def _runs_any(self, feeds: list[Feed]) -> bool:
        return any(not isinstance(self._attempted(feed), RuntimeFailure) for feed in feeds)

    def _are_finite(self, feeds: list[Feed]) -> bool:
        """Whether they run, and give nothing else, where runs are made side by side."""
        if self._runner.lanes == 1:
            return False
        try:
            return all(self._runner.are_finite(feeds))
        except LimitReached:
            raise
        except (RunFailure, WorkerDied):  # whoever runs them one by one tells which
            self._open()
            return False

    def _attempted(self, feed: Feed) -> bool | RuntimeFailure:
        """Whether all that is watched is finite; else why it is refused."""
        try:
            return self._runner.are_finite([feed])[0]
        except RunFailure as error:
            return replace(self._runner.refusal(error), fed=told(feed))
        except LimitReached:
            raise
        except WorkerDied as error:  # native code crashed: graver than a refusal
            self._open()
            return RuntimeFailure(self._graph.main.place, "", str(error), told(feed), is_crash=True)

    def _reaches(self, ran: Ran) -> bool:
        def is_bad(value: Value | None) -> bool:
            seen = ran.statistics.get(value.name) if value is not None else None
            return seen is not None and bool(seen.nan or seen.infinite)

        deciding = (value for node in self._graph.nodes(*DECIDING) for value in node.inputs)
        return any(map(is_bad, [*self._graph.outputs, *deciding]))


def _alike(usual: Feed, feed: Feed) -> Feed | None:
    """Usual samples cut to the shapes of others; None where they are no larger."""
    import numpy as np

    cut = {
        name: np.asarray(usual[name][tuple(map(slice, array.shape))])
        for name, array in feed.items()
    }
    same = all(array.shape == feed[name].shape for name, array in cut.items())
    return cut if same else None
