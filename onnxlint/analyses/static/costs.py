"""What one run computes and holds, counted: multiplications with additions, and bytes alive."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from functools import cached_property, partial
from math import prod

from onnxlint.analyses import Unavailable
from onnxlint.analyses.static.live_memory import peak_bytes
from onnxlint.analyses.static.multiplications import multiplications
from onnxlint.analyses.static.shapes import Shapes
from onnxlint.model.graph.graph import Graph
from onnxlint.model.graph.nodes import Node, Scope, Value
from onnxlint.model.preflight import Preflight
from onnxlint.safety.forked import Crashed, Isolated
from onnxlint.safety.limits import Alarm, Budget
from onnxlint.settings import Settings


@dataclass(frozen=True)
class _Counted:
    """What was counted; see `Costs`."""

    macs: int
    peak_memory: int
    uncounted: tuple[str, ...]
    unsized: tuple[str, ...]


class Costs:
    """The costs of one run at the sizes of `[budgets] sizes`; other symbols count as 1.

    They are counted when somebody asks: all shapes are inferred anew, with functions expanded.
    Where that fails, each question raises `Unavailable`.
    """

    def __init__(
        self, graph: Graph, sizes: Mapping[str, int], preflight: Preflight, budget: Budget
    ) -> None:
        self._graph, self._sizes = graph, sizes
        self._preflight, self._budget = preflight, budget

    @classmethod
    def build(cls, graph: Graph, settings: Settings, preflight: Preflight, budget: Budget) -> Costs:
        """Counts nothing yet.

        Raises:
            Unavailable: preflight forbids native code to open the file.
        """
        if preflight.refusal is not None:
            raise Unavailable(f"costs are not counted: {preflight.refusal}")
        return cls(graph, settings.budgets.sizes, preflight, budget)

    @property
    def macs(self) -> int:
        """Multiplications, each with an addition, of one run.

        Counted are convolutions, products of matrices, recurrent layers and attention, those in
        loops and functions as often as they run.
        """
        return self._counted.macs

    @property
    def flops(self) -> int:
        """Floating-point operations: two for each multiplication with its addition."""
        return 2 * self.macs

    @property
    def peak_memory(self) -> int:
        """Bytes of all weights, and of the values that are alive at once in the file's order."""
        return self._counted.peak_memory

    @property
    def uncounted(self) -> tuple[str, ...]:
        """The operators of nodes whose multiplications are not known."""
        return self._counted.uncounted

    @property
    def unsized(self) -> tuple[str, ...]:
        """The operators of nodes whose outputs may be of any size."""
        return self._counted.unsized

    @cached_property
    def _counted(self) -> _Counted:
        serialized = self._graph.model.proto.SerializeToString()
        with Alarm.waiting():  # no rule's time: any may be the first to ask
            try:
                fixing = partial(_fixed, sizes=self._sizes)
                data = Isolated(fixing, serialized, self._budget).result()
            except Crashed as error:
                raise Unavailable(f"costs are not counted: expanding the model {error}") from error
            inner = _parsed(self._graph, data)
            with closing(Shapes.build(inner, self._preflight, self._budget)) as shapes:
                return _Counting(inner, shapes, self._sizes).counted()


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

    def counted(self) -> _Counted:
        """What all of it costs."""
        weights = sum(tensor.nbytes for _, tensor in self._graph.tensors)
        macs = self._macs(self._graph.main)
        alive = peak_bytes(self._graph.main, self._bytes)
        unknown = (tuple(sorted(each)) for each in (self._uncounted, self._unsized))
        return _Counted(macs, weights + alive, *unknown)

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
