"""Whether a fixed model still gives what it gave before: both run on the same inputs."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from msgspec.structs import replace

from onnxlint.analyses.execution.execution import Execution
from onnxlint.analyses.execution.probed_session import runnable
from onnxlint.analyses.execution.runtime_errors import read_refusal
from onnxlint.analyses.execution.worker import RunFailure, Worker, WorkerDied
from onnxlint.analyses.inputs.inputs import Inputs
from onnxlint.model.edit.draft import sort_nodes
from onnxlint.model.file.messages import containers
from onnxlint.model.graph.graph import Graph

if TYPE_CHECKING:
    from onnx import ModelProto

    from onnxlint.model.file.load import Model
    from onnxlint.runtime.feeds.synthesis import Attempt
    from onnxlint.runtime.protocol import Level
    from onnxlint.types import Array, Outputs

ROUNDING_STEPS = 16
"""Where outputs may differ by rounding: by so many of the dtype's steps at the largest output."""


class _Way(NamedTuple):
    """How both models are loaded."""

    level: Level = "none"
    sort: bool = False


_WAYS = (_Way(), _Way(sort=True), _Way("all"))
"""Tried in turn: onnxruntime sorts no subgraphs, and some kernels exist only when fused."""


_SHIPPED = _Way("all")
"""As the model is loaded where it is used."""


class Agreement:
    """Outputs of a model, and the comparison with those of its fixed copies.

    onnxruntime optimises nothing at first: a fused kernel rounds otherwise than its parts, and a
    fixed model may well be fused better. So equal means equal in every bit. What differs there may
    be equal as it ships: a weight that is shared is packed, and summed, in another order. That will
    do as well. Names of nodes and
    `value_info` are left out, and nodes are sorted where onnxruntime demands it: these are no part
    of what is computed, and onnxruntime refuses models over some that a fix repairs.
    """

    def __init__(
        self, graph: Graph, inputs: Inputs, execution: Execution | None, worker: Worker
    ) -> None:
        self._worker = worker
        self._way = _WAYS[0]
        self._attempt: Attempt | None = None
        self._model, self._candidate = graph.model, graph.model
        self._expected: list[Outputs] = []
        self._accepted: list[Outputs] = []
        self._shipped: list[Outputs] | None = None
        self.obstacle = self._prepare(graph, inputs, execution)
        """Why nothing can be compared; None where it can."""

    def difference(self, graph: Graph, *, exact: bool) -> str | None:
        """How a fixed copy differs, in a few words; None where its outputs are equal."""
        try:
            told = self._compared(graph.model, self._way, self._expected, exact)
            if told is None or not self._is_equal_as_shipped(graph.model, exact):
                return told
            self._accepted = self._outputs(graph.model, self._way)
        except (RunFailure, WorkerDied) as error:
            return f"the fixed model does not run: {_told(graph, error)}"
        return None

    def accept(self) -> None:
        """Takes the outputs compared last for those to compare with from now on."""
        self._expected = self._accepted or self._expected
        self._model, self._shipped = self._candidate, None

    def _compared(
        self, model: Model, way: _Way, expected: list[Outputs], exact: bool
    ) -> str | None:
        """Runs feed after feed until outputs differ."""
        outputs: list[Outputs] = []
        for before, after in zip(expected, self._runs(model, way), strict=True):
            told = _difference(before, after, exact)
            if told is not None:
                return told
            outputs.append(after)
        self._accepted, self._candidate = outputs, model
        return None

    def _is_equal_as_shipped(self, model: Model, exact: bool) -> bool:
        if self._way.level == _SHIPPED.level:
            return False
        try:
            if self._shipped is None:
                self._shipped = self._outputs(self._model, _SHIPPED)
            return self._compared(model, _SHIPPED, self._shipped, exact) is None
        except RunFailure:
            return False

    def _prepare(self, graph: Graph, inputs: Inputs, execution: Execution | None) -> str | None:
        if inputs.obstacle is not None:
            return f"no inputs to compare on: {inputs.obstacle}"
        known = execution.attempt if execution is not None else None
        attempts = iter([known]) if known is not None else inputs.attempts()
        try:
            problem = self._find_inputs(graph, attempts)
            if problem is not None:
                hint = " (real samples may work: --data)" if inputs.guessed else ""
                return f"the model does not run: {problem}{hint}"
            if not any(self._expected):
                return "the model has no output that can be compared"
            if self._compared(graph.model, self._way, self._expected, exact=True) is not None:
                return "two runs of the model on the same inputs differ"
        except (RunFailure, WorkerDied) as error:
            return f"the model does not run: {_told(graph, error)}"
        return None

    def _find_inputs(self, graph: Graph, attempts: Iterator[Attempt]) -> str | None:
        """Loads the model and runs the first feeds that it takes; the reason where it cannot."""
        refusals: list[RunFailure] = []
        for self._way in _WAYS:
            try:
                self._load(graph.model, self._way)
                break
            except RunFailure as error:
                refusals.append(error)
        else:
            return _told(graph, refusals[0])
        for self._attempt in attempts:
            try:
                self._expected = list(self._run(graph.model))
                return None
            except RunFailure as error:
                refusals.append(error)
        return _told(graph, refusals[-1]) if refusals else "no valid input was found"

    def _outputs(self, model: Model, way: _Way) -> list[Outputs]:
        return list(self._runs(model, way))

    def _runs(self, model: Model, way: _Way) -> Iterator[dict[str, Array]]:
        self._load(model, way)
        yield from self._run(model)

    def _load(self, model: Model, way: _Way) -> None:
        plain = _plain(model.proto)
        if way.sort:
            _sort(plain)
        data, folder = runnable(replace(model, proto=plain), [])
        self._worker.load(data, folder, way.level)

    def _run(self, model: Model) -> Iterator[dict[str, Array]]:
        """The outputs of feed after feed."""
        from onnxlint.runtime.protocol import Run

        assert self._attempt is not None
        names = [output.name for output in model.proto.graph.output]
        for feed in self._attempt.feeds:
            yield self._worker.run(Run(feed, [], names)).outputs


