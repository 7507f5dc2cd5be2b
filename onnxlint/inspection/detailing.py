"""Reads off the analyses of a model what is shown of one node or value."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from onnxlint.analyses import Analyses
from onnxlint.inspection.attributes import attribute_texts
from onnxlint.inspection.bounds import Bounds
from onnxlint.inspection.collecting import Collected, fed, traced
from onnxlint.inspection.detail import Call, Detail, End, Power, Spot, Tensor
from onnxlint.inspection.inspected import Layer
from onnxlint.inspection.numbers import NoNumbers, numbers
from onnxlint.inspection.observing import observed_of, reach_of, summed_up
from onnxlint.model.graph.exporter_metadata import source_line
from onnxlint.model.graph.graph import Graph
from onnxlint.model.graph.nodes import Node, Value

if TYPE_CHECKING:
    from onnxlint.analyses.execution.inner_numbers import Spot as Taken
    from onnxlint.analyses.trace.trace import Observed
    from onnxlint.runtime.protocol import Array

TRACE_KEY = "pkg.torch.onnx.stack_trace"
"""Where PyTorch's exporter keeps the lines that a node came from."""


class Detailing:
    """One model, of which nodes and values are shown."""

    def __init__(self, analyses: Analyses, *, static_only: bool, bounds: bool) -> None:
        self.analyses, self.graph = analyses, analyses.get(Graph)
        self._trace, self._problem = (None, None) if static_only else traced(analyses)
        has_trace = self._trace is not None
        self._bounds = Bounds(analyses, self.graph, has_trace=has_trace) if bounds else None
        self._collected = Collected(analyses, self._trace, self._bounds)

    @property
    def nodes(self) -> Iterable[Node]:
        """All nodes, in the order of their numbers."""
        return self._collected.numbers

    def of_node(self, node: Node) -> Detail:
        """A node with its inputs and outputs."""
        number = self._collected.numbers[node]
        layer: Layer = next(each for each in self._collected.layers() if each.number == number)
        metadata = {entry.key: entry.value for entry in node.proto.metadata_props}
        line = source_line(metadata)
        return self._detail(
            layer=layer,
            attributes=attribute_texts(node),
            inputs=tuple(value and self._tensor(value) for value in node.inputs),
            outputs=tuple(self._tensor(value, True) for value in filter(None, node.outputs)),
            source=None if line is None else f"{line.path}:{line.line}",
            traceback=metadata.pop(TRACE_KEY, None),
            metadata=metadata,
            note=node.proto.doc_string or None,
        )

    def of_value(self, value: Value) -> Detail:
        """A value alone."""
        return self._detail(
            layer=None, attributes={}, inputs=(), outputs=(self._tensor(value, True),), metadata={}
        )

    def _detail(self, **told: object) -> Detail:
        ran = {} if self._trace is None else fed(self.analyses)
        return Detail(path="", unobserved=self._problem, **ran, **told)  # type: ignore[arg-type]

    def _tensor(self, value: Value, is_shown: bool = False) -> Tensor:
        found = self._observed(value)
        if found is None and is_shown:
            found = self._of_first_run(value)
        made = value.producer
        return Tensor(
            name=value.name,
            type=self._collected.port(value).type,
            origin=value.origin.value,
            scope=value.scope.path,
            producer=None if made is None else self._end(made),
            consumers=tuple(self._end(node) for node in value.readers),
            is_output=value.is_output,
            observed=None if found is None else summed_up(found),
            powers=() if found is None else tuple(_powers(found)),
            bound=None if self._bounds is None else self._bounds.of(value),
            calls=tuple(self._calls(value)) if is_shown else (),
            reach=None if self._trace is None else reach_of(self._trace, value.scope),
        )

    def _calls(self, value: Value) -> Iterator[Call]:
        """What was seen in each call, where there are several."""
        from onnxlint.analyses.trace.trace import Observed

        if self._trace is None:
            return
        within = self._trace.within
        calls = within.of_calls.get(value, {})
        for body, seen in calls.items() if len(calls) > 1 else ():
            if seen.elements:
                nodes = tuple(map(self._end, body.calls))
                yield Call(nodes, within.reached[body].times, summed_up(Observed(value, seen)))

    def spot(self, taken: Taken | None) -> Spot | None:
        """Where numbers were taken."""
        if taken is None:
            return None
        nodes = tuple(map(self._end, taken.body.calls))
        return Spot(taken.body.scope.path, nodes, taken.run, taken.iteration, taken.of)

    def _end(self, node: Node) -> End:
        return End(self._collected.numbers.get(node), node.op, node.name)

    def _observed(self, value: Value) -> Observed | None:
        """What was seen in the runs; of a constant, what is stored."""
        found = None if self._trace is None else observed_of(self._trace, value)
        return found if found is not None else _stored(self.graph, value)

    def _of_first_run(self, value: Value) -> Observed | None:
        """What no rule looks at, and is not recorded: sizes, for one."""
        if self._trace is None:
            return None
        try:
            return _measured(value, *numbers(self.analyses, [value]).arrays)
        except NoNumbers:
            return None


def _stored(graph: Graph, value: Value) -> Observed | None:
    array = None if value.tensor_proto is None else graph.constant(value)
    return None if array is None else _measured(value, array)


def _measured(value: Value, array: Array) -> Observed | None:
    from onnxlint.analyses.trace.trace import Observed
    from onnxlint.runtime.statistics.measure import measure

    if array.dtype.kind not in "fiu" or not array.size:
        return None
    return Observed(value, measure(array))


def _powers(found: Observed) -> Iterator[Power]:
    """The powers of two between the least and the largest that were met."""
    counts, negative = found.statistics.exponents, found.statistics.negative_exponents
    met = [] if counts is None else [*counts.nonzero()[0]]
    if counts is None or negative is None or not met:
        return
    for at in range(met[0], met[-1] + 1):
        below = int(negative[at])
        yield Power(int(at) - len(counts) // 2, below, int(counts[at]) - below)
