"""The model as it runs on slightly changed numbers, as far as no run is needed to write it."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from functools import cached_property
from typing import TYPE_CHECKING

from msgspec.structs import replace

from onnxlint.analyses.execution.probed_session import runnable
from onnxlint.analyses.execution.tapped_model import can_tap
from onnxlint.analyses.execution.watching import Watching
from onnxlint.analyses.static.dominators import Chain, longest_chain
from onnxlint.analyses.static.operation_counts import FREE_OPERATIONS, OperationCounts
from onnxlint.model.graph.nodes import Node, Value
from onnxlint.model.graph.operators import SIZE_OPS

if TYPE_CHECKING:
    from pathlib import Path

    from onnxlint.runtime.perturbed_copy import PerturbationPlan

REMEMBERED_BYTES = 32 * 1024 * 1024
"""Bytes of the values that are remembered of a run, a choice; those of SqueezeNet are 13 MB."""

RUNS = 20
"""Of a model that may run so often at no charge, gradients are as good as asked for."""


class PerturbedModel:
    """The longest chain of layers, and the model whose values on it are compared."""

    def __init__(self, watched: Watching, counts: OperationCounts) -> None:
        self._watched, self._counts = watched, counts
        self._graph, self._shapes = watched.graph, watched.shapes

    @classmethod
    def build(cls, watched: Watching, counts: OperationCounts) -> PerturbedModel:
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
        """What is changed, and where it is compared."""
        from onnxlint.runtime.perturbed_copy import PerturbationPlan

        graph, chain = self._graph, self.chain
        needed = graph.ancestors([end.value for end in chain.ends])
        kept = [node for node in graph.main.nodes if node in needed]
        types = ((cut.name, self._shapes.of(cut)) for cut in chain.cuts)
        compiled = can_tap(graph.model.proto)
        return PerturbationPlan(
            cuts={name: shape.dtype for name, shape in types if shape is not None},
            ends=[end.value.name for end in chain.ends],
            kept={node.index for node in kept},
            doubled={node.index for node in kept if node in chain.flow},
            flowing={vertex.name for vertex in chain.flow if isinstance(vertex, Value)},
            compiled=compiled,
            alone=compiled and self._runs_alone(kept),
        )

    def _runs_alone(self, kept: list[Node]) -> bool:
        """Whether a run may be compared with an earlier one: it is small, and nothing is chosen by
        numbers that change."""
        shapes, flow = self._shapes, self.chain.flow
        known = [
            shapes.of(value) for value in (*self.chain.cuts, *(e.value for e in self.chain.ends))
        ]
        are_floats = all(shape is not None and shape.dtype == "float" for shape in known)
        size = sum(shape.nbytes(unknown=1) for shape in known if shape is not None)
        return (
            are_floats
            and size <= REMEMBERED_BYTES
            and self._watched.lanes > 1
            and not any(_chooses(node, flow) for node in kept)
        )

    @cached_property
    def runnable(self) -> tuple[bytes, Path]:
        """It serialised, and the folder of its weights.

        Raises:
            RunFailure: the model refers to a file that must not be opened.
        """
        from onnxlint.runtime.perturbed_copy import perturbed

        model = self._graph.model
        return runnable(replace(model, proto=perturbed(model.proto, self.plan)), [])

    def foresee(self) -> Iterator[None]:
        """Looks for the chain, and writes it where it is as good as certain that it will be run."""
        is_small = self._counts.running({}, {}) * RUNS <= FREE_OPERATIONS
        for part in ("chain", "plan", "runnable") if is_small else ("chain",):
            getattr(self, part)
            yield


def _chooses(node: Node, flow: Collection[Node | Value]) -> bool:
    """Whether something else than a small change leaves a node that one arrives at."""
    if node not in flow:
        return node.op not in SIZE_OPS and any(value in flow for value in node.inputs)
    return any(value is not None and value not in flow and value.uses for value in node.outputs)
