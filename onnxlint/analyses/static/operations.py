"""How many operations a node makes beside its multiplications with additions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import prod

from onnxlint.analyses.static.multiplications import Dims, is_product
from onnxlint.model.graph.nodes import Node, Value
from onnxlint.model.graph.operators import (
    FREE,
    PER_INPUT,
    PER_KERNEL,
    PER_OPERAND,
    PER_OUTPUT,
    QUANTISED_OPERATORS,
)

_NEIGHBOURS: Mapping[str, int] = {"nearest": 0, "linear": 2, "bilinear": 2, "cubic": 4}
"""Neighbours along each resized axis that a mode weighs: a product and a sum for each of them."""

IsFloat = Callable[[Value | None], bool]


def other_operations(node: Node, dims: Dims, is_float: IsFloat) -> int | None:
    """Their number in one run of the node; None where a size or the operator is not known.

    Products count none beside: the bias of a layer takes the place of the addition that its first
    product needs not. What has no floats, and is not quantised, counts as none either.
    """
    op = node.op
    if op in FREE or is_product(op) or node.called is not None:
        return 0
    if op in ("Resize", "Upsample"):
        return _interpolated(node, dims)
    if not any(op in table for table in (PER_OUTPUT, PER_INPUT, PER_OPERAND, PER_KERNEL)):
        return None
    if not (op in QUANTISED_OPERATORS or is_float(node.input(0)) or is_float(node.output)):
        return None if dims(node.output) is None else 0
    return _counted(node, dims)


def _counted(node: Node, dims: Dims) -> int | None:
    op = node.op
    sizes = dims(node.input(0) if op in PER_INPUT else node.output)
    if sizes is None:
        return None
    elements = prod(sizes)
    if op in PER_KERNEL:
        return elements * prod(node.integers("kernel_shape") or [1])
    if op in PER_OPERAND:
        return elements * max(len(node.inputs) - 1, 1)
    return elements * (PER_INPUT.get(op) or PER_OUTPUT[op])


def _interpolated(node: Node, dims: Dims) -> int | None:
    """Two operations for each neighbour that is weighed, along the axes whose size changes."""
    near = _NEIGHBOURS.get(node.attribute("mode", "nearest"))
    if near == 0:
        return 0
    before, after = dims(node.input(0)), dims(node.output)
    if near is None or before is None or after is None or len(before) != len(after):
        return None
    changed = sum(old != new for old, new in zip(before, after, strict=True))
    return prod(after) * 2 * int(near**changed) if changed else 0
