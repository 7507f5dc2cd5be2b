"""What the layers of a model cost, as it is shown."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING

from onnxlint.analyses import Analyses, Unavailable
from onnxlint.analyses.static.costs import Costs
from onnxlint.analyses.static.trained_parameters import Parameters
from onnxlint.inspection.cost import Cost, Totals
from onnxlint.inspection.wiring import Wiring
from onnxlint.model.graph.graph import Graph
from onnxlint.model.graph.nodes import Node
from onnxlint.model.graph.place import NotApplicable

if TYPE_CHECKING:
    from onnxlint.types import Feed

Sizes = Mapping[str, tuple[int, ...]]


class Costing:
    """The costs of one run of one sample: of what was fed, else of the smallest input."""

    def __init__(self, analyses: Analyses, wiring: Wiring, *, has_run: bool) -> None:
        self._parameters, self._wiring = analyses.get(Parameters), wiring
        self._graph = analyses.get(Graph)
        self._costs, self._problem = _costs(analyses)
        self._fed: Sizes = {}
        if has_run and self._costs is not None:
            self._fed = {name: array.shape for name, array in one_sample(analyses).items()}
            self._costs = self._costs.when_fed(self._fed)

    def of(self, node: Node) -> Cost:
        """What one layer costs; what glue prepares for it counts as its own."""
        trainable, stored = self._wiring.trainable[node], self._wiring.weight_bytes[node]
        if self._costs is None:
            return Cost(trainable, weight_bytes=stored)
        cost = self._costs.of(node)
        return Cost(trainable, cost.macs, cost.flops, cost.activation_bytes, stored, cost.rounds)

    @cached_property
    def totals(self) -> Totals:
        """What all of it costs."""
        parameters = self._parameters
        known = (parameters.total, parameters.trainable, parameters.stored_bytes)
        if self._costs is None:
            return Totals(*known, problem=self._problem)
        try:
            return Totals(
                *known,
                self._costs.macs,
                self._costs.flops,
                self._costs.peak_activations,
                self._costs.input_sizes,
                tuple(sorted({*self._costs.uncounted, *self._costs.unknown_operators})),
                self._costs.unsized,
            )
        except Unavailable as reason:
            return Totals(*known, problem=str(reason))


def _costs(analyses: Analyses) -> tuple[Costs | None, str | None]:
    try:
        return analyses.get(Costs), None
    except NotApplicable as reason:
        return None, str(reason)


def one_sample(analyses: Analyses) -> Feed:
    """The first sample of what was run, alone where samples can be told apart."""
    from onnxlint.analyses.execution.execution import Execution
    from onnxlint.analyses.inputs.dynamic_axes import Sizes as Dynamic

    execution = analyses.get(Execution)
    if execution.attempt is None:
        return {}
    feed = execution.attempt.feeds[0]
    axes = Dynamic(execution.inputs.slots, feed)
    return axes.with_batch(feed, [0]) if axes.batch_axes else feed
