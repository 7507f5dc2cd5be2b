"""What one run computes and holds, counted: operations, and bytes alive; in all and by node."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from functools import cached_property, partial

from msgspec.structs import replace

from onnxlint.analyses import Unavailable
from onnxlint.analyses.static.inference_process import InferenceProcess
from onnxlint.analyses.static.layer_costs import Counted, Counting, LayerCost, Work, filled
from onnxlint.analyses.static.shapes import Shapes
from onnxlint.analyses.static.trained_parameters import Parameters
from onnxlint.model.graph.graph import Graph
from onnxlint.model.graph.nodes import Node, Value
from onnxlint.model.preflight import Preflight
from onnxlint.safety.forked import Crashed, Isolated
from onnxlint.safety.limits import Alarm, Budget
from onnxlint.settings import Settings

Seen = tuple[str, tuple[int, ...]]
"""The dtype and shape of a value in a run."""


class Costs:
    """The costs of one run at the sizes of `[budgets] sizes`; other symbols count as 1.

    They are counted when somebody asks: all shapes are inferred anew, with functions expanded.
    Where that fails, each question about the whole raises `Unavailable`, and `of` knows the
    parameters alone.
    """

    def __init__(
        self, graph: Graph, parameters: Parameters, shapes: Shapes, sizes: Mapping[str, int],
        preflight: Preflight, budget: Budget,
    ) -> None:  # fmt: skip
        self._graph, self._parameters, self._shapes = graph, parameters, shapes
        self.sizes, self._preflight, self._budget = sizes, preflight, budget
        self._fed: Mapping[str, Sequence[int]] = {}
        self._seen: Mapping[str, Seen] = {}

    @classmethod
    def build(
        cls, graph: Graph, parameters: Parameters, shapes: Shapes, settings: Settings,
        preflight: Preflight, budget: Budget,
    ) -> Costs:  # fmt: skip
        """Counts nothing yet.

        Raises:
            Unavailable: preflight forbids native code to open the file.
        """
        if preflight.refusal is not None:
            raise Unavailable(f"costs are not counted: {preflight.refusal}")
        return cls(graph, parameters, shapes, settings.budgets.sizes, preflight, budget)

    def when_fed(self, shapes: Mapping[str, Sequence[int]], seen: Mapping[str, Seen]) -> Costs:
        """The costs of a run whose inputs have these shapes.

        Values `seen` in it have those dtypes and shapes where inference knows none.
        """
        costs = Costs(
            self._graph, self._parameters, self._shapes, self.sizes, self._preflight, self._budget
        )
        costs._fed, costs._seen = shapes, seen
        return costs

    def of(self, node: Node) -> LayerCost:
        """What a node costs."""
        work = self._work(node)
        return LayerCost(
            self._parameters.of(node),
            self._parameters.trainable_of(node),
            self._parameters.bytes_of(node),
            work.macs,
            work.flops,
            work.activation_bytes,
            work.rounds,
        )

    def _work(self, node: Node) -> Work:
        """What a node does; what calls a function has none beside that of the function's nodes."""
        try:
            found = self._counted.layers.get(self._numbers[node])
        except Unavailable:
            return Work(None, None, None, None)
        return found or (Work(rounds=None) if node.called is not None else Work())

    @property
    def parameters(self) -> int:
        """Numbers that were learnt, integers that stand for them included."""
        return self._parameters.total

    @property
    def trainable(self) -> int:
        """Those among them that are stored as floats, which training could go on with."""
        return self._parameters.trainable

    @property
    def weight_bytes(self) -> int:
        """Bytes of all that is stored."""
        return self._parameters.stored_bytes

    @property
    def macs(self) -> int:
        """Multiplications, each with an addition, of one run.

        Counted are convolutions, products of matrices, recurrent layers and attention, those in
        loops and functions as often as they run; of the branches of an If the dearest one.
        """
        return self._counted.macs

    @property
    def flops(self) -> int:
        """Floating-point operations: two for each multiplication with its addition, and others.

        Those are one for each element of an elementwise operator, and so on: `PER_OUTPUT` and its
        neighbours in `onnxlint.model.graph.operators.costs`.
        """
        return self._counted.flops

    @property
    def product_flops(self) -> int:
        """Those of multiplications with additions alone, which `[budgets] flops` limits."""
        return 2 * self.macs

    @property
    def peak_memory(self) -> int:
        """Bytes of all weights, and of the values that are alive at once in the file's order."""
        return self._counted.weight_bytes + self._counted.peak_activations

    @property
    def peak_activations(self) -> int:
        """The most bytes of values, without constants, alive at once in the file's order."""
        return self._counted.peak_activations

    @property
    def input_sizes(self) -> Mapping[str, tuple[int, ...]]:
        """The shapes of the inputs that they are counted at."""
        return self._counted.inputs

    @property
    def uncounted(self) -> tuple[str, ...]:
        """The operators of nodes whose multiplications are not known."""
        return self._counted.uncounted

    @property
    def unknown_operators(self) -> tuple[str, ...]:
        """The operators of nodes whose other operations are not known: `flops` leaves them out."""
        return self._counted.unknown

    @property
    def unsized(self) -> tuple[str, ...]:
        """The operators of nodes whose outputs may be of any size."""
        return self._counted.unsized

    @cached_property
    def _numbers(self) -> dict[Node, int]:
        """The order of the containers in the file, in which `sized` numbers the nodes."""
        roots = (self._graph.main, *self._graph.functions)
        nodes = (node for root in roots for scope in root.nested for node in scope.nodes)
        return {node: number for number, node in enumerate(nodes)}

    @cached_property
    def _counted(self) -> Counted:
        serialized = self._graph.model.proto.SerializeToString()
        with Alarm.waiting():  # no rule's time: any may be the first to ask
            try:
                values = self._graph.main.values
                seen = {name: each for name, each in self._seen.items()
                        if name in values and self._as_written(values[name]) is None}  # fmt: skip
                fixing = partial(_fixed, sizes=self.sizes, fed=self._fed, seen=seen)
                budget = Budget(self._budget.left / 2, self._budget.memory)
                data = Isolated(fixing, serialized, budget).result()
            except Crashed as error:
                raise Unavailable(
                    f"costs are not counted: the model is not expanded: {error}"
                ) from error
            inner = _parsed(self._graph, data)
            with closing(InferenceProcess.build(inner.model, self._budget)) as inference:
                shapes = Shapes.build(inference, inner, self._preflight)
                counting = Counting(inner, shapes, self.sizes, self._as_written)
                try:
                    return counting.counted()
                except RecursionError as error:
                    raise Unavailable("costs are not counted: subgraphs nest too deep") from error

    def _as_written(self, value: Value) -> tuple[int, ...] | None:
        """The sizes of a value in the model as it is written, whose symbols are those of inputs."""
        if value.scope.path:
            return None
        shape = self._shapes.of(self._graph.main.values.get(value.name))
        return None if shape is None else filled(shape.dims, self._symbols)

    @cached_property
    def _symbols(self) -> Mapping[str, int]:
        """The size of each symbol of the inputs."""
        found: dict[str, int] = {}
        for value in self._graph.inputs:
            shape, fed = self._shapes.of(value), self._fed.get(value.name)
            for axis, dim in enumerate((shape.dims or ()) if shape is not None else ()):
                if isinstance(dim, str):
                    is_fed = fed is not None and axis < len(fed)
                    size = fed[axis] if fed is not None and is_fed else self.sizes.get(dim, 1)
                    found.setdefault(dim, size)
        return found


def _parsed(graph: Graph, data: bytes) -> Graph:
    from onnx import ModelProto

    return Graph(replace(graph.model, proto=ModelProto.FromString(data)))


def _fixed(
    serialized: bytes,
    *,
    sizes: Mapping[str, int],
    fed: Mapping[str, Sequence[int]],
    seen: Mapping[str, Seen],
) -> bytes:
    """The model with functions expanded and every size filled in; in a process of its own."""
    from onnx import ModelProto

    from onnxlint.runtime.shape_inference.sized import sized

    return bytes(sized(ModelProto.FromString(serialized), sizes, fed, seen).SerializeToString())
