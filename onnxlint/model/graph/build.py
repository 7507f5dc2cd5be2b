"""Reads the nodes and values of a scope off the file, and connects them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from onnxlint.model.graph.nodes import Node, Origin, Redefinition, Scope, Value
from onnxlint.model.graph.place import shortened

if TYPE_CHECKING:
    from onnx import AttributeProto, FunctionProto, GraphProto, TypeProto


def define(scope: Scope) -> None:
    """Creates the scope's nodes and the values that it defines."""
    if scope.function is not None:
        types = {info.name: info.type for info in scope.function.value_info}
        inputs = {name: types.get(name) for name in scope.function.input}
        listed, protos, output_names = (
            list(scope.function.input),
            scope.function.node,
            scope.function.output,
        )
    else:
        assert scope.proto is not None
        types = {info.name: info.type for info in scope.proto.value_info}
        inputs = {info.name: info.type for info in scope.proto.input}
        types.update({info.name: info.type for info in scope.proto.output})
        listed = [info.name for info in scope.proto.input]
        protos = scope.proto.node
        output_names = [info.name for info in scope.proto.output]
    for name in listed:
        _define_input(scope, name, inputs[name])
    _define_initializers(scope)
    for index, proto in enumerate(protos):
        node = Node(proto, index, scope)
        scope.nodes.append(node)
        node.outputs += [
            _define_output(node, slot, name, types.get(name))
            for slot, name in enumerate(proto.output)
        ]
    for name in output_names:
        scope.outputs.append(_output_value(scope, name))


def _define_input(scope: Scope, name: str, type_proto: TypeProto | None) -> None:
    if name in scope.values:
        scope.redefinitions.append(Redefinition(scope.values[name], None))
        return
    value = Value(name, scope, Origin.INPUT, type=type_proto, is_input=True)
    scope.values[name] = value
    scope.inputs.append(value)


def _define_initializers(scope: Scope) -> None:
    if scope.proto is None:
        return
    for tensor in scope.proto.initializer:
        name = tensor.name
        value = scope.values.get(name)
        if value is None:
            value = scope.values[name] = Value(name, scope, Origin.INITIALIZER)
        value.origin = Origin.INITIALIZER
        value.tensor_proto = value.tensor_proto or tensor
    for sparse in scope.proto.sparse_initializer:
        name = sparse.values.name
        scope.values.setdefault(name, Value(name, scope, Origin.INITIALIZER))


def _define_output(node: Node, slot: int, name: str, type_proto: TypeProto | None) -> Value | None:
    if not name:
        return None
    value = Value(name, node.scope, Origin.NODE, node, slot, type_proto)
    first = node.scope.values.setdefault(name, value)
    if first is not value:
        node.scope.redefinitions.append(Redefinition(first, node))
    return value


def _output_value(scope: Scope, name: str) -> Value:
    """A scope's output; a subgraph may also hand out a value of the scope around it."""
    value = scope.lookup(name)
    if value is None:
        value = Value(name, scope, Origin.NOTHING)
    if value.scope is scope:
        value.is_output = True
    if scope.owner is not None:
        value.yielded_to.append(scope.owner)
    return value


def subgraphs(scope: Scope) -> Iterator[Scope]:
    """The graphs in the attributes of a scope's nodes, and in the defaults of a function's."""
    prefix = shortened(f"{scope.path}/" if scope.path else "")
    for attribute in scope.function.attribute_proto if scope.function is not None else ():
        for branch, proto in _graphs(attribute):
            yield Scope(f"{prefix}{branch}", scope.shared, around=scope, proto=proto)
    for node in scope.nodes:
        for attribute in filter(_has_graphs, node.attribute_list):
            for branch, proto in _graphs(attribute):
                label = shortened(node.name or f"{node.op_type}_{node.index}")
                subgraph = Scope(f"{prefix}{label}/{branch}", scope.shared, owner=node, proto=proto)
                node.subgraphs.append(subgraph)
                yield subgraph


def path_of(function: FunctionProto) -> str:
    """The path of its scope."""
    return f"function:{shortened(function.domain)}::{shortened(function.name)}"


def _has_graphs(attribute: AttributeProto) -> bool:
    return attribute.HasField("g") or bool(attribute.graphs)


def _graphs(attribute: AttributeProto) -> Iterator[tuple[str, GraphProto]]:
    """The graphs in an attribute, each with what it is called in the path of its scope."""
    single = [attribute.g] if attribute.HasField("g") else []
    for number, proto in enumerate([*single, *attribute.graphs]):
        yield shortened(attribute.name) + (f"[{number}]" if attribute.graphs else ""), proto


def connect(scope: Scope) -> None:
    """Gives every node of the scope the values that it reads."""
    values = scope.values
    for node in scope.nodes:
        inputs = node.inputs
        for name in node.proto.input:
            if name:
                value = values.get(name) or _read(scope, name)
                inputs.append(value)
                value.consumers.append(node)
            else:
                inputs.append(None)


def _read(scope: Scope, name: str) -> Value:
    value = scope.lookup(name)
    return Value(name, scope, Origin.NOTHING) if value is None else value
