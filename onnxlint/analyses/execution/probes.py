"""Which values to watch: where fused kernels end, because a watched value blocks its fusion."""

from __future__ import annotations

from collections.abc import Iterable
from math import isfinite
from typing import TYPE_CHECKING

from onnxlint.analyses.static.shapes import Shapes
from onnxlint.model.file.dtypes import integer_range
from onnxlint.model.graph.graph import Graph
from onnxlint.model.graph.nodes import Node, Scope, Value
from onnxlint.model.graph.operators import (
    CHANNELS_LAST,
    CHANNELS_SECOND,
    DEQUANTIZE,
    FUSED_HEADS,
    FUSED_TAILS,
    MAYBE_EMPTY,
    MERGED_ACTIVATIONS,
    MOVING,
    QUANTIZE,
    REGROUPING,
    REPEATING,
    RESCALING,
    RESULT_SCALE_SLOTS,
    ROUNDING,
    SAME_AXES,
    SEEN_NUMBERS,
)

if TYPE_CHECKING:
    from onnxlint.runtime.protocol import Quantisation, Watch

_SELDOM_NEW = MOVING | REPEATING | DEQUANTIZE | REGROUPING
"""Operators whose numbers were seen before they came there: not so what is looked up in a table."""


def chosen(
    graph: Graph, shapes: Shapes, *, every: bool = False, integers: bool = False,
    scope: Scope | None = None,
) -> list[Watch]:  # fmt: skip
    """Values of the main graph, or another scope, to watch: floats, and integers that mean them.

    `every` takes all that depend on an input, and `integers` those that stand for themselves, and
    booleans, too; else integers are watched where a cast narrows them. Of what may be empty, at
    least the size is watched.
    """
    from onnxlint.runtime.protocol import Watch

    scope = scope or graph.main
    constants = _constant_values(scope)
    narrowed = _narrowed(graph, shapes, scope)
    sizes = _Sizes(graph, shapes)
    axes: dict[Value, int | None] = {}
    watches = []
    for node in scope.nodes:
        for value in filter(None, node.outputs):
            axis = axes[value] = _channel_axis(node, shapes, value, axes)
            is_constant = value in constants
            meaning = None if is_constant else quantised(graph, node, value)
            wanted = value.is_output or (
                not is_constant and (every or ends_kernel(graph, node, value))
            )
            if meaning is not None and sizes.fits_numpy(value):
                watches.append(Watch(value.name, axis, sizes.counts_samples(value), False, meaning))
            elif wanted and sizes.may_be_float(value):
                watches.append(Watch(value.name, axis, sizes.counts_samples(value)))
            elif not is_constant and sizes.may_be_empty(node, value):
                watches.append(Watch(value.name, sizes_only=True))
            elif not is_constant and (
                (value in narrowed and sizes.is_whole(value))
                or (integers and (sizes.is_whole(value) or sizes.is_truth(value)))
            ):
                counts = sizes.counts_samples(value)
                watches.append(Watch(value.name, counts_samples=counts, integers=True))
    return watches


def _narrowed(graph: Graph, shapes: Shapes, scope: Scope) -> set[Value]:
    """Integers that a cast puts into a type which holds fewer; sizes always fit."""
    read: set[Value] = set()
    for node in scope.nodes:
        if node.op != "Cast":
            continue
        value = node.input(0)
        shape = shapes.of(value)
        wanted = integer_range(node.attribute("to", 0))
        if value is not None and shape is not None and wanted and shape.is_integer:
            given = integer_range(shape.element_type)
            if given and not wanted[0] <= given[0] <= given[1] <= wanted[1]:
                read.add(value)
    if not read:
        return set()
    fed = [*graph.inputs, *(value for each in graph.functions for value in each.inputs)]
    return read & graph.descendants(fed, by_numbers=True)


