"""What running a model costs, in operations: the same on every machine, however busy it is.

One operation is one multiplication and addition. What else is done is put in as many as take about
as long; all figures are rough, for they only have to tell cheap from dear.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from math import inf
from typing import TYPE_CHECKING, Any, ClassVar

from onnxlint.analyses.static.shapes import Shapes
from onnxlint.model.file.tensors import element_count
from onnxlint.model.graph.graph import Graph
from onnxlint.model.graph.nodes import Node, Scope, Value
from onnxlint.model.graph.operators import PRODUCTS

if TYPE_CHECKING:
    from onnxlint.runtime.protocol import Seen

AN_ELEMENT = 20
"""Operations for one element that is written: memory gives a twentieth of what cores multiply."""

A_NODE = 500_000
"""Operations for calling a kernel: about ten microseconds."""

A_NODE_LOADED = 5_000_000
"""Operations for a node when a session is created and optimised: about 0.1 ms."""

A_WEIGHT_LOADED = 300
"""Operations for a weight that is read, copied and brought into the order that kernels want."""

A_NODE_JUDGED = 60_000_000
"""Operations of shape inference and of all rules for a node: about two milliseconds."""

AN_ELEMENT_WATCHED = 50
"""Operations for the statistics of an element."""

UNKNOWN_TRIPS = 16
"""Rounds of a loop whose number no shape tells."""

MOST_CALLS = 50
"""Functions that call each other are counted so deep."""

FREE_OPERATIONS = 3e10
"""What looking again may cost in any case: about a second, as long as starting takes."""

OPERATIONS_A_SECOND = FREE_OPERATIONS
"""What a budget in seconds counts a second as."""

SAMPLES = 3.5
"""What the synthetic samples of one model may cost, as a multiple of loading it and running one."""


class OperationCounts:
    """What loading and running the model costs, in operations; each is counted once."""

    effort: ClassVar = 0  # no rule runs later for it

    def __init__(self, graph: Graph, shapes: Shapes) -> None:
        self._graph, self._shapes = graph, shapes
        self._runs: dict[frozenset[Any], float] = {}

    @classmethod
    def build(cls, graph: Graph, shapes: Shapes) -> OperationCounts:
        """Nothing is counted yet."""
        return cls(graph, shapes)

    @cached_property
    def loading(self) -> float:
        """Operations of creating a session."""
        nodes = sum(1 for _ in self._graph.nodes())
        weights = sum(tensor.size for _, tensor in self._graph.tensors)
        return nodes * A_NODE_LOADED + weights * A_WEIGHT_LOADED

    def running(self, sizes: Mapping[str, int], seen: Mapping[str, Seen]) -> float:
        """Operations of one run at these sizes, in which such values were seen.

        Most are of the sizes that are inferred: so it can be counted before the run.
        """
        other = self._other_sizes(sizes, seen)
        key = frozenset([*sizes.items(), *other.items()])
        if key not in self._runs:
            self._runs[key] = _Estimate(self._shapes, sizes, other).of(self._graph.main)
        return self._runs[key]

    def _other_sizes(self, sizes: Mapping[str, int], seen: Mapping[str, Seen]) -> dict[str, Seen]:
        """What was seen of other sizes than inferred."""
        inferred, values = _Estimate(self._shapes, sizes, {}), self._graph.main.values
        return {
            name: (dtype, dims)
            for name, (dtype, dims) in seen.items()
            if name in values and inferred.dims(values[name]) != dims
        }


def mean_product(graph: Graph, shapes: Shapes) -> float:
    """Operations of a node that multiplies, on average; infinite where a size is not known."""
    estimate = _Estimate(shapes, {}, {})
    costs = [estimate.of_product(node) for node in graph.main.nodes if node.op in PRODUCTS]
    return sum(costs) / len(costs) if costs else 0.0


def watching(seen: Mapping[str, Seen]) -> float:
    """Operations of the statistics of what was seen in one run."""
    return float(AN_ELEMENT_WATCHED * sum(element_count(shape) for _, shape in seen.values()))


def affordable_runs(load: float, run: float, statistics: float, budget: float | None = None) -> int:
    """How many runs the statistics of synthetic samples are worth: at least two.

    Of a `budget` in seconds they get half.
    """
    room = max(FREE_OPERATIONS, SAMPLES * (load + run))
    if budget is not None:
        room = min(room, (budget * OPERATIONS_A_SECOND - load) / 2)
    return max(2, int(room // max(run + statistics, 1.0)))


class _Estimate:
    """Counts what the nodes do, with the sizes that were seen, inferred or else guessed."""

    def __init__(self, shapes: Shapes, sizes: Mapping[str, int], seen: Mapping[str, Seen]) -> None:
        self._shapes, self._sizes, self._seen = shapes, sizes, seen
        self._elements: dict[Value, int] = {}
        self._functions: dict[Scope, float] = {}
        self._depth = 0

    def of(self, scope: Scope) -> float:
        """The operations of all nodes of a graph."""
        return sum(map(self._of_node, scope.nodes))

    def _of_node(self, node: Node) -> float:
        written = 0
        for value in filter(None, node.outputs):
            if value not in self._elements:
                dims = self.dims(value)
                self._elements[value] = self._read(node) if dims is None else element_count(dims)
            written += self._elements[value]
        once = A_NODE + AN_ELEMENT * max(written, 1) + self._products(node, written)
        inside = sum(map(self.of, node.subgraphs))
        if node.called is not None:
            inside += self._of_function(node.called)
        return once + inside * (self._trips(node) if node.op in ("Loop", "Scan") else 1)

    def of_product(self, node: Node) -> float:
        """The multiplications and additions of a node."""
        if node.output is None or self.dims(node.output) is None:
            return inf
        return self._products(node, self._count(node.output))

    def _read(self, node: Node) -> int:
        """The elements of the largest value that a node reads: what it gives may be as large."""
        fed = (value for value in node.inputs if value is not None and value.tensor_proto is None)
        return max(map(self._count, fed), default=1)

    def _of_function(self, function: Scope) -> float:
        """Counted once; nothing where it calls itself, or calls are nested deeper than any are."""
        if function not in self._functions and self._depth < MOST_CALLS:
            self._functions[function] = 0.0
            self._depth += 1
            self._functions[function] = self.of(function)
            self._depth -= 1
        return self._functions.get(function, 0.0)

    def _products(self, node: Node, written: int) -> float:
        """Multiplications and additions."""
        op = node.op.rpartition("::")[2]
        second = node.input(1)
        if op.startswith(("Conv", "QLinearConv", "FusedConv", "DeformConv", "NhwcConv")):
            kernel = node.input(3) if op.startswith("QLinear") else second
            each = element_count((self.dims(kernel) or (1,))[1:])
            return each * (self._count(node.input(0)) if "Transpose" in op else written)
        if "MatMul" in op or "Gemm" in op:
            return written * (self.dims(node.input(0)) or (1,))[0 if node.attribute("transA", 0)
                                                                 else -1]  # fmt: skip
        if op in ("LSTM", "GRU", "RNN"):
            steps = element_count((self.dims(node.input(0)) or (1,))[:2])
            return steps * (self._count(second) + self._count(node.input(2)))
        if "Attention" in op:
            return 2 * written * max((self.dims(node.input(0)) or (1,))[1:] or (1,))
        if op.startswith("TreeEnsemble"):
            return AN_ELEMENT * max(1, written) * len(set(node.integers("nodes_treeids") or [0]))
        return 0.0

    def _trips(self, node: Node) -> int:
        """Rounds: as long as what a Scan reads, or as what it or a Loop collects."""
        scanned = (
            [*node.inputs[-1:], *node.outputs[-1:]] if node.op == "Scan" else node.outputs[-1:]
        )
        known = (self.dims(value) for value in scanned if value is not None)
        return max((dims[0] for dims in known if dims), default=UNKNOWN_TRIPS)

    def _count(self, value: Value | None) -> int:
        if value is None:
            return 0
        if value not in self._elements:
            self._elements[value] = element_count(self.dims(value) or ())
        return self._elements[value]

    def dims(self, value: Value | None) -> tuple[int, ...] | None:
        """The sizes of a value; None where they are not known."""
        if value is None:
            return None
        if value.name in self._seen and not value.scope.path:
            return self._seen[value.name][1]
        shape = self._shapes.of(value)
        if shape is None or shape.dims is None:
            return None
        dims = [d if isinstance(d, int) else self._sizes.get(d or "", 0) for d in shape.dims]
        return None if 0 in dims and 0 not in shape.dims else tuple(dims)
