"""Whether a mended model still gives what it gave before: both run on the same inputs."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from onnxlint.analyses.execution import Execution
from onnxlint.analyses.inputs import Inputs
from onnxlint.analyses.refusals import read_refusal
from onnxlint.analyses.runner import runnable
from onnxlint.analyses.worker import RunFailure, Worker, WorkerDied
from onnxlint.model.draft import sort_nodes
from onnxlint.model.graph import Graph

if TYPE_CHECKING:
    from onnx import FunctionProto, GraphProto, ModelProto

    from onnxlint.runtime.messages import Array, Level
    from onnxlint.runtime.synthesis import Attempt

Outputs = list[dict[str, "Array"]]
"""The outputs of every run, in the order of the model."""

ROUNDING_STEPS = 16
"""Where outputs may differ by rounding: by so many of the dtype's steps at the largest output."""


class _Way(NamedTuple):
    """How both models are loaded."""

    level: Level = "none"
    sort: bool = False


_WAYS = (_Way(), _Way(sort=True), _Way("all"))
"""Tried in turn: onnxruntime sorts no subgraphs, and some kernels exist only when fused."""


class Agreement:
    """Outputs of a model, and the comparison with those of its mended copies.

    onnxruntime optimises nothing meanwhile: a fused kernel rounds otherwise than its parts, and a
    mended model may well be fused better. So equal means equal in every bit. Names of nodes and
    `value_info` are left out, and nodes are sorted where onnxruntime demands it: these are no part
    of what is computed, and onnxruntime refuses models over some that a fix mends.
    """

    def __init__(
        self, graph: Graph, inputs: Inputs, execution: Execution | None, worker: Worker
    ) -> None:
        self._worker = worker
        self._way = _WAYS[0]
        self._attempt: Attempt | None = None
        self._expected: Outputs = []
        self._accepted: Outputs = []
        self.obstacle = self._prepare(graph, inputs, execution)
        """Why nothing can be compared; None where it can."""

    def difference(self, graph: Graph, *, exact: bool) -> str | None:
        """How a mended copy differs, in a few words; None where its outputs are equal."""
        try:
            outputs = self._outputs(graph)
        except (RunFailure, WorkerDied) as error:
            return f"the mended model does not run: {_told(graph, error)}"
        told = _difference(self._expected, outputs, exact)
        if told is None:
            self._accepted = outputs
        return told

    def accept(self) -> None:
        """Takes the outputs compared last for those to compare with from now on."""
        self._expected = self._accepted or self._expected

    def _prepare(self, graph: Graph, inputs: Inputs, execution: Execution | None) -> str | None:
        if inputs.obstacle is not None:
            return f"no inputs to compare it on: {inputs.obstacle}"
        known = execution.attempt if execution is not None else None
        attempts = iter([known]) if known is not None else inputs.attempts()
        try:
            problem = self._find_inputs(graph, attempts)
            if problem is not None:
                hint = " (real samples, given with --data, may do better)" if inputs.guessed else ""
                return f"the model does not run: {problem}{hint}"
            if not any(self._expected):
                return "the model has no output that can be compared"
            if _difference(self._expected, self._outputs(graph), exact=True) is not None:
                return "two runs of the model on the same inputs differ"
        except (RunFailure, WorkerDied) as error:
            return f"the model does not run: {_told(graph, error)}"
        return None

    def _find_inputs(self, graph: Graph, attempts: Iterator[Attempt]) -> str | None:
        """Loads the model and runs the first feeds that it takes; the reason where it cannot."""
        refusals: list[RunFailure] = []
        for self._way in _WAYS:
            try:
                self._load(graph)
                break
            except RunFailure as error:
                refusals.append(error)
        else:
            return _told(graph, refusals[0])
        for self._attempt in attempts:
            try:
                self._expected = self._run(graph)
                return None
            except RunFailure as error:
                refusals.append(error)
        return _told(graph, refusals[-1]) if refusals else "there is no input to try"

    def _outputs(self, graph: Graph) -> Outputs:
        self._load(graph)
        return self._run(graph)

    def _load(self, graph: Graph) -> None:
        plain = _plain(graph.model.proto)
        if self._way.sort:
            _sort(plain)
        data, folder = runnable(replace(graph.model, proto=plain), [])
        self._worker.load(data, folder, self._way.level)

    def _run(self, graph: Graph) -> Outputs:
        from onnxlint.runtime.messages import Run

        assert self._attempt is not None
        names = [value.name for value in graph.outputs]
        runs = [self._worker.run(Run(feed, [], names)) for feed in self._attempt.feeds]
        return [run.outputs for run in runs]


def _difference(expected: Outputs, outputs: Outputs, exact: bool) -> str | None:
    for one, other in zip(expected, outputs, strict=True):
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
    pending: list[GraphProto | FunctionProto] = [plain.graph, *plain.functions]
    for graph in pending:
        del graph.value_info[:]
        for node in graph.node:
            node.ClearField("name")
            for attribute in node.attribute:
                pending.extend([attribute.g] if attribute.HasField("g") else attribute.graphs)
    return plain


def _sort(model: ModelProto) -> None:
    """Sorts what has an order; where onnx-ir cannot read the model, onnxruntime will say why."""
    with contextlib.suppress(Exception):  # onnx-ir raises many kinds
        sort_nodes(model.graph)


def _told(graph: Graph, error: Exception) -> str:
    refusal = read_refusal(graph, str(error))
    return refusal.reason or str(refusal)