def inside(graph: Graph, shapes: Shapes, every: Iterable[Watch]) -> list[Watch]:
    """What the ends of fused kernels do not show of all that can be watched: see `_is_hidden`.

    And every ReLU, for its zeros are none any more where something is added, what a first batch
    normalisation reads, and all of float16: the CPU's fused kernels keep in float32 what a GPU
    rounds, or overflows. Numbers that only moved were seen before.
    """
    made = _constant_values(graph.main)
    normalised = {node.input(0) for node in first_normalisations(graph)}

    def is_half(value: Value) -> bool:
        shape = shapes.of(value)
        moved = value.producer is not None and value.producer.op in _SELDOM_NEW
        return shape is not None and shape.dtype == "float16" and not moved

    def tells(value: Value) -> bool:
        node = value.producer
        if value in normalised or is_half(value):
            return True
        return (
            node is not None
            and node.op not in _SELDOM_NEW
            and (node.op == "Relu" or _is_hidden(value, made))
        )

    return [
        watch
        for watch in every
        if not (watch.sizes_only or watch.integers) and tells(graph.main.values[watch.name])
    ]


def first_normalisations(graph: Graph) -> list[Node]:
    """The batch normalisations of the main graph that inputs reach through no other one."""
    every = [node for node in graph.main.nodes if node.op == "BatchNormalization"]
    outputs = [value for node in every for value in node.outputs if value is not None]
    behind = graph.descendants(outputs)
    return [node for node in every if node not in behind]


def _is_hidden(value: Value, constants: set[Value]) -> bool:
    """Whether what follows rescales it, or joins it with something else that is computed.

    Through all other operators a value that is dead, constant or huge stays so.
    """
    for node in value.consumers:
        others = (read for read in node.inputs if read is not None and read is not value)
        if (
            node.op in RESCALING
            or node.op in ROUNDING
            or any(read.tensor_proto is None and read not in constants for read in others)
        ):
            return True
    return False


def constants(graph: Graph, shapes: Shapes, scope: Scope | None = None) -> list[Watch]:
    """The floats that nodes of the main graph, or another scope, make of constants alone."""
    from onnxlint.runtime.protocol import Watch

    scope = scope or graph.main
    made, sizes = _constant_values(scope), _Sizes(graph, shapes)
    wanted = (value for value in scope.values.values() if value in made)
    return [
        Watch(value.name, counts_samples=False) for value in wanted if sizes.may_be_float(value)
    ]


class _Sizes:
    """What types and sizes tell of a value before it is seen."""

    def __init__(self, graph: Graph, shapes: Shapes) -> None:
        self._shapes = shapes
        fed = [shape.dims for value in graph.inputs if (shape := shapes.of(value)) and shape.dims]
        self._firsts = {dims[0] for dims in fed}
        self._others = {dim for dims in fed for dim in dims[1:] if isinstance(dim, str)}

    def counts_samples(self, value: Value) -> bool:
        """Whether its first axis may count samples, as those of the inputs do.

        One with a fixed size, or with a size that inputs have along another axis, does not.
        """
        shape = self._shapes.of(value)
        first = shape.dims[0] if shape is not None and shape.dims else None
        return first in self._firsts or not (isinstance(first, int) or first in self._others)

    def may_be_empty(self, node: Node, value: Value) -> bool:
        """Whether its node selects, and its size is not known to be above zero."""
        if node.op not in MAYBE_EMPTY:
            return False
        shape = self._shapes.of(value)
        if shape is None or shape.dims is None:
            return True
        fed = self._firsts | self._others
        return any(dim == 0 or not (isinstance(dim, int) or dim in fed) for dim in shape.dims)

    def fits_numpy(self, value: Value) -> bool:
        """Whether it has integers that onnxruntime hands to numpy as they are."""
        shape = self._shapes.of(value)
        return shape is not None and shape.dtype in ("int8", "uint8", "int16", "uint16")

    def is_whole(self, value: Value) -> bool:
        """Whether it has integers that numpy knows."""
        shape = self._shapes.of(value)
        return shape is not None and integer_range(shape.element_type) is not None

    def is_truth(self, value: Value) -> bool:
        """Whether it has booleans."""
        shape = self._shapes.of(value)
        return shape is not None and shape.dtype == "bool"

    def may_be_float(self, value: Value) -> bool:
        """Whether it has floats of a type that numpy knows."""
        shape = self._shapes.of(value)
        return shape is None or shape.dtype in ("float", "float16", "double")


