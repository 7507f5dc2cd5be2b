"""The constants of a layer as numbers that can be compared with another export's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import dropwhile
from typing import TYPE_CHECKING

from msgspec import Struct

from onnxlint.analyses.static.shapes import Shapes
from onnxlint.analyses.static.stored_weights import LONGEST_WAY, RESHAPES
from onnxlint.model.file.dtypes import is_float
from onnxlint.model.file.mapped_files import TensorError
from onnxlint.model.file.tensors import Tensor
from onnxlint.model.graph.graph import Graph
from onnxlint.model.graph.nodes import Node, Value
from onnxlint.model.graph.operator_schemas import schema_of
from onnxlint.model.graph.operators import (
    INTEGER_AFFINE,
    OPERAND_NAMES,
    SAME_CONSTANT,
    UNSCALED_AFFINE,
)

if TYPE_CHECKING:
    from onnxlint.types import Array

_SCALES: Mapping[str, tuple[int, int]] = {"QLinearConv": (4, 5), "QLinearMatMul": (4, 5)}
"""Where operators on integers read the scale and the zero point of their weight."""


class Parameter(Struct, frozen=True, eq=False):
    """A constant of a layer: `way` are the nodes between what is stored and the layer.

    `dims` are those in which the two sides are compared: of a dense layer outputs by inputs.
    """

    graph: Graph
    shapes: Shapes
    node: Node
    name: str
    tensor: Tensor
    way: tuple[Node, ...]
    dims: tuple[int, ...]
    turned: bool = False

    @property
    def dtype(self) -> str:
        """The dtype in which it is stored."""
        return self.tensor.dtype

    @property
    def given_dims(self) -> tuple[int, ...]:
        """The shape in which the layer gets it."""
        return (*self.dims[:-2], self.dims[-1], self.dims[-2]) if self.turned else self.dims

    @property
    def is_plain(self) -> bool:
        """Whether what is stored is what the layer computes with, but for its order."""
        scaled = self.node.op == "Gemm" and self.node.attribute("alpha", 1.0) != 1.0
        alters = any(maker.op == "DequantizeLinear" for maker in self.way)
        return not (scaled or alters or self.node.op in INTEGER_AFFINE)

    def recipe(self) -> object:
        """The same where the same is done with what is stored."""
        scales = _SCALES.get(self.node.op, ())
        factors = [self.node.attribute(name, 1.0) for name in ("alpha", "beta")
                   if self.node.op == "Gemm"]  # fmt: skip
        steps = [(maker.op, maker.opset, _serialised(maker), self._operands(maker, (1, 2)))
                 for maker in self.way]  # fmt: skip
        return steps, factors, self._operands(self.node, scales)

    def _operands(self, node: Node, slots: Sequence[int]) -> list[object]:
        """Constants that a node computes with, as bytes."""
        arrays = (self.graph.constant(node.input(slot)) for slot in slots)
        return [None if array is None else (array.shape, array.tobytes()) for array in arrays]

    @property
    def is_unscaled(self) -> bool:
        """Whether it holds integers, and nodes behind the layer scale what it computes."""
        return self.name == "weight" and self.node.op in UNSCALED_AFFINE

    def numbers(self) -> Array | None:
        """The numbers that the layer computes with, in `dims`; None where they cannot be had."""
        if self.is_unscaled:
            return None
        try:
            return self._numbers()
        except (TensorError, ValueError, TypeError, IndexError):
            return None

    def _numbers(self) -> Array | None:
        array = self.tensor.array()
        if array.dtype == object:
            return None
        for maker in reversed(self.way):
            found = self._behind(maker, array)
            if found is None:
                return None
            array = found
        if self.name == "weight" and self.node.op in _SCALES:
            array = self._scaled(array, *_SCALES[self.node.op])
        factor = "alpha" if self.name == "weight" else "beta"
        if self.node.op == "Gemm" and self.node.attribute(factor, 1.0) != 1.0:
            array = array * self.node.attribute(factor, 1.0)
        if self.turned:
            array = array.swapaxes(-1, -2)
        return array.reshape(self.dims)

    def _behind(self, maker: Node, array: Array) -> Array | None:
        if maker.op == "Transpose":
            return array.transpose(maker.integers("perm") or None)
        if maker.op == "DequantizeLinear":
            return self._dequantised(maker, array)
        if maker.op in RESHAPES:
            shape = self.shapes.of(maker.output)
            dims = None if shape is None else shape.dims
            return None if dims is None else array.reshape([int(dim or 0) for dim in dims])
        return array  # a cast rounds as the dtypes tell, an identity does nothing

    def _dequantised(self, maker: Node, array: Array) -> Array | None:
        if maker.attribute("block_size", 0):
            return None
        scale, zero = (self.graph.constant(maker.input(slot)) for slot in (1, 2))
        return None if scale is None else _real(array, scale, zero, maker.attribute("axis", 1))

    def _scaled(self, array: Array, scale: int, zero: int) -> Array:
        """Integers of an operator that scales them itself: a channel lies along the first axis."""
        factor = self.graph.constant(self.node.input(scale))
        if factor is None:
            raise ValueError("the scale is computed")
        axis = 0 if self.node.op == "QLinearConv" else array.ndim - 1
        return _real(array, factor, self.graph.constant(self.node.input(zero)), axis)


def _serialised(node: Node) -> list[bytes]:
    return sorted(attribute.SerializeToString() for attribute in node.attribute_list)


def _real(array: Array, scale: Array, zero: Array | None, axis: int) -> Array:
    import numpy as np

    wide = array.astype(np.float64)
    shape = [1] * array.ndim
    if scale.size > 1:
        shape[axis] = scale.size
    if zero is not None and zero.size in (1, scale.size):
        wide = wide - zero.astype(np.float64).reshape(shape if zero.size > 1 else [1] * array.ndim)
    return np.asarray(wide * scale.astype(np.float64).reshape(shape))


def parameters_of(
    graph: Graph, shapes: Shapes, node: Node, names: Sequence[str] = ()
) -> dict[str, Parameter]:
    """The constants of floats, or of quantised ones, that a node reads, by what they are called."""
    found: dict[str, Parameter] = {}
    for slot, value in enumerate(node.inputs):
        name = names[0] if names else _name(node, slot)
        stored = _stored(graph, value) if name else None
        if stored is None:
            continue
        tensor, way = stored
        is_real = is_float(tensor.element_type) or any(m.op == "DequantizeLinear" for m in way)
        if not is_real and not (name == "weight" and node.op in INTEGER_AFFINE):
            continue
        dims = _dims(shapes, value, tensor, way)
        if dims is None:
            continue
        turned = name == "weight" and _is_turned(node, slot, dims)
        if turned:
            dims = (*dims[:-2], dims[-1], dims[-2])
        if name == "bias":
            dims = (tensor.size,)
        elif name != "weight":  # leading axes of 1 are stretched, or left out by another exporter
            dims = tuple(dropwhile(lambda size: size == 1, dims))
        unique = name if name not in found else f"{name} {slot}"
        found[unique] = Parameter(graph, shapes, node, name, tensor, way, dims, turned)
    return found


def _stored(graph: Graph, value: Value | None) -> tuple[Tensor, tuple[Node, ...]] | None:
    """The constant behind a value, and the nodes on the way to it."""
    way: list[Node] = []
    while value is not None:
        tensor = graph.tensor(value)
        if tensor is not None:
            return tensor, tuple(way)
        maker = value.producer
        if maker is None or maker.op not in SAME_CONSTANT or len(way) == LONGEST_WAY:
            return None
        way.append(maker)
        value = maker.input(0)
    return None


def _dims(
    shapes: Shapes, value: Value | None, tensor: Tensor, way: Sequence[Node]
) -> tuple[int, ...] | None:
    if not any(maker.op == "Transpose" or maker.op in RESHAPES for maker in way):
        return tensor.dims
    shape = shapes.of(value)
    dims = None if shape is None else shape.dims
    if dims is None or not all(isinstance(dim, int) for dim in dims):
        return None
    return tuple(int(dim or 0) for dim in dims)


def _is_turned(node: Node, slot: int, dims: Sequence[int]) -> bool:
    """Whether a dense layer has its inputs before its outputs."""
    if len(dims) < 2:
        return False
    if node.op == "Gemm":
        return not node.attribute("transB", 0)
    turnable = ("MatMul", "MatMulInteger", "QLinearMatMul", "com.microsoft::FusedMatMul")
    return node.op in turnable and slot > 0


def _name(node: Node, slot: int) -> str:
    names = OPERAND_NAMES.get(node.op)
    if names is not None:
        return names[slot] if slot < len(names) else ""
    schema = schema_of(node.domain, node.op_type, node.opset)
    inputs = [] if schema is None else schema.inputs
    return inputs[slot].name if slot < len(inputs) else f"input {slot}"
