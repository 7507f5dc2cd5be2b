"""What looking for counterexamples works on, and what it gives."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from onnxlint.analyses.execution.execution import Execution
    from onnxlint.analyses.execution.run_budget import Work
    from onnxlint.analyses.execution.worker import Worker
    from onnxlint.analyses.ranges.hazard import Hazard
    from onnxlint.analyses.ranges.hazards import Hazards
    from onnxlint.analyses.static.shapes import Shapes
    from onnxlint.analyses.trace.witnesses import WitnessFolder
    from onnxlint.model.graph.graph import Graph
    from onnxlint.types import Feed


class Counterexample(Struct, frozen=True):
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
    outputs: tuple[str, ...] | None = None


class Subject(Struct, frozen=True, eq=False):
    """One model, how it ran, its hazards, what runs may cost, and where inputs are saved."""

    graph: Graph
    shapes: Shapes
    worker: Worker
    execution: Execution
    hazards: Hazards
    work: Work
    folder: WitnessFolder

    def share(self, hazard: Hazard) -> float:
        """The operations that are spent on a hazard: equal parts, while they suffice for anything.

        Where there are too many, the last ones get nothing.
        """
        every, total = self.hazards.all, self.work.for_hazards
        served = max(1, min(len(every), int(min(total / max(self.work.of_a_hazard, 1.0), 1e9))))
        return total / served if hazard in every[:served] else 0.0
