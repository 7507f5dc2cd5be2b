"""The gradients at layers, where a rule had them measured."""

from __future__ import annotations

from typing import TYPE_CHECKING

from onnxlint.portraying.subject import Subject

if TYPE_CHECKING:
    from onnxlint.analyses.trace.gradient_propagation import LayerGradient
    from onnxlint.model.graph.nodes import Node


class Gradients:
    """What was measured; `problem` is why nothing was."""

    def __init__(self, subject: Subject) -> None:
        self._found: dict[Node, LayerGradient] = {}
        self.problem = self._read(subject)

    def of(self, node: Node) -> LayerGradient | None:
        """The gradient at a layer."""
        return self._found.get(node)

    def _read(self, subject: Subject) -> str | None:
        if not subject.runs:
            return "the model was not run"
        from onnxlint.analyses.execution.run_budget import Question
        from onnxlint.analyses.trace.gradient_propagation import Propagation

        measured = subject.analyses.have(Propagation)
        if measured is not None:
            self._found = {layer.node: layer for layer in measured.layers}
            return None
        failure = subject.analyses.failure(Propagation)
        if failure is None:
            return "no rule that ran asks for them"
        return str(failure).removeprefix(f"{Question.GRADIENTS}: ")
