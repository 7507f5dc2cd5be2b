"""The model beside a perturbed copy of itself, as far as no run is needed to write it."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import TYPE_CHECKING

from msgspec.structs import replace

from onnxlint.analyses.execution.probed_session import runnable
from onnxlint.analyses.execution.tapped_model import can_tap
from onnxlint.analyses.execution.watching import Watching
from onnxlint.analyses.static.dominators import Chain, longest_chain
from onnxlint.analyses.static.operation_counts import FREE_OPERATIONS, OperationCounts
from onnxlint.model.graph.nodes import Value

if TYPE_CHECKING:
    from pathlib import Path

    from onnxlint.runtime.perturbed_copy import PerturbationPlan

RUNS = 20
"""Of a model that may run so often at no charge, gradients are as good as asked for."""


class DoubledModel:
    """The longest chain of layers, and the model whose values on it are compared with a copy's."""

    def __init__(self, watched: Watching, counts: OperationCounts) -> None:
        self._watched, self._counts = watched, counts
        self._graph, self._shapes = watched.graph, watched.shapes

    @classmethod
    def build(cls, watched: Watching, counts: OperationCounts) -> DoubledModel:
        """Nothing is written yet."""
        return cls(watched, counts)

    @cached_property
    def chain(self) -> Chain:
        """What is measured.

        Raises:
            NotApplicable: there is no chain of layers.
        """
        return longest_chain(self._graph, self._shapes)

    @cached_property
    def plan(self) -> PerturbationPlan:
        """What is doubled, and where it is compared."""
        from onnxlint.runtime.perturbed_copy import PerturbationPlan

        graph, chain = self._graph, self.chain
        needed = graph.ancestors([end.value for end in chain.ends])
        kept = [node for node in graph.main.nodes if node in needed]
        types = ((cut.name, self._shapes.of(cut)) for cut in chain.cuts)
        return PerturbationPlan(
            cuts={name: shape.dtype for name, shape in types if shape is not None},
            ends=[end.value.name for end in chain.ends],
            kept={node.index for node in kept},
            doubled={node.index for node in kept if node in chain.flow},
            flowing={vertex.name for vertex in chain.flow if isinstance(vertex, Value)},
            copies=self._watched.lanes,  # of a small model there is memory for one more
            compiled=can_tap(graph.model.proto),
        )

    @cached_property
    def runnable(self) -> tuple[bytes, Path]:
        """It serialised, and the folder of its weights.

        Raises:
            RunFailure: the model refers to a file that must not be opened.
        """
        from onnxlint.runtime.perturbed_copy import twin

        model = self._graph.model
        return runnable(replace(model, proto=twin(model.proto, self.plan)), [])

    def foresee(self) -> Iterator[None]:
        """Looks for the chain, and writes it where it is as good as certain that it will be run."""
        is_small = self._counts.running({}, {}) * RUNS <= FREE_OPERATIONS
        for part in ("chain", "plan", "runnable") if is_small else ("chain",):
            getattr(self, part)
            yield
