"""What the nodes of a model cost, in a run of one sample."""

from __future__ import annotations

from onnxlint.analyses import Unavailable
from onnxlint.analyses.static.costs import Costs
from onnxlint.analyses.static.layer_costs import LayerCost
from onnxlint.model.graph.nodes import Node
from onnxlint.portraying.subject import Subject


class RunCosts:
    """The costs at the sizes of the first sample; without a run at those of the settings.

    `problem` is why there are none.
    """

    def __init__(self, subject: Subject) -> None:
        self.sizes = ""
        self.problem: str | None = None
        self._costs: Costs | None = None
        try:
            costs = self._read(subject)
            _ = costs.macs
            self._costs = costs
        except Unavailable as reason:
            self.problem = str(reason)

    def of(self, node: Node) -> LayerCost | None:
        """What a node costs."""
        return None if self._costs is None else self._costs.of(node)

    def _read(self, subject: Subject) -> Costs:
        costs = subject.analyses.get(Costs)
        execution = None if subject.trace is None else subject.trace.execution
        if execution is None or execution.attempt is None:
            return costs
        shapes = {name: array.shape for name, array in execution.one(execution.attempt).items()}
        self.sizes = ", ".join(f"{name}{list(shape)}" for name, shape in shapes.items())
        return costs.when_fed(shapes)
