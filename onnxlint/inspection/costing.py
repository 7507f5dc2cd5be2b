"""What the layers of a model cost, as it is shown."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING

from onnxlint.analyses import Analyses, Unavailable
from onnxlint.analyses.static.costs import Costs, Seen
from onnxlint.analyses.static.trained_parameters import Parameters
from onnxlint.inspection.cost import Cost, Profiled, Timed, Totals
from onnxlint.inspection.wiring import Wiring
from onnxlint.model.graph.graph import Graph
from onnxlint.model.graph.nodes import Node
from onnxlint.model.graph.place import NotApplicable

if TYPE_CHECKING:
    from onnxlint.analyses.execution.profile import Profile

Sizes = Mapping[str, tuple[int, ...]]


class Costing:
    """The costs of one run of one sample: of what was fed, else of the smallest input."""

    def __init__(self, analyses: Analyses, wiring: Wiring, *, has_run: bool) -> None:
        self._parameters, self._wiring = analyses.get(Parameters), wiring
        self._graph = analyses.get(Graph)
        self._costs, self._problem = _costs(analyses)
        if has_run and self._costs is not None:
            self._costs = self._costs.when_fed(*_sizes_of_run(analyses))

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


def _sizes_of_run(analyses: Analyses) -> tuple[Sizes, dict[str, Seen]]:
    """The shapes of one sample of what was fed, and what was seen of the values of its run."""
    from onnxlint.analyses.execution.execution import Execution
    from onnxlint.analyses.execution.profile import one_sample

    execution = analyses.get(Execution)
    fed = {name: array.shape for name, array in one_sample(execution).items()}
    seen = {name: (each.dtype, each.shape)
            for each_of in (execution.inner, execution.statistics)
            for name, each in each_of.items()}  # fmt: skip
    for ran in execution.runs[:1]:
        seen |= ran.types
    count = execution.attempt.samples_per_run if execution.attempt is not None else 1
    is_alone = all(fed[name] == shape for ran in execution.runs[:1]
                   for name, shape in ran.fed.items() if name in fed)  # fmt: skip
    if not is_alone:  # several samples were fed at once, along the first axis
        seen = {name: (dtype, (1, *shape[1:])) for name, (dtype, shape) in seen.items()
                if shape[:1] == (count,)}  # fmt: skip
    return fed, seen


def _costs(analyses: Analyses) -> tuple[Costs | None, str | None]:
    try:
        return analyses.get(Costs), None
    except NotApplicable as reason:
        return None, str(reason)


class Timing:
    """What the kernels of each layer take."""

    def __init__(self, analyses: Analyses, numbers: Mapping[Node, int]) -> None:
        from onnxlint.analyses.execution.profile import Profile

        self._numbers = numbers
        self.problem: str | None = None
        self._profile: Profile | None = None
        self._within: dict[Node, int] = {}
        try:
            self._profile = analyses.get(Profile)
        except NotApplicable as reason:
            self.problem = str(reason)
            return
        for node, entry in self._profile.nodes.items():
            self._within |= {covered: numbers[node] for covered in entry.covers if node in numbers}

    def of(self, node: Node) -> Timed | None:
        """A layer's time; None where no kernel computes it, as what was folded."""
        profile = self._profile
        if profile is None or (found := profile.nodes.get(node)) is None:
            return Timed(within=self._within[node]) if node in self._within else None
        return Timed(
            profile.of(node),
            profile.share(node),
            tuple(kernel.op for kernel in found.kernels),
            tuple(self._numbers[each] for each in found.covers if each in self._numbers),
        )

    @property
    def profiled(self) -> Profiled | None:
        """The whole."""
        profile = self._profile
        if profile is None:
            return None
        sizes = {name: array.shape for name, array in profile.feed.items()}
        return Profiled(profile.runs, profile.milliseconds, profile.others, sizes)
