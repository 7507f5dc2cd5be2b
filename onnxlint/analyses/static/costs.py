"""What one run computes and holds, counted: multiplications with additions, and bytes alive."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from math import prod

from onnxlint.analyses import Unavailable
from onnxlint.analyses.static.live_memory import peak_bytes
from onnxlint.analyses.static.multiplications import multiplications
from onnxlint.analyses.static.shapes import Shapes
from onnxlint.model.graph.graph import Graph
from onnxlint.model.graph.nodes import Node, Scope, Value
from onnxlint.model.preflight import Preflight
from onnxlint.safety.forked import Crashed, Isolated
from onnxlint.safety.limits import Budget
from onnxlint.settings import Settings


@dataclass(frozen=True)
class Costs:
    """The costs of one run at the sizes of `[budgets] sizes`; other symbols count as 1.

    `macs` are multiplications with additions of convolutions, products of matrices, recurrent
    layers and attention, those of loops and functions as often as they run. `peak_memory` is the
    bytes of all weights and of the values that are alive at once, in the order of the file.
    `uncounted` are the operators of nodes whose multiplications are not known, `unsized` of those
    whose outputs may be of any size.
    """

    macs: int
    peak_memory: int
    uncounted: tuple[str, ...] = ()
    unsized: tuple[str, ...] = ()

    @property
    def flops(self) -> int:
        """Floating-point operations: two for each multiplication with its addition."""
        return 2 * self.macs

    @classmethod
    def build(cls, graph: Graph, settings: Settings, preflight: Preflight, budget: Budget) -> Costs:
        """Infers all shapes at these sizes, with functions expanded, and counts.

        Raises:
            Unavailable: preflight forbids native code to open the file, or it fails.
        """
        if preflight.refusal is not None:
            raise Unavailable(f"costs are not counted: {preflight.refusal}")
        sizes = settings.budgets.sizes
        fixing = partial(_fixed, sizes=sizes)
        try:
            data = Isolated(fixing, graph.model.proto.SerializeToString(), budget).result()
        except Crashed as error:
            raise Unavailable(f"costs are not counted: expanding the model {error}") from error
        inner = _parsed(graph, data)
        shapes = Shapes.build(inner, preflight, budget)
        try:
            return _Counting(inner, shapes, sizes).costs()
        finally:
            shapes.close()


def _parsed(graph: Graph, data: bytes) -> Graph:
    from onnx import ModelProto

    return Graph(replace(graph.model, proto=ModelProto.FromString(data)))


def _fixed(serialized: bytes, *, sizes: Mapping[str, int]) -> bytes:
    """The model with functions expanded and every size filled in; in a process of its own."""
    from onnx import ModelProto

    from onnxlint.runtime.shape_inference.sized import sized

    return bytes(sized(ModelProto.FromString(serialized), sizes).SerializeToString())


class _Counting:
    """Goes through the nodes of a model whose shapes are known."""

    def __init__(self, graph: Graph, shapes: Shapes, sizes: Mapping[str, int]) -> None:
        self._graph, self._shapes, self._sizes = graph, shapes, sizes
        self._uncounted: set[str] = set()
        self._unsized: set[str] = set()

    def costs(self) -> Costs:
        """What all of it costs."""
        weights = sum(tensor.nbytes for _, tensor in self._graph.tensors)
        macs = self._macs(self._graph.main)
        alive = peak_bytes(self._graph.main, self._bytes)
        unknown = (tuple(sorted(each)) for each in (self._uncounted, self._unsized))
        return Costs(macs, weights + alive, *unknown)

    def _macs(self, scope: Scope) -> int:
        return sum(map(self._of_node, scope.nodes))

    def _of_node(self, node: Node) -> int:
        inside = [self._macs(scope) for scope in node.subgraphs]
        own = multiplications(node, self.dims)
        if own is None:
            self._uncounted.add(node.op)
        if node.op == "If":
            return max(inside, default=0)
        rounds = self._rounds(node) if sum(inside) else 1
        if rounds is None:
            self._uncounted.add(node.op)
        return (own or 0) + sum(inside) * (1 if rounds is None else rounds)

    def _rounds(self, node: Node) -> int | None:
        """How often a Loop or Scan runs its body."""
        if node.op == "Loop":
            trips = self._graph.integers(node.input(0))
            return trips[0] if trips else None
        count = node.attribute("num_scan_inputs", 0)
        dims = self.dims(node.inputs[-1]) if node.op == "Scan" and count else None
        axis = (node.integers("scan_input_axes") or [0])[-1]
        return dims[axis] if dims and -len(dims) <= axis < len(dims) else None

    def dims(self, value: Value | None) -> tuple[int, ...] | None:
        """The sizes of a value; None where one is not known."""
        shape = self._shapes.of(value)
        if shape is None or shape.dims is None:
            return None
        dims = [dim if isinstance(dim, int) else self._sizes.get(dim or "") for dim in shape.dims]
        return None if None in dims else tuple(dim for dim in dims if dim is not None)

    def _bytes(self, value: Value) -> int:
        shape, dims = self._shapes.of(value), self.dims(value)
        if shape is None or dims is None:
            made_by = value.producer
            is_tensor = value.type is None or value.type.HasField("tensor_type")
            if made_by is not None and is_tensor:
                self._unsized.add(made_by.op)
            return 0
        return (prod(dims) * shape.bits + 7) // 8
