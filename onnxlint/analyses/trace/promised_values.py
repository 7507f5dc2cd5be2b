"""What was seen of the values that the contract is about, whatever onnxruntime makes of them."""

from __future__ import annotations

from contextlib import suppress
from functools import cached_property
from typing import TYPE_CHECKING

from onnxlint.analyses.execution.execution import Execution
from onnxlint.analyses.execution.probed_session import Runner
from onnxlint.analyses.execution.watching import Watching
from onnxlint.analyses.execution.worker import RunFailure, Worker, WorkerDied
from onnxlint.analyses.static.contract import Contract
from onnxlint.analyses.trace.trace import Observed, Trace
from onnxlint.model.graph.nodes import Value

if TYPE_CHECKING:
    from onnxlint.runtime.protocol import Statistics


class PromisedValues:
    """Statistics of the values that `[values]` names.

    Most are recorded in the run that all rules share. Those that the optimiser takes out of the
    graph are watched in another run, unoptimised.
    """

    def __init__(self, watched: Watching, contract: Contract, trace: Trace, worker: Worker) -> None:
        self._watched, self._contract = watched, contract
        self._trace, self._worker = trace, worker

    @classmethod
    def build(
        cls, watched: Watching, contract: Contract, trace: Trace, worker: Worker
    ) -> PromisedValues:
        """Nothing is run again yet.

        Raises:
            Unavailable: the model did not run.
        """
        return cls(watched, contract, trace, worker)

    def of(self, value: Value) -> Observed | None:
        """What was seen of a promised value; None where no run shows it."""
        known = self._recorded(value)
        if known is not None or value.scope is not self._watched.graph.main:
            return known
        seen = self._again.get(value.name)
        return Observed(value, seen, self._trace.samples) if seen and seen.elements else None

    def _recorded(self, value: Value) -> Observed | None:
        return self._trace.of(value) or self._trace.integers(value)

    @cached_property
    def _again(self) -> dict[str, Statistics]:
        """The statistics of what the shared run does not show."""
        promised = {value for each in self._contract.values for value in each.values}
        names = {value.name for value in promised if self._recorded(value) is None}
        execution: Execution = self._trace.execution
        if execution.attempt is None or not names:
            return {}
        runner = Runner(self._watched, self._worker, synthetic=execution.synthetic)
        with suppress(RunFailure, WorkerDied):  # as it ships it did run
            if runner.open_only(names):
                return runner.run_all(execution.attempt)[1]
        return {}
