"""The tensors that a scope stores: initializers, attributes, the parts of sparse ones."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from operator import attrgetter
from typing import TYPE_CHECKING

from onnxlint.model.file.making import make_tensor
from onnxlint.model.file.mapped_files import TensorError
from onnxlint.model.file.tensors import Tensor
from onnxlint.model.graph.nodes import Node, Scope
from onnxlint.model.graph.place import Located, Place, shortened

if TYPE_CHECKING:
    from onnx import AttributeProto, SparseTensorProto, TensorProto

    from onnxlint.types import Array

LARGEST_FILL = 1 << 24
"""Elements of a ConstantOfShape that are looked at one by one: it may ask for any number of them.
A choice of ours, 64 MiB of float32."""


def attribute_tensors(attribute: AttributeProto) -> list[TensorProto]:
    """The tensors in an attribute, the parts of sparse ones included, those of subgraphs not."""
    found = [attribute.t] if attribute.HasField("t") else []
    found += attribute.tensors
    for sparse in _sparse_tensors(attribute):
        found += (sparse.values, sparse.indices)
    return found


_attributes_of = attrgetter("attribute_list")


def _holds_tensors(attribute: AttributeProto) -> bool:
    return bool(
        attribute.HasField("t")
        or attribute.tensors
        or attribute.HasField("sparse_tensor")
        or attribute.sparse_tensors
    )


def _sparse_tensors(attribute: AttributeProto) -> Iterator[SparseTensorProto]:
    if attribute.HasField("sparse_tensor"):
        yield attribute.sparse_tensor
    yield from attribute.sparse_tensors


Holders = Sequence[tuple[Located, "AttributeProto"]]


def holders(scope: Scope) -> Holders:
    """The attributes with tensors of a scope's nodes and a function's defaults; their owners."""
    defaults = scope.function.attribute_proto if scope.function is not None else ()
    found: list[tuple[Located, AttributeProto]] = [
        (scope, attribute) for attribute in defaults if _holds_tensors(attribute)
    ]
    for node in filter(_attributes_of, scope.nodes):
        found += ((node, each) for each in node.attribute_list if _holds_tensors(each))
    return found


def stored_tensors(scope: Scope, holders: Holders) -> Iterator[tuple[Located, TensorProto]]:
    """Every tensor, with what holds it."""
    if scope.proto is not None:
        for tensor in scope.proto.initializer:
            yield scope.values[tensor.name], tensor
        for sparse in scope.proto.sparse_initializer:
            value = scope.values[sparse.values.name]
            yield from ((value, part) for part in (sparse.values, sparse.indices))
    for owner, attribute in holders:
        yield from ((owner, tensor) for tensor in attribute_tensors(attribute))


def stored_sparse_tensors(
    scope: Scope, holders: Holders
) -> Iterator[tuple[Place, SparseTensorProto]]:
    """Every sparse tensor, with its place."""
    if scope.proto is not None:
        for sparse in scope.proto.sparse_initializer:
            yield Place(scope=scope.path, value=shortened(sparse.values.name)), sparse
    for owner, attribute in holders:
        yield from ((owner.place, sparse) for sparse in _sparse_tensors(attribute))


def constant_proto(node: Node) -> TensorProto | None:
    """The tensor that a Constant node spells in one of its seven ways."""
    import numpy as np
    from onnx import AttributeProto, TensorProto

    tensor = node.tensor("value")
    if tensor is not None:
        return tensor
    kinds = {"value_float": (TensorProto.FLOAT, AttributeProto.FLOAT),
             "value_floats": (TensorProto.FLOAT, AttributeProto.FLOATS),
             "value_int": (TensorProto.INT64, AttributeProto.INT),
             "value_ints": (TensorProto.INT64, AttributeProto.INTS)}  # fmt: skip
    types = {a.name: a.type for a in node.attribute_list if not a.ref_attr_name}
    for name, (element_type, attribute_type) in kinds.items():
        if types.get(name) == attribute_type:
            return make_tensor(np.asarray(node.attribute(name)), element_type)
    return None


def elements(tensor: Tensor | None) -> Array | None:
    """The elements of a tensor that can be read, if they are real numbers."""
    if tensor is None or (tensor.fill and tensor.size > LARGEST_FILL):
        return None
    try:
        array = tensor.array()
    except TensorError:
        return None
    return None if array.dtype.kind in "OSUc" else array


def integers(tensor: Tensor) -> list[int] | None:
    """The elements of a small tensor as Python's numbers, if they are integers."""
    numbers = tensor.integers()
    if numbers is not None:
        return numbers
    array = elements(tensor)
    return None if array is None or array.dtype.kind not in "iu" else array.reshape(-1).tolist()


@cache
def zero() -> TensorProto:
    """What a ConstantOfShape without a value repeats."""
    from onnx import TensorProto

    return TensorProto(data_type=TensorProto.FLOAT, dims=[1], float_data=[0.0])
