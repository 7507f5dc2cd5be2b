"""What each input of a model means, read off the nodes that use it: what can be fed to it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from math import prod
from typing import TYPE_CHECKING

from msgspec.structs import replace

from onnxlint.analyses.inputs.hints.element_kinds import is_measured, is_quantised, with_columns
from onnxlint.analyses.inputs.hints.index_bounds import Dims, bounds_of
from onnxlint.analyses.inputs.valid_operands import parameter
from onnxlint.analyses.static.shapes import Shape, Shapes
from onnxlint.model.file.dtypes import is_float
from onnxlint.model.graph.graph import Graph
from onnxlint.model.graph.nodes import Node, Value
from onnxlint.model.graph.operators import (
    FEATURE_SIZES,
    FRAMING,
    LOOKUPS,
    MASKING_SLOTS,
    PARAMETER_SLOTS,
    POSITIVE_SLOTS,
    SAME_MEANING,
    SPECTRAL,
)
from onnxlint.model.graph.walk import Walk
from onnxlint.settings import InputContract

if TYPE_CHECKING:
    from onnxlint.runtime.feeds.input_slots import Bound
    from onnxlint.runtime.feeds.synthesis import Slot
    from onnxlint.types import Array

FEEDABLE = {
    "bool": "bool", "string": "str", "float": "float32", "float16": "float16",
    "double": "float64", "int8": "int8", "int16": "int16", "int32": "int32", "int64": "int64",
    "uint8": "uint8", "uint16": "uint16", "uint32": "uint32", "uint64": "uint64",
}  # fmt: skip
"""ONNX element types that onnxruntime exchanges with numpy, and their numpy names."""

MOST_AXES = 32
"""numpy's limit before 2.0, 64 since; onnxruntime has none, but exchanges arrays of numpy."""

_ONE_AND_MORE = {"Acosh": (0,)}
"""Slots that take no number below 1."""

_SIGNAL_NAMES = ("audio", "signal", "wav", "speech", "sound", "pcm")

_RATES = re.compile(r"^(sr|rate)$|sampl\w*_?rate", re.IGNORECASE)
"""Names of inputs that tell how many samples a second has."""


class NotFeedableError(Exception):
    """An input that nothing can be fed to: which, and why."""


def input_dims(shapes: Shapes, value: Value) -> tuple[int | str, ...]:
    """The dims of an input, symbols where nothing is declared or told."""
    shape = shapes.of(value)
    count = len(shape.dims or ()) if shape is not None else 0
    return tuple(_dim(shapes, value, shape, axis) for axis in range(count) if shape is not None)


def slot_of(
    graph: Graph, shapes: Shapes, value: Value, contract: InputContract | None, dims_of: Dims
) -> Slot:
    """What can be fed to an input; its declared range holds for what is synthesised.

    Raises:
        NotFeedableError: it is not a tensor, or of a type that cannot be handed over.
    """
    from onnxlint.runtime.feeds.synthesis import Meaning, Slot

    shape = shapes.of(value)
    if shape is None:
        raise NotFeedableError(f"input {value.name!r} is not a tensor")
    if shape.dtype not in FEEDABLE:
        raise NotFeedableError(f"input {value.name!r} has dtype {shape.dtype}")
    if shape.dims is None:
        raise NotFeedableError(f"input {value.name!r} has no shape")
    if len(shape.dims) > MOST_AXES:
        axes = f"{len(shape.dims)} axes (limit {MOST_AXES})"
        raise NotFeedableError(f"input {value.name!r} has {axes}")
    uses = list(_uses(value))
    dims = input_dims(shapes, value)
    given = _given(shapes, value, dims)
    likely = _signal(graph, value, uses, dims)
    slot = Slot(value.name, FEEDABLE[shape.dtype], dims, is_signal=likely is True,
                may_be_signal=likely is None)  # fmt: skip
    if given is not None:
        return replace(slot, meaning=Meaning.GIVEN, given=tuple(given))
    if is_float(shape.element_type):
        slot = _float_slot(graph, slot, uses, contract)
    else:
        slot = replace(slot, range=contract.range if contract is not None else None)
        slot = _other_slot(graph, shapes, slot, uses, bounds_of(graph, shapes, value, dims_of))
    return slot if slot.range is not None else with_columns(graph, shapes, value, slot, uses)


def is_guess(shapes: Shapes, value: Value) -> bool:
    """Whether not every number is valid somewhere, and it is not known which are."""
    return any(_is_parameter(shapes, node, slot) for node, slot in _uses(value))


def _float_slot(
    graph: Graph, slot: Slot, uses: list[tuple[Node, int]], contract: InputContract | None
) -> Slot:
    from onnxlint.runtime.feeds.synthesis import Meaning

    if contract is not None and contract.range is not None:
        return replace(slot, range=contract.range)
    if any(at in _ONE_AND_MORE.get(node.op, ()) for node, at in uses):
        return replace(slot, range=(1.0, 2.0))
    if any(_is_inverted(graph, node, at) for node, at in uses):
        return replace(slot, meaning=Meaning.MASK)
    positive = any(
        at in POSITIVE_SLOTS.get(node.op, ()) or _is_root(graph, node, at) for node, at in uses
    )
    return replace(slot, meaning=Meaning.POSITIVE) if positive else slot


