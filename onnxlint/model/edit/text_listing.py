"""A model as lines of text, one fact a line, so that a diff of two models can be read.

Documentation and metadata are in it, which ONNX's own text leaves out; large tensors are not.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

from onnxlint.model.file.dtypes import dtype_name
from onnxlint.model.graph.stored_tensors import attribute_tensors
from onnxlint.safety.printable import printable

if TYPE_CHECKING:
    from onnx import (
        AttributeProto,
        FunctionProto,
        GraphProto,
        ModelProto,
        NodeProto,
        TensorProto,
        TypeProto,
        ValueInfoProto,
    )

SHOWN_ELEMENTS = 8
"""Tensors up to this size are shown with their elements."""

SHOWN_CHARACTERS = 200
"""Longer documentation and metadata are cut here."""


def listing(model: ModelProto) -> list[str]:
    """The lines of a model, in which nothing is left that a terminal would obey."""
    return list(map(printable, _model(model)))


def _model(model: ModelProto) -> Iterator[str]:
    yield f"ir_version {model.ir_version}"
    for entry in model.opset_import:
        yield f"opset_import {entry.domain!r} {entry.version}"
    for field in ("producer_name", "producer_version", "domain", "model_version"):
        if getattr(model, field):
            yield f"{field} {getattr(model, field)!r}"
    yield from _documentation(model)
    yield from _graph(model.graph, "graph")
    for function in model.functions:
        yield from _function(function)


def _graph(graph: GraphProto, title: str) -> Iterator[str]:
    yield f"{title} {graph.name!r}"
    yield from _indented(_graph_body(graph))


def _graph_body(graph: GraphProto) -> Iterator[str]:
    yield from _documentation(graph)
    yield from (f"input {_declared(info)}" for info in graph.input)
    yield from (f"output {_declared(info)}" for info in graph.output)
    yield from (f"initializer {tensor.name!r} {_tensor(tensor)}" for tensor in graph.initializer)
    for sparse in graph.sparse_initializer:
        values, indices = _tensor(sparse.values), _tensor(sparse.indices)
        yield f"sparse_initializer {sparse.values.name!r} {values} at {indices}"
    yield from (f"value_info {_declared(info)}" for info in graph.value_info)
    for node in graph.node:
        yield from _node(node)


def _function(function: FunctionProto) -> Iterator[str]:
    inputs, outputs = ", ".join(function.input), ", ".join(function.output)
    yield f"function {function.domain}::{function.name}({inputs}) → ({outputs})"
    yield from _indented(_function_body(function))


def _function_body(function: FunctionProto) -> Iterator[str]:
    for entry in function.opset_import:
        yield f"opset_import {entry.domain!r} {entry.version}"
    yield from _documentation(function)
    yield from (f"value_info {_declared(info)}" for info in function.value_info)
    for node in function.node:
        yield from _node(node)


def _node(node: NodeProto) -> Iterator[str]:
    operator = f"{node.domain}::{node.op_type}" if node.domain else node.op_type
    named = f"[{node.name}] " if node.name else ""
    yield f"{named}{', '.join(node.output)} = {operator}({', '.join(node.input)})"
    yield from _indented(_documentation(node))
    for attribute in node.attribute:
        yield from _indented(_attribute(attribute))


def _attribute(attribute: AttributeProto) -> Iterator[str]:
    graphs = [attribute.g] if attribute.HasField("g") else attribute.graphs
    tensors = attribute_tensors(attribute)
    for graph in graphs:
        yield from _graph(graph, f"{attribute.name} =")
    if tensors:
        yield f"{attribute.name} = {', '.join(map(_tensor, tensors))}"
    elif not graphs:
        yield f"{attribute.name} = {_plain(attribute)}"


def _plain(attribute: AttributeProto) -> str:
    if attribute.ref_attr_name:
        return f"@{attribute.ref_attr_name}"
    named = ("f", "i", "s", "floats", "ints", "strings")
    shown: list[Any] = [
        list(value) if field.name.endswith("s") and field.name != "s" else value
        for field, value in attribute.ListFields()
        if field.name in named
    ]
    return _cut(", ".join(map(repr, shown)))


def _documentation(proto: Any) -> Iterator[str]:
    if proto.doc_string:
        yield f"doc_string {_cut(repr(proto.doc_string))}"
    for entry in proto.metadata_props:
        yield f"metadata {entry.key!r} {_cut(repr(entry.value))}"


def _declared(info: ValueInfoProto) -> str:
    return f"{info.name!r} {_type(info.type)}"


def _type(type_proto: TypeProto) -> str:
    kind = type_proto.WhichOneof("value")
    if kind != "tensor_type":
        return kind or "untyped"
    tensor = type_proto.tensor_type
    if not tensor.HasField("shape"):
        return dtype_name(tensor.elem_type)
    dims = (d.dim_param or (d.dim_value if d.HasField("dim_value") else "?")
            for d in tensor.shape.dim)  # fmt: skip
    return f"{dtype_name(tensor.elem_type)}[{', '.join(map(str, dims))}]"


def _tensor(tensor: TensorProto) -> str:
    """dtype, dims, and the elements or a mark that changes with them."""
    from onnx import numpy_helper

    size = 1
    for dim in tensor.dims:
        size *= dim
    kind = f"{dtype_name(tensor.data_type)}[{', '.join(map(str, tensor.dims))}]"
    if size <= SHOWN_ELEMENTS and tensor.data_location != 1:
        try:
            return f"{kind} {numpy_helper.to_array(tensor).tolist()}"
        except Exception:  # data that does not fit dtype and dims: it is marked like a large one
            pass
    data = type(tensor)()
    data.CopyFrom(tensor)
    data.ClearField("name")
    mark = blake2b(data.SerializeToString(deterministic=True), digest_size=4).hexdigest()
    return f"{kind} <{size:,} elements, #{mark}>"


def _cut(text: str) -> str:
    if len(text) <= SHOWN_CHARACTERS:
        return text
    mark = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=4).hexdigest()
    return f"{text[:SHOWN_CHARACTERS]}… ({len(text):,} characters, #{mark})"


def _indented(lines: Iterable[str]) -> Iterator[str]:
    return (f"  {line}" for line in lines)
