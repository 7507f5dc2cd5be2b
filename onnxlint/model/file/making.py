"""Makes nodes, types and tensors as protobuf, by onnx's classes alone.

`onnx.helper` and `onnx.numpy_helper` do so, too, but load for 25 ms: longer than it takes to
prepare a model of a thousand nodes for a run.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from onnx import AttributeProto, GraphProto, NodeProto, TensorProto, TypeProto

    from onnxlint.types import Array


def make_node(
    op: str,
    inputs: Iterable[str],
    outputs: Iterable[str],
    *,
    name: str = "",
    domain: str = "",
    **attributes: Any,
) -> NodeProto:
    """A node with attributes of the types that `make_attribute` knows."""
    from onnx import NodeProto

    made = NodeProto(op_type=op, input=inputs, output=outputs)
    if name:
        made.name = name
    if domain:
        made.domain = domain
    made.attribute.extend(make_attribute(key, attributes[key]) for key in sorted(attributes))
    return made


def make_attribute(
    name: str, value: int | float | str | TensorProto | GraphProto
) -> AttributeProto:
    """An attribute of the type that the value has."""
    from onnx import AttributeProto, GraphProto

    if isinstance(value, int):
        return AttributeProto(name=name, type=AttributeProto.INT, i=int(value))
    if isinstance(value, float):
        return AttributeProto(name=name, type=AttributeProto.FLOAT, f=value)
    if isinstance(value, str):
        return AttributeProto(name=name, type=AttributeProto.STRING, s=value.encode())
    if isinstance(value, GraphProto):
        return AttributeProto(name=name, type=AttributeProto.GRAPH, g=value)
    return AttributeProto(name=name, type=AttributeProto.TENSOR, t=value)


def make_type(element_type: int, dims: Iterable[int | str | None] | None) -> TypeProto:
    """The type of a tensor; without `dims` it says nothing of the shape."""
    from onnx import TypeProto

    made = TypeProto()
    made.tensor_type.elem_type = element_type
    if dims is not None:
        made.tensor_type.shape.SetInParent()
        for size in dims:
            dim = made.tensor_type.shape.dim.add()
            if isinstance(size, str):
                dim.dim_param = size
            elif size is not None:
                dim.dim_value = size
    return made


def make_tensor(array: Array, element_type: int) -> TensorProto:
    """A tensor of numpy's numbers, whose type in a file is this one."""
    from onnx import TensorProto

    from onnxlint.model.file.dtypes import stored_dtype

    raw = array.astype(stored_dtype(element_type), copy=False).tobytes()
    return TensorProto(data_type=element_type, dims=array.shape, raw_data=raw)
