"""The model run again as deployed: without probes, at any optimisation level."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from onnxlint.analyses import Unavailable
from onnxlint.analyses.execution.execution import Execution
from onnxlint.analyses.execution.probed_session import AS_WRITTEN, Runner, kept_outputs, runnable
from onnxlint.analyses.execution.worker import RunFailure, Worker, WorkerDied
from onnxlint.analyses.static.shapes import Shapes
from onnxlint.model.graph.graph import Graph

if TYPE_CHECKING:
    from onnxlint.runtime.feeds.synthesis import Attempt
    from onnxlint.runtime.protocol import Array, Level, Ran
    from onnxlint.types import Feed, Outputs

    Answer = Callable[[], Outputs]
    """What a run gave; it raises what the run did."""

TOGETHER_BYTES = 8 * 1024 * 1024
"""What is fed in runs that are asked for together, and comes out of them: a choice."""


class LoadedModel:
    """A model in the worker, loaded again whenever something else was.

    `watched` values can be fetched beside the outputs; while they and the level of optimisation
    stay the same, so does the session. `level` is that of a user who names none: what onnxruntime
    takes only as it is written runs so. Where `probed` still has the model loaded at a level, or as
    it ships, that session gives the outputs.
    """

    def __init__(
        self, graph: Graph, worker: Worker, level: Level = "all", *, synthetic: bool = False,
        probed: Callable[[Level | None], Runner | None] | None = None,
    ) -> None:  # fmt: skip
        self._synthetic, self._probed = synthetic, probed
        self._graph, self._worker, self._level = graph, worker, level
        self._loaded: object = None

    def open_at(self, level: Level | None) -> Runner | None:
        """Whose session the next run at a level is made in; of None, that of the samples."""
        return None if self._probed is None else self._probed(level)

    def outputs(
        self, feed: dict[str, Array], names: Iterable[str], watched: Iterable[str] = (),
        level: Level | None = None, *, fresh: bool = False,
    ) -> dict[str, Array]:  # fmt: skip
        """The named values of one run; `fresh` runs it in a new session.

        Raises:
            RunFailure: onnxruntime refuses to load the model at this level, or to run this feed.
            WorkerDied: it crashed or went over a limit; the next call starts anew.
        """
        wanted = tuple(dict.fromkeys(watched))
        return self._ran([feed], list(dict.fromkeys(names)), wanted, level, fresh=fresh)[0].outputs

    def together(
        self, feeds: Sequence[dict[str, Array]], names: Iterable[str]
    ) -> list[dict[str, Array]]:
        """The named values of some runs in one session.

        Raises:
            RunFailure, WorkerDied: as `outputs`, whichever run it is.
        """
        return [ran.outputs for ran in self._ran(feeds, [*names], (), None)]

    def seconds(self, feed: dict[str, Array]) -> float:
        """The time that onnxruntime takes for one run, none of whose outputs are sent.

        Raises:
            RunFailure, WorkerDied: as `outputs`.
        """
        return self._ran([feed], [], (), None)[0].seconds

    def _ran(
        self, feeds: Sequence[dict[str, Array]], names: list[str], wanted: tuple[str, ...],
        level: Level | None, *, fresh: bool = False,
    ) -> list[Ran]:  # fmt: skip
        from onnxlint.runtime.protocol import Run

        probed = None if fresh or wanted else self.open_at(level)
        if probed is not None:
            return probed.outputs(feeds, names)
        if fresh or self._loaded != (wanted, level or self._level, self._worker.session):
            self._load(wanted, level)
        return self._worker.run_together([Run(feed, [], names) for feed in feeds])

    def _load(self, wanted: tuple[str, ...], level: Level | None) -> None:
        try:
            self._load_at(wanted, level or self._level)
        except RunFailure:
            if level is not None or self._level == AS_WRITTEN:
                raise
            self._load_at(wanted, AS_WRITTEN)
            self._level = AS_WRITTEN

    def _load_at(self, wanted: tuple[str, ...], level: Level) -> None:
        data, folder = runnable(self._graph.model, list(wanted), synthetic=self._synthetic)
        self._worker.load(data, folder, level)
        self._loaded = wanted, level, self._worker.session


class Reruns:
    """Runs the model again, on the feeds of `Execution` or on others.

    It is loaded when it is first run, and stays loaded from user to user, until another level of
    optimisation is asked for. `kept` names the outputs that `outputs` gives, those which are small
    enough to be held.
    """

    def __init__(self, graph: Graph, shapes: Shapes, execution: Execution, worker: Worker) -> None:
        assert execution.attempt is not None
        self.attempt: Attempt = execution.attempt
        too_large = execution.runner.withheld if execution.runner is not None else ()
        self.kept = [name for name in kept_outputs(graph, shapes) if name not in too_large]
        self._runs = execution.runs
        self._model = LoadedModel(graph, worker, execution.level, synthetic=execution.synthetic,
                                  probed=execution.open_at)  # fmt: skip

    @property
    def lanes(self) -> int:
        """How many of the next runs are made side by side, if they are asked for together."""
        runner = self._model.open_at(None)
        return 1 if runner is None else runner.lanes

    @property
    def is_open_as_written(self) -> bool:
        """Whether the model need not be loaded to be run unoptimised."""
        return self._model.open_at(AS_WRITTEN) is not None

    @classmethod
    def build(cls, graph: Graph, shapes: Shapes, execution: Execution, worker: Worker) -> Reruns:
        """Nothing is loaded yet.

        Raises:
            Unavailable: the model did not run.
        """
        if not execution.ran:
            raise Unavailable(execution.failure or "the model did not run")
        return cls(graph, shapes, execution, worker)

    def outputs(
        self, feed: dict[str, Array], level: Level | None = None, *, fresh: bool = False
    ) -> dict[str, Array]:
        """The outputs of one run by name, as `Execution` ran it; `fresh` is in a new session.

        Raises:
            RunFailure: onnxruntime refuses to load the model at this level, or to run this feed.
            WorkerDied: it crashed or went over a limit; the next call starts anew.
        """
        return self._model.outputs(feed, self.kept, level=level, fresh=fresh)

    def twice(self, feed: dict[str, Array]) -> list[dict[str, Array]]:
        """The outputs of two runs of the same.

        Raises:
            RunFailure, WorkerDied: as `outputs`.
        """
        return self._model.together([feed, feed], self.kept)

    def answers(self, feeds: Iterable[Feed]) -> Iterator[Answer]:
        """As `outputs` of one feed after the other, asked with as few messages as memory allows."""
        beside = sum(array.nbytes for array in self._runs[0].outputs.values())
        for block in _blocks(feeds, beside):
            yield from self._answered(block)

    def _answered(self, feeds: Sequence[Feed]) -> list[Answer]:
        if len(feeds) > 1:
            with suppress(RunFailure, WorkerDied):  # one by one it shows whose fault it is
                found = self._model.together(feeds, self.kept)
                return [partial(dict, outputs) for outputs in found]
        return [partial(self.outputs, feed) for feed in feeds]

    def of_samples(self, run: int) -> dict[str, Array]:
        """The outputs of a run of the samples by name; it is run again only where sessions differ.

        Raises:
            RunFailure, WorkerDied: as `outputs`.
        """
        known = self._runs[run].outputs
        if self._model.open_at(None) is not None and all(name in known for name in self.kept):
            return {name: known[name] for name in self.kept}
        return self.outputs(self.attempt.feeds[run])

    def watched(
        self, feed: dict[str, Array], names: list[str], level: Level | None = None,
        *, fresh: bool = False,
    ) -> dict[str, Array]:  # fmt: skip
        """Values of one run by name, fetched beside the outputs; as `outputs`.

        Fetched, a value is not fused with what reads it.
        """
        outputs = [name for name in self.kept if name in names]
        inner = [name for name in names if name not in outputs]
        return self._model.outputs(feed, [*outputs, *inner], inner, level, fresh=fresh)


def _blocks(feeds: Iterable[Feed], beside: int) -> Iterator[list[Feed]]:
    """As many at once as there is room for, with so many bytes beside each, or a single one."""
    block: list[Feed] = []
    room = TOGETHER_BYTES
    for feed in feeds:
        takes = beside + sum(array.nbytes for array in feed.values())
        if block and takes > room:
            yield block
            block, room = [], TOGETHER_BYTES
        block.append(feed)
        room -= takes
    if block:
        yield block
