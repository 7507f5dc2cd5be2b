"""The numbers of values inside If, Loop, Scan and local functions, of one run and one iteration."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from msgspec import Struct

from onnxlint.analyses.execution.execution import Execution
from onnxlint.analyses.execution.probed_session import AS_WRITTEN, serialised
from onnxlint.analyses.execution.tapped_bodies import (
    TappedBody,
    every_body,
    is_copied_cheaply,
    with_taps,
)
from onnxlint.analyses.execution.tapped_model import can_tap
from onnxlint.analyses.execution.worker import RunFailure, Worker
from onnxlint.analyses.static.body_models import Body
from onnxlint.model.graph.graph import Graph
from onnxlint.model.graph.nodes import Node, Scope, Value

if TYPE_CHECKING:
    from onnxlint.runtime.protocol import Array, Ran, Watch

    Feed = dict[str, Array]


class Spot(Struct, frozen=True):
    """Where numbers were taken: in which run, call and iteration, each counted from 0.

    `of` is how often the body ran in that call and run.
    """

    run: int
    body: Body
    iteration: int
    of: int


class NotReached(Exception):  # noqa: N818 - a fact about the model
    """What was asked for never ran; the message says how far it did."""


class InnerNumbers:
    """A model with taps on values of one scope."""

    def __init__(self, graph: Graph, worker: Worker, execution: Execution) -> None:
        self._graph, self._worker, self._execution = graph, worker, execution

    def of(
        self, values: Sequence[Value], feeds: Sequence[Feed], room: int, iteration: int = 0,
        call: Node | None = None,
    ) -> tuple[Mapping[Value, Array], Spot]:  # fmt: skip
        """The values in one iteration, of the first run and the first call that reach them.

        With `call` only what that node runs is looked at. What is too large is left out.

        Raises:
            NotReached: no run reaches them, or none of so many iterations.
            RunFailure: onnxruntime refuses it.
            WorkerDied: it crashed or went over a limit.
        """
        from onnxlint.runtime.protocol import Run

        tapped = self._load(values, call)
        keys = [each.key(watch.name) for each in tapped for watch in each.watches]
        held, most = dict.fromkeys(keys, iteration), 0
        for run, feed in enumerate(feeds):
            ran = self._worker.run(Run(feed, [], [], room, held=held), whole=False)
            for each in tapped:
                count = _count(each, ran)
                most = max(most, count)
                if count > iteration:
                    found = {value: ran.outputs[key] for value in values
                             if (key := each.key(value.name)) in ran.outputs}  # fmt: skip
                    return found, Spot(run, each.body, iteration, count)
        raise NotReached(_never(values[0].scope, most, len(feeds)))

    def _load(self, values: Sequence[Value], call: Node | None) -> list[TappedBody]:
        if not can_tap(self._graph.model.proto):
            raise RunFailure("onnxlint was installed without its compiled part")
        tapped = list(self._tapped(values, call))
        if not is_copied_cheaply(tapped):
            raise RunFailure("the functions around it are too large to be copied")
        model, names = with_taps(self._graph, tapped)
        files, synthetic = self._graph.model.files, self._execution.synthetic
        data, folder = serialised(model, files, (), synthetic=synthetic)
        self._worker.load(data, folder, AS_WRITTEN, taps=names)
        return tapped

    def _tapped(self, values: Sequence[Value], call: Node | None) -> Iterator[TappedBody]:
        """The bodies that are asked for with taps, and those around them without."""
        from onnxlint.runtime.protocol import Watch

        watches: list[Watch] = [Watch(value.name) for value in dict.fromkeys(values)]
        every, _ = every_body(self._graph)
        wanted = [body for body in every if body.scope is values[0].scope
                  and (call is None or call in body.calls)]  # fmt: skip
        if not wanted:
            called = "" if call is None else " by this node"
            raise NotReached(f"{values[0].scope.path} is never run{called}")
        around = {body.calls[: depth + 1] for body in wanted for depth in range(len(body.calls))}
        for number, body in enumerate(every):
            if body in wanted:
                yield TappedBody(body, number, watches)
            elif body.calls in around:
                yield TappedBody(body, number, ())


def _count(tapped: TappedBody, ran: Ran) -> int:
    keys = [tapped.key(watch.name) for watch in tapped.watches]
    return max((ran.shown.get(key, int(key in ran.types)) for key in keys), default=0)


def _never(scope: Scope, most: int, runs: int) -> str:
    told = "1 run" if runs == 1 else f"{runs:,} runs"
    if most:
        times = "once" if most == 1 else f"{most:,} times"
        return f"{scope.path} runs {times} at most in {told}; iterations are counted from 0"
    return f"{scope.path} is never reached in {told}"
