"""Looks for an input that makes an operator fail where its bounds say that it may."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from onnxlint.analyses.execution.execution import Execution
from onnxlint.analyses.execution.run_budget import Question, Work
from onnxlint.analyses.execution.worker import Worker
from onnxlint.analyses.ranges.hazards import Hazard, Hazards
from onnxlint.analyses.static.shapes import Shapes
from onnxlint.analyses.trace.witnesses import WitnessFolder
from onnxlint.contributions import Contributions
from onnxlint.model.graph.graph import Graph

if TYPE_CHECKING:
    from onnxlint.types import Feed


@dataclass(frozen=True)
class Counterexample:
    """An input that was run, and what it showed.

    Attributes:
        feed: the arrays by input name.
        told: what the input is like: `an all-zero sample`.
        seen: what came out of the operator: `NaN`, `inf`, `a refused run`; of a cast the number
            that it made, and of which: `44 of 300`.
        declared: every input lies within a range that the user declared, or is the user's data.
        evidence: where it was saved (`--save-witness`), for the finding.
        ordinary: no number goes beyond what is declared, or usual where nothing is, and no mask
            hides everything.
        outputs: the outputs of the model, as it ships, that held NaN or infinity in that run; None
            where it could not be told.
    """

    feed: Feed
    told: str
    seen: str
    declared: bool
    evidence: Mapping[str, str]
    ordinary: bool = True
    outputs: tuple[str, ...] | None = field(default=None)


class Counterexamples:
    """The counterexample of each hazard, looked for when it is asked for."""

    def __init__(
        self, graph: Graph, shapes: Shapes, worker: Worker, execution: Execution, hazards: Hazards,
        work: Work,
    ) -> None:  # fmt: skip
        self.graph, self.shapes, self.worker = graph, shapes, worker
        self.execution, self.hazards, self.work = execution, hazards, work
        settings = execution.inputs.settings
        self.folder = WitnessFolder(settings.witnesses, graph.model.path)
        self.runs: dict[Hazard, int] = {}
        self._known: dict[Hazard, Counterexample | None] = {}

    @classmethod
    def build(
        cls, graph: Graph, shapes: Shapes, worker: Worker, execution: Execution, hazards: Hazards,
        work: Work,
    ) -> Counterexamples:  # fmt: skip
        """Runs nothing yet."""
        return cls(graph, shapes, worker, execution, hazards, work)

    def contribute(self, report: Contributions) -> None:
        """The inputs that could not be saved."""
        self.folder.contribute(report)

    def of(self, hazard: Hazard, code: str | None = None) -> Counterexample | None:
        """An input that shows a hazard; None where none was found.

        `code` is the rule's, for the name of the file that it is saved in.
        """
        if hazard not in self._known:
            self._known[hazard] = self._looked_for(hazard, code or str(hazard.kind))
        return self._known[hazard]

    def share(self, hazard: Hazard) -> float:
        """The operations that are spent on a hazard: equal parts, while they suffice for anything.

        Where there are too many, the last ones get nothing.
        """
        every, total = self.hazards.all, self.work.for_hazards
        served = max(1, min(len(every), int(min(total / max(self.work.of_a_hazard, 1.0), 1e9))))
        return total / served if hazard in every[:served] else 0.0

    def _looked_for(self, hazard: Hazard, code: str) -> Counterexample | None:
        attempt = self.execution.attempt
        if attempt is None or not self.work.asks(Question.HAZARDS):
            return None
        from onnxlint.analyses.counterexamples.looking import looked_for

        return looked_for(self, hazard, code, attempt)