def _difference(one: dict[str, Array], other: dict[str, Array], exact: bool) -> str | None:
    if len(one) != len(other):
        return f"{len(other)} outputs instead of {len(one)}"
    for name, before, after in zip(one, one.values(), other.values(), strict=True):
        if before.dtype != after.dtype or before.shape != after.shape:
            return f"output {name!r} has another type or shape"
        if not _equal(before, after, exact):
            return f"output {name!r} differs"
    return None


def _equal(before: Array, after: Array, exact: bool) -> bool:
    import numpy as np

    if before.dtype.kind not in "fc":
        return np.array_equal(before, after)
    if exact:
        return np.array_equal(before, after, equal_nan=True)
    finite = np.abs(before[np.isfinite(before)])
    largest = float(finite.max()) if finite.size else 0.0
    step = float(np.finfo(before.dtype).eps) * largest * ROUNDING_STEPS
    return np.allclose(before, after, rtol=0, atol=step, equal_nan=True)


def _plain(model: ModelProto) -> ModelProto:
    """A copy without what says nothing of the computation."""
    from onnx import ModelProto

    plain = ModelProto()
    plain.CopyFrom(model)
    for container in containers(plain):
        del container.value_info[:]
        for node in container.node:
            node.ClearField("name")
    return plain


def _sort(model: ModelProto) -> None:
    """Sorts what has an order; where onnx-ir cannot read the model, onnxruntime will say why."""
    with contextlib.suppress(Exception):  # onnx-ir raises many kinds
        sort_nodes(model.graph)


def _told(graph: Graph, error: Exception) -> str:
    refusal = read_refusal(graph, str(error))
    return refusal.reason or str(refusal)
