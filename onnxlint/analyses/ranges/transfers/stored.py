"""Weights as layers read them: constants, also behind Cast, Transpose and DequantizeLinear."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from onnxlint.analyses.ranges.at import At
from onnxlint.model.file.dtypes import numpy_dtype

if TYPE_CHECKING:
    from onnxlint.model.graph.nodes import Node, Value
    from onnxlint.types import Array

FARTHEST = 4
"""Nodes between a layer and its stored weights. A choice: exporters write three."""


def weights(at: At, slot: int) -> Array | None:
    """All elements of an operand that hangs on constants alone; None where it does not."""
    return _read(at, at.node.input(slot), FARTHEST)


def _read(at: At, value: Value | None, left: int) -> Array | None:
    graph = at.evaluation.world.graph
    if value is None or graph.tensor(value) is not None:
        return graph.constant(value)
    node = graph.source(value).producer
    if node is None or not left or not node.inputs:
        return None
    if node.op == "DequantizeLinear":
        return _dequantised(at, node, left)
    if node.op not in ("Transpose", "Cast"):
        return None
    array = _read(at, node.input(0), left - 1)
    if array is None:
        return None
    if node.op == "Transpose":
        perm = at.evaluation.attribute(node, "perm")
        if perm is None:
            return array.T
        return array.transpose(perm) if sorted(perm) == list(range(array.ndim)) else None
    wanted = at.evaluation.world.element_type(value)
    if wanted is None:
        return None
    dtype = np.dtype(numpy_dtype(wanted))
    return array.astype(dtype) if dtype.kind == "f" and array.dtype.kind in "fiu" else None


def _dequantised(at: At, node: Node, left: int) -> Array | None:
    parts = [_read(at, node.input(slot), left - 1) for slot in (0, 1)]
    codes, scale = parts
    zero = None if node.input(2) is None else _read(at, node.input(2), left - 1)
    if codes is None or scale is None or (node.input(2) is not None and zero is None):
        return None
    if codes.dtype.kind not in "iu" and codes.dtype.itemsize != 1:
        return None
    axis, block = (at.evaluation.attribute(node, name, default)
                   for name, default in (("axis", 1), ("block_size", 0)))  # fmt: skip
    factor = aligned(scale, codes.shape, axis, block)
    offset = None if zero is None else aligned(zero, codes.shape, axis, block)
    if factor is None or (zero is not None and offset is None):
        return None
    found = codes.astype(np.float32)
    if offset is not None:
        found -= offset.astype(np.float32)
    return found * factor.astype(np.float32)


def aligned(array: Array, shape: tuple[int, ...], axis: int, block: int) -> Array | None:
    """Scales or zero points laid along the axis that they belong to, or repeated block by block."""
    if array.size == 1:
        return array.reshape((1,) * len(shape))
    if not shape or not -len(shape) <= axis < len(shape):
        return None
    axis %= len(shape)
    if block and array.ndim == len(shape):
        repeated = np.repeat(array, block, axis=axis)
        part = [slice(None)] * len(shape)
        part[axis] = slice(shape[axis])
        repeated = repeated[tuple(part)]
        return repeated if repeated.shape == shape else None
    if array.ndim == 1 and len(array) == shape[axis]:
        return array.reshape([-1 if at == axis else 1 for at in range(len(shape))])
    return None
