"""The ranges of a model's inputs: declared, enforced or implied by the graph, or their dtype's."""

from __future__ import annotations

from math import ceil, floor, isfinite
from typing import TYPE_CHECKING

import numpy as np

from onnxlint.analyses.inputs.inputs import Inputs
from onnxlint.analyses.ranges.declared import PIXELS, SPREADS, by_statistics, declared
from onnxlint.analyses.ranges.leaf import Basis, Leaf, leaf_of, of_dtype
from onnxlint.analyses.static.shapes import Shape, Shapes
from onnxlint.model.file.dtypes import dtype_name, integer_range
from onnxlint.model.graph.graph import Graph
from onnxlint.model.graph.nodes import Node, Value
from onnxlint.model.graph.operators import LAYOUT
from onnxlint.model.graph.walk import Walk
from onnxlint.settings import Settings

if TYPE_CHECKING:
    from onnxlint.runtime.feeds.input_slots import Column, Slot


def leaves(graph: Graph, shapes: Shapes, inputs: Inputs, settings: Settings) -> dict[str, Leaf]:
    """The range of each input of the model that is a tensor of numbers, by name."""
    slots = {slot.name: slot for slot in inputs.slots}
    known = {}
    for value in graph.inputs:
        shape = shapes.of(value)
        if shape is None or dtype_name(shape.element_type) == "string":
            continue
        contract, slot = settings.inputs.get(value.name), slots.get(value.name)
        found = declared(shape, contract) if contract is not None else None
        known[value.name] = (
            found
            or _enforced(shapes, value, shape)
            or by_statistics(shape, contract)
            or (_implied(shape, slot) if slot is not None else None)
            or Leaf(of_dtype(shape), Basis.DTYPE)
        )
    return known


_REFUSING = {"Gather": "axis", "GatherElements": "axis", "ScatterElements": "axis"}
"""Their kernels stop the run at an index that is neither below the axis' size nor at least minus
it; by which attribute the axis is named."""

_WHOLE = LAYOUT | {"Identity"}
"""Each element of the first input comes out, and no other."""


def _enforced(shapes: Shapes, value: Value, shape: Shape) -> Leaf | None:
    """Indices: a node that always runs refuses all that are not in its table."""
    if integer_range(shape.element_type) is None:
        return None
    sizes = []
    walk = Walk([value])
    for at in walk:
        for node, slot in at.uses:
            if node.scope is not value.scope or not _is_used(node):
                continue
            if slot == 0 and (node.op in _WHOLE or _is_widening(shapes, node)):
                walk.add(node.output)
            elif slot == 1 and node.op in _REFUSING:
                sizes.append(_indexed(shapes, node))
    known = [size for size in sizes if size is not None]
    return leaf_of(shape, -min(known), min(known) - 1, Basis.ENFORCED) if known else None


def _is_used(node: Node) -> bool:
    """Whether something reads what it gives: others are taken away before a run."""
    out = node.output
    return out is not None and bool(out.is_output or out.consumers or out.yielded_to)


def _is_widening(shapes: Shapes, node: Node) -> bool:
    before, after = shapes.of(node.input(0)), shapes.of(node.output)
    if node.op != "Cast" or before is None or after is None:
        return False
    inner, outer = integer_range(before.element_type), integer_range(after.element_type)
    return inner is not None and outer is not None and (
        outer[0] <= inner[0] and inner[1] <= outer[1]
    )  # fmt: skip


def _indexed(shapes: Shapes, node: Node) -> int | None:
    table = shapes.of(node.input(0))
    axis = node.attribute(_REFUSING[node.op], 0)
    size = table.dim(axis) if table is not None and isinstance(axis, int) else None
    return size if isinstance(size, int) and size > 0 else None


def _implied(shape: Shape, slot: Slot) -> Leaf | None:
    """Masks, bytes of images, codes, columns whose middle and deviation, or limits, are known.

    What is only good for synthesised samples says nothing: noise, lengths, a divisor's choice.
    """
    from onnxlint.runtime.feeds.input_slots import Meaning

    if slot.meaning is Meaning.MASK:
        return leaf_of(shape, 0, 1, Basis.IMPLIED)
    if slot.meaning is Meaning.PIXEL and integer_range(shape.element_type) is not None:
        return leaf_of(shape, slot.lowest, slot.lowest + PIXELS[1], Basis.IMPLIED)
    if slot.meaning is Meaning.INDEX:
        ends = [found for bound in slot.bounds if (found := bound.ends({})) is not None]
        if ends:
            low, high = max(low for low, _ in ends), min(high for _, high in ends)
            return leaf_of(shape, low, high, Basis.IMPLIED) if low <= high else None
    if slot.columns and slot.meaning is not Meaning.TEXT:
        return _of_columns(shape, slot.columns)
    return None


def _of_columns(shape: Shape, columns: tuple[Column, ...]) -> Leaf | None:
    from onnxlint.runtime.feeds.input_slots import Column as Known

    dtype = of_dtype(shape)
    unknown = (dtype.least, dtype.most)
    pairs = [unknown if each == Known() else _of_column(each) or unknown for each in columns]
    if all(pair == unknown for pair in pairs):
        return None
    lows, highs = np.array(pairs, np.float64).T
    width = shape.dims[-1] if shape.dims else None
    axis = -1 if len(columns) > 1 and width == len(columns) else None
    return leaf_of(shape, lows, highs, Basis.IMPLIED, axis)


def _of_column(column: Column) -> tuple[float, float] | None:
    """Some deviations around the middle; of thresholds and known values, as far again beyond."""
    from onnxlint.analyses.inputs.hints.scales import BYTE

    if not column.options:
        if (column.centre, column.spread) == BYTE:
            return PIXELS
        reach = SPREADS * column.spread
        low, high = column.centre - reach, column.centre + reach
        return (low, high) if isfinite(low) and isfinite(high) else None
    numbers = [float(each) for each in column.options if not isinstance(each, str)]
    if not numbers or not all(map(isfinite, numbers)):
        return None
    reach = max(numbers) - min(numbers) or 1.0
    return floor(min(numbers) - reach), ceil(max(numbers) + reach)