def _other_slot(
    graph: Graph,
    shapes: Shapes,
    slot: Slot,
    uses: list[tuple[Node, int]],
    bounds: list[Bound],
) -> Slot:
    """What integers, text and truths mean."""
    from onnxlint.runtime.feeds.input_slots import resolved
    from onnxlint.runtime.feeds.synthesis import Meaning, counts_samples

    if slot.dtype == "str":
        return replace(slot, meaning=Meaning.TEXT, bounds=tuple(bounds))
    if bounds and slot.dtype != "bool":
        return resolved(replace(slot, meaning=Meaning.INDEX, bounds=tuple(bounds)), {})
    name, rank = slot.name.lower(), len(slot.dims)
    if slot.dtype == "bool" or "mask" in name:
        return replace(slot, meaning=Meaning.MASK)
    if any(node.op in ("Div", "Mod") and at == 1 for node, at in uses):
        return replace(slot, meaning=Meaning.INDEX, bound=9, range=slot.range or (1, 8))
    if slot.dtype in ("int8", "uint8") and (rank >= 3 or is_quantised(uses)):
        return replace(slot, meaning=Meaning.PIXEL, lowest=-128 if is_quantised(uses) else 0)
    if rank >= 2 and is_measured(graph, uses):
        return replace(slot, meaning=Meaning.PIXEL)
    if "len" in name or (rank == 1 and counts_samples(slot)):
        return replace(slot, meaning=Meaning.LENGTH)
    if rank < 2:
        return replace(slot, meaning=Meaning.COUNT, bound=_compared(graph, uses) or 1)
    masking = any(at in MASKING_SLOTS.get(node.op, ()) for node, at in uses)
    return replace(slot, meaning=Meaning.MASK if masking else Meaning.INDEX)


def _given(shapes: Shapes, value: Value, dims: tuple[int | str, ...]) -> Sequence[float] | None:
    """The numbers of an input that an operator takes for a shape, axes or the like."""
    count = prod(dim if isinstance(dim, int) else 0 for dim in dims)
    for node, at in value.uses if count else ():
        given = parameter(shapes, node, at, count)
        if given is not None:
            return given
    return None


def _compared(graph: Graph, uses: list[tuple[Node, int]]) -> int | None:
    """A number that the input is compared with, such as the sampling rates that a model takes."""
    for node, at in uses:
        other = graph.number(node.input(1 - at)) if node.op == "Equal" and at < 2 else None
        if isinstance(other, int) and other > 0:
            return other
    return None


def _is_inverted(graph: Graph, node: Node, at: int) -> bool:
    """Whether it is subtracted from 1, as masks are."""
    return node.op == "Sub" and at == 1 and graph.number(node.input(0)) == 1


def _is_root(graph: Graph, node: Node, at: int) -> bool:
    """Whether a power of it is taken that negative numbers need not have."""
    if node.op != "Pow" or at != 0:
        return False
    return graph.ask(node.input(1), _are_whole) is not True


def _are_whole(exponents: Array) -> bool:
    return not (exponents % 1 != 0).any()


def _signal(
    graph: Graph, value: Value, uses: list[tuple[Node, int]], dims: tuple[int | str, ...]
) -> bool | None:
    """Whether the last axis is time in fine steps: a signal of one channel that frames cut up.

    None where it may be, and nothing says so: a name, a spectrum, or a rate beside it.
    """
    has_channel = len(dims) == 3 and dims[1] == 1
    if not (len(dims) == 2 or has_channel) or not isinstance(dims[-1], str):
        return False
    nodes = [node for node, _ in uses]
    named = any(word in value.name.lower() for word in _SIGNAL_NAMES)
    convolved = has_channel and any(node.op == "Conv" for node in nodes)
    if named or convolved or any(node.op in SPECTRAL for node in nodes):
        return True
    if not any(node.op in FRAMING or node.scope is not value.scope for node in nodes):
        return False
    return any(_RATES.search(other.name) for other in graph.inputs) or None


def _dim(shapes: Shapes, value: Value, shape: Shape, axis: int) -> int | str:
    """One dim; where none is declared, what the first reader's weight tells, else a symbol."""
    dims = shape.dims or ()
    dim = dims[axis]
    if dim is not None:
        return dim
    if axis == 0:
        return "batch"
    for node in value.readers:
        own_axis, slot, weight_axis = FEATURE_SIZES.get(node.op, (0, 0, 0))
        if not slot or node.input(0) is not value or own_axis % len(dims) != axis:
            continue
        weight = shapes.of(node.input(slot))
        turned = node.op == "Gemm" and node.attribute("transB", 0)
        size = weight.dim(1 if turned else weight_axis) if weight is not None else None
        if isinstance(size, int):
            return size * (node.attribute("group", 1) if node.op == "Conv" else 1)
    is_state = len(dims) == 3 and axis == 1 and isinstance(dims[0], int) and dims[0] <= MOST_LAYERS
    return "batch" if is_state else f"{value.name}[{axis}]"


MOST_LAYERS = 8
"""Layers times directions of recurrent nets, whose state is [layers, batch, units]."""


def _uses(value: Value) -> Iterator[tuple[Node, int]]:
    """(node, slot) that read the value, directly or behind operators that keep its meaning."""
    walk = Walk([value])
    for current in walk:
        for node in current.readers:
            yield from ((node, slot) for slot in node.slots_of(current))
            if node.op in SAME_MEANING and node.input(0) is current:
                walk.add(node.output)


def _is_parameter(shapes: Shapes, node: Node, slot: int) -> bool:
    """Whether not every number is valid there; indices into a table of known size are bounded."""
    table = LOOKUPS.get(node.op)
    if table is not None and slot == table[0]:
        return _rows(shapes, node) is None
    return slot in PARAMETER_SLOTS.get(node.op, ()) or bool(node.domain)


def _rows(shapes: Shapes, node: Node) -> int | None:
    """How many rows the table of a look-up has, if that is fixed."""
    _, table_slot, axis_name = LOOKUPS[node.op]
    table = shapes.of(node.input(table_slot))
    axis = node.attribute(axis_name, 0) if axis_name else 0
    rows = table.dim(axis) if table is not None else None
    return rows if isinstance(rows, int) else None
