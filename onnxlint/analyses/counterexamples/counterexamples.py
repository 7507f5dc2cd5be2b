"""Looks for an input that makes an operator fail where its bounds say that it may."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:  # a rule that wishes for them in a static run loads nothing that runs models
    from onnxlint.analyses.counterexamples.subject import Counterexample, Subject
    from onnxlint.analyses.execution.execution import Execution
    from onnxlint.analyses.execution.run_budget import Work
    from onnxlint.analyses.execution.worker import Worker
    from onnxlint.analyses.ranges.hazard import Hazard
    from onnxlint.analyses.ranges.hazards import Hazards
    from onnxlint.analyses.static.shapes import Shapes
    from onnxlint.contributions import Contributions
    from onnxlint.model.graph.graph import Graph


class Counterexamples:
    """The counterexample of each hazard, looked for when it is asked for.

    `runs` tells how many runs of parts of the model each took.
    """

    runs_model: ClassVar = True
    effort: ClassVar = 200  # bounds of values take long: all of them while others wait for a run

    def __init__(self, subject: Subject) -> None:
        self.subject = subject
        self.runs: dict[Hazard, int] = {}
        self._known: dict[Hazard, Counterexample | None] = {}

    @classmethod
    def build(
        cls, graph: Graph, shapes: Shapes, worker: Worker, execution: Execution, hazards: Hazards,
        work: Work,
    ) -> Counterexamples:  # fmt: skip
        """Runs nothing yet."""
        from onnxlint.analyses.counterexamples.subject import Subject
        from onnxlint.analyses.trace.witnesses import WitnessFolder

        folder = WitnessFolder(execution.inputs.settings.witnesses, graph.model.path)
        return cls(Subject(graph, shapes, worker, execution, hazards, work, folder))

    def contribute(self, report: Contributions) -> None:
        """The inputs that could not be saved."""
        self.subject.folder.contribute(report)

    def of(self, hazard: Hazard, code: str | None = None) -> Counterexample | None:
        """An input that shows a hazard; None where none was found.

        `code` is the rule's, for the name of the file that it is saved in.
        """
        if hazard not in self._known:
            self._known[hazard] = self._looked_for(hazard, code or str(hazard.kind))
        return self._known[hazard]

    def _looked_for(self, hazard: Hazard, code: str) -> Counterexample | None:
        from onnxlint.analyses.execution.run_budget import Question

        attempt = self.subject.execution.attempt
        if attempt is None or not self.subject.work.asks(Question.HAZARDS):
            return None
        from onnxlint.analyses.counterexamples.looking import looked_for

        found, self.runs[hazard] = looked_for(self.subject, hazard, attempt, code)
        return found