def quantised(graph: Graph, node: Node, value: Value) -> Quantisation | None:
    """What the integers of a node's output stand for, if one scale holds for the whole tensor."""
    from onnxlint.runtime.protocol import Quantisation

    slots = RESULT_SCALE_SLOTS.get(node.op)
    if slots is None or value is not node.output:
        return None
    scale, zero_point = (graph.number(node.input(slot)) for slot in slots)
    if scale is None or (zero_point is None and node.input(slots[1])):
        return None
    zero = zero_point or 0
    return Quantisation(float(scale), int(zero)) if isfinite(zero) else None


def _constant_values(scope: Scope) -> set[Value]:
    """Values that depend on no input: watching them would undo constant folding."""
    constants: set[Value] = set()
    for node in scope.nodes:
        if node.subgraphs or node.op.startswith("Random"):
            continue
        for value in node.inputs:
            if not (value is None or value.tensor_proto is not None or value in constants):
                break
        else:
            constants.update(filter(None, node.outputs))
    return constants


def gates_itself(graph: Graph, node: Node) -> bool:
    """Whether it is the sigmoid of x · sigmoid(a·x), as in SiLU, or the tanh of 1 + tanh(…)."""
    import numpy as np

    read = node.input(0)
    scaled = read.producer.inputs if read and read.producer and read.producer.op == "Mul" else []
    for follower in node.output.consumers if node.output else ():
        others = [value for value in follower.inputs if value and value is not node.output]
        if node.op == "Sigmoid" and follower.op == "Mul":
            return any(value in (read, *scaled) for value in others)
        if node.op == "Tanh" and follower.op == "Add":
            return any(np.all(graph.constant(value) == 1) for value in others)
    return False


def quantiser(value: Value) -> Node | None:
    """The node that quantises a value, if nobody else reads it: the fused kernel ends there."""
    reader = value.consumers[0] if len(value.consumers) == 1 else None
    if reader is None or reader.op not in QUANTIZE or reader.input(0) is not value:
        return None
    return reader


def dequantised(value: Value) -> Value | None:
    """The integers that a value is made of."""
    node = value.producer
    return node.input(0) if node is not None and node.op in DEQUANTIZE else None


def ends_kernel(graph: Graph, node: Node, value: Value) -> bool:
    """Whether what fuses with a node ends at this output of it, so that watching costs little."""
    if node.op in SEEN_NUMBERS or dequantised(value) or quantiser(value):
        return False
    if node.op == "Exp" or (node.op in ("Sigmoid", "Tanh") and not gates_itself(graph, node)):
        return True  # an overflow or a saturation that the next operator hides
    if node.op not in FUSED_HEADS or len(value.consumers) != 1:
        return True
    follower = value.consumers[0].op
    return follower not in FUSED_TAILS and (follower != "Concat" or node.op in MERGED_ACTIVATIONS)


def _channel_axis(
    node: Node, shapes: Shapes, value: Value, axes: dict[Value, int | None]
) -> int | None:
    """The axis of a value's channels: decided by its layer, passed on by what keeps the layout.

    Negative from the end, where the rank may be unknown; None where there are no channels.
    """
    shape = shapes.of(value)
    rank = shape.rank if shape is not None else None
    if rank is not None and rank < 2:
        return None
    if node.op in CHANNELS_SECOND:
        return 1
    if node.op in CHANNELS_LAST:
        return -1
    if node.op == "Transpose" or node.op in SAME_AXES:
        known = (axes[read] for read in node.inputs if read is not None and axes.get(read))
        before = next(known, None)
        if before is not None:
            is_moved = node.op == "Transpose"
            return _moved(before, node.integers("perm")) if is_moved else before
    return None if rank is None else (1 if rank in (2, 4, 5) else -1)


def _moved(axis: int, permutation: list[int] | None) -> int | None:
    """Where a transpose puts an axis."""
    if not permutation:
        return None
    rank = len(permutation)
    return permutation.index(axis % rank) if axis % rank in permutation else None
