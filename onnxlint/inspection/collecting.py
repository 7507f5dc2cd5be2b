"""Reads off the analyses of a model what is shown of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from onnxlint.analyses import Analyses
from onnxlint.analyses.static.shapes import Shapes
from onnxlint.analyses.static.trees import Trees
from onnxlint.inspection.bounds import Bounds
from onnxlint.inspection.classics import classic_of
from onnxlint.inspection.cost import Totals
from onnxlint.inspection.costing import Costing, Timing
from onnxlint.inspection.forests import forest_of
from onnxlint.inspection.inspected import Dims, Input, Inspected, Layer, Port, Reach, Seen, Weight
from onnxlint.inspection.observing import reach_of, seen_of
from onnxlint.inspection.wiring import Wiring
from onnxlint.model.graph.graph import Graph
from onnxlint.model.graph.nodes import Node, Scope, Value
from onnxlint.model.graph.place import NotApplicable

if TYPE_CHECKING:
    from onnxlint.analyses.trace.trace import Trace


def inspected(
    analyses: Analyses, path: str, *, static_only: bool, bounds: bool = False, time: bool = False
) -> Inspected:
    """What there is to show of the model that the analyses have."""
    graph = analyses.get(Graph)
    trace, problem = (None, None) if static_only else traced(analyses)
    limits = Bounds(analyses, graph, has_trace=trace is not None) if bounds else None
    collected = Collected(analyses, trace, limits)
    timing = Timing(analyses, collected.numbers) if time else None
    layers = tuple(collected.layers(timing))
    proto = graph.model.proto
    return Inspected(
        path=path,
        ir_version=proto.ir_version,
        opsets=dict(graph.main.opsets),
        producer=f"{proto.producer_name} {proto.producer_version}".strip(),
        nodes=sum(len(scope.nodes) for scope in graph.scopes),
        inputs=tuple(collected.port(value) for value in graph.inputs),
        outputs=tuple(collected.port(value) for value in graph.outputs),
        layers=layers,
        unknown_operators=None if limits is None else limits.unknown,
        unobserved=problem,
        totals=collected.totals,
        profiled=None if timing is None else timing.profiled,
        unprofiled=None if timing is None else timing.problem,
        graph=proto.graph.name,
        domain=proto.domain,
        model_version=proto.model_version,
        doc=proto.doc_string,
        metadata={entry.key: entry.value for entry in proto.metadata_props},
        **({} if trace is None else fed(analyses)),
    )


def traced(analyses: Analyses) -> tuple[Trace | None, str | None]:
    """What was observed; or, where nothing was, the reason."""
    from onnxlint.analyses.trace.trace import Trace

    try:
        return analyses.get(Trace), None
    except NotApplicable as reason:
        return None, str(reason)


def fed(analyses: Analyses) -> dict[str, Any]:
    """How many samples were run, and of which data."""
    from onnxlint.analyses.execution.execution import Execution

    execution = analyses.get(Execution)
    return {"samples": execution.samples, "data": execution.inputs.description}


class Collected:
    """The layers, which know each other by their numbers."""

    def __init__(self, analyses: Analyses, trace: Trace | None, bounds: Bounds | None) -> None:
        self._shapes, self._trace = analyses.get(Shapes), trace
        self._bounds = bounds
        self._reaches: dict[Scope, Reach | None] = {}
        self._wiring, self._trees = Wiring(analyses), analyses.get(Trees)
        self._costing = Costing(analyses, self._wiring, has_run=trace is not None)
        self.numbers = {node: number for number, node in enumerate(self._wiring.nodes)}

    @property
    def totals(self) -> Totals:
        """What all layers cost."""
        return self._costing.totals

    def port(self, value: Value) -> Port:
        """An input or output, or any other value, as the model's are shown."""
        dtype, dims = self._type(value)
        return Port(value.name, self._type_text(value) or "?", dtype, dims, self._maker(value))

    def layers(self, timing: Timing | None = None) -> Iterator[Layer]:
        """All nodes, in the order of their numbers."""
        wiring = self._wiring
        for node, number in self.numbers.items():
            observed = self._observed(node.output)
            dtype, dims = self._type(node.output)
            yield Layer(
                number=number,
                index=node.index,
                module=node.place.module,
                op=node.op,
                node=node.name,
                output=node.output.name if node.output else None,
                shape=self._type_text(node.output),
                parameters=wiring.parameters[node],
                minimum=None if observed is None else observed.minimum,
                maximum=None if observed is None else observed.maximum,
                scope=node.scope.path,
                dtype=dtype,
                dims=dims,
                is_glue=wiring.is_glue(node),
                inputs=tuple(
                    Input(value.name, self._maker(value), size_only)
                    for value, size_only in wiring.inputs(node)
                ),
                reads=tuple(Input(value.name, self._maker(value)) for value in wiring.reads(node)),
                outputs=tuple(value.name for value in node.outputs if value is not None),
                weights=tuple(self._weight(value) for value in wiring.weights(node)),
                bound=None if self._bounds is None else self._bounds.of(node.output),
                observed=observed,
                cost=self._costing.of(node),
                reach=self._reach(node.scope),
                time=None if timing is None else timing.of(node),
                forest=forest_of(self._trees, node),
                classic=classic_of(node),
            )

    def is_glue(self, node: Node) -> bool:
        """Whether a node computes sizes, or prepares constants."""
        return self._wiring.is_glue(node)

    def constants(self, node: Node) -> Iterator[Value]:
        """The learnt constants that a node reads, also those that glue prepares."""
        return self._wiring.weights(node)

    def _weight(self, value: Value) -> Weight:
        return Weight(value.name, *self._type(value))

    def _maker(self, value: Value) -> int | None:
        return None if value.producer is None else self.numbers.get(value.producer)

    def _type(self, value: Value | None) -> tuple[str | None, Dims]:
        shape = self._shapes.of(value)
        return (None, None) if shape is None else (shape.dtype, shape.dims)

    def _type_text(self, value: Value | None) -> str | None:
        """A tensor's dtype and shape; the kind alone of a sequence, map or optional."""
        shape = self._shapes.of(value)
        if value is None or shape is not None:
            return None if shape is None else str(shape)
        found = self._shapes.type_of(value)
        kind = found.WhichOneof("value") if found is not None else None
        is_tensor = kind in (None, "tensor_type")
        return None if kind is None or is_tensor else kind.removesuffix("_type").replace("_", " ")

    def _reach(self, scope: Scope) -> Reach | None:
        if self._trace is None:
            return None
        if scope not in self._reaches:
            self._reaches[scope] = reach_of(self._trace, scope)
        return self._reaches[scope]

    def _observed(self, value: Value | None) -> Seen | None:
        return None if self._trace is None else seen_of(self._trace, value)
