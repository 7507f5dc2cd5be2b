"""Bodies of If, Loop, Scan and local functions as models of their own, to run and to look into."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING

from msgspec import Struct, field

from onnxlint.model.graph.graph import Graph
from onnxlint.model.graph.nodes import Node, Scope, Value
from onnxlint.model.graph.operators import LOOPS, SUBGRAPHS
from onnxlint.model.graph.walk import Walk

if TYPE_CHECKING:
    from onnx import AttributeProto, ModelProto, NodeProto, TensorProto

    from onnxlint.types import Array


DEEPEST = 8
"""Bodies within each other that are looked into: a choice, exporters nest two or three."""


class Body(Struct, frozen=True, eq=False, dict=True):
    """A subgraph or a function as it is reached by `calls`: the nodes that own or call, outermost
    first.

    `attributes` are those that its function was called with.
    """

    scope: Scope
    calls: tuple[Node, ...]
    attributes: Mapping[str, AttributeProto] = field(default_factory=dict)

    @property
    def owner(self) -> Node:
        """The node that runs it."""
        return self.calls[-1]

    @property
    def repeats(self) -> bool:
        """Whether one run of the model may run it several times."""
        return any(node.op in LOOPS for node in self.calls)

    @cached_property
    def outer(self) -> list[Value]:
        """What it reads from the scopes around it, in the order of the file."""
        return list(dict.fromkeys(read_outside(self.scope)))

    def inside(self) -> Iterator[Body]:
        """The bodies of its nodes."""
        return bodies(self.scope, self.calls, self.attributes)


def bodies(
    scope: Scope,
    calls: tuple[Node, ...] = (),
    attributes: Mapping[str, AttributeProto] | None = None,
) -> Iterator[Body]:
    """The bodies that the nodes of a scope run, in the order of the file."""
    known = attributes or {}
    for node in scope.nodes if len(calls) < DEEPEST else ():
        called = node.called
        if called is not None and called.function is not None:
            given = {each.name: each for each in called.function.attribute_proto}
            given |= {each.name: each for each in _bound(node.attribute_list, known)}
            yield Body(called, (*calls, node), given)
        elif node.op in SUBGRAPHS:
            yield from (Body(inner, (*calls, node), known) for inner in node.subgraphs)


def branch(body: Body) -> str:
    """The name of the attribute that holds a subgraph."""
    held = [each.name for each in body.owner.attribute_list if each.HasField("g")]
    at = [scope is body.scope for scope in body.owner.subgraphs].index(True)
    return held[at] if at < len(held) else ""


def read_outside(scope: Scope) -> Iterator[Value]:
    """What a scope and those inside it read from around it."""
    inside, walk = dict[Scope, None](), Walk([scope])
    for each in walk:
        inside[each] = None
        walk.add(*(inner for node in each.nodes for inner in node.subgraphs))
    for each in inside:
        for node in each.nodes:
            yield from (value for value in node.inputs if value and value.scope not in inside)
        yield from (value for value in each.outputs if value.scope not in inside)


def wanted_by(inner: Iterable[Body], scope: Scope) -> list[Value]:
    """What nodes of a scope compute and these bodies of it, or their owners, read."""
    read = (value for body in inner for value in (*body.owner.inputs, *body.outer))
    return list(dict.fromkeys(
        value for value in read
        if value is not None and value.scope is scope and value.producer is not None
    ))  # fmt: skip


def as_model(
    graph: Graph, body: Body, fed: Mapping[str, Array], constants: Mapping[str, TensorProto]
) -> ModelProto:
    """A body as a model, whose inputs have the types of what is `fed`; it has no outputs yet.

    Inputs of a function that its caller leaves out are left out where they are read.
    """
    from onnx import ModelProto

    model, source = ModelProto(), graph.model.proto
    model.ir_version = source.ir_version
    model.functions.extend(source.functions)
    versions = {**graph.main.opsets, **body.scope.opsets}
    for domain, version in versions.items():
        model.opset_import.add(domain=domain, version=version)
    model.graph.name = "body"
    if body.scope.proto is not None:
        model.graph.initializer.extend(body.scope.proto.initializer)
        model.graph.sparse_initializer.extend(body.scope.proto.sparse_initializer)
    for name, tensor in constants.items():
        model.graph.initializer.add().CopyFrom(tensor)
        model.graph.initializer[-1].name = name
    for name, array in fed.items():
        model.graph.input.add(name=name).type.tensor_type.elem_type = _element_type(array)
    formal = () if body.scope.function is None else body.scope.function.input
    missing = {name for name in formal if name not in fed and name not in constants}
    for node in body.scope.nodes:
        model.graph.node.add().CopyFrom(node.proto)
    _bind(model.graph.node, body.attributes, missing)
    return model


def _element_type(array: Array) -> int:
    from onnx import TensorProto, helper

    if array.dtype.kind in "OUS":
        return TensorProto.STRING
    return int(helper.np_dtype_to_tensor_dtype(array.dtype))


def _bind(
    nodes: Iterable[NodeProto], attributes: Mapping[str, AttributeProto], missing: set[str]
) -> None:
    """Gives nodes the attributes that their function is called with, those of subgraphs too."""
    for node in nodes:
        for slot, name in enumerate(node.input):
            if name in missing:
                node.input[slot] = ""
        if any(attribute.ref_attr_name for attribute in node.attribute):
            bound = list(_bound(node.attribute, attributes))
            del node.attribute[:]
            node.attribute.extend(bound)
        for attribute in node.attribute:
            graphs = [attribute.g] if attribute.HasField("g") else []
            for graph in (*graphs, *attribute.graphs):
                _bind(graph.node, attributes, missing)


def _bound(
    given: Iterable[AttributeProto], attributes: Mapping[str, AttributeProto]
) -> Iterator[AttributeProto]:
    """Copies of attributes, what they refer to in its place; what nobody gives is left out."""
    from onnx import AttributeProto

    for attribute in given:
        found = attributes.get(attribute.ref_attr_name) if attribute.ref_attr_name else attribute
        if found is not None:
            copy = AttributeProto()
            copy.CopyFrom(found)
            copy.name = attribute.name
            yield copy
