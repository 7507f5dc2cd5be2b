"""A copy of a model on which fixes work, in the words of the graph that found what to fix."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from onnxlint.model.file.tensors import TYPED_FIELDS
from onnxlint.model.graph.graph import Graph
from onnxlint.model.graph.nodes import Node, Scope, Value

if TYPE_CHECKING:
    from onnx import FunctionProto, GraphProto, ModelProto, NodeProto

    from onnxlint.model.file.load import Model
    from onnxlint.types import Array

Part = Node | Value | Scope
"""What a fix can name: a vertex of the graph, or a scope."""


class FixError(Exception):
    """A fix that cannot be made on this model; the message says why."""


class FixConflictError(FixError):
    """A fix that must wait for the next round: another one changed what it is about."""


class Draft:
    """A copy of a model's protobuf, found by the nodes, values and scopes of the model's graph.

    The verbs cover most fixes and keep out of each other's way. Whatever they do not say can be
    done to the protobuf itself: `node`, `scope` and `model` give the copy's. Why no onnx-ir model:
    a fix repairs one finding and no more, and of 236 models (205 fixtures, 31 trained ones) the
    way through onnx-ir and back changed 139 and failed at 3. It adds, drops and completes
    `value_info`, which rules judge. What it computes without writing, the order of nodes, is used.
    """

    def __init__(self, graph: Graph) -> None:
        from onnx import ModelProto

        self.graph = graph
        self.model: ModelProto = ModelProto()
        self.model.CopyFrom(graph.model.proto)
        copy = Graph(replace(graph.model, proto=self.model))
        self._twins = dict(zip(graph.scopes, copy.scopes, strict=True))
        self._claims = _Claims()
        self._removed: list[Part] = []

    def node(self, node: Node) -> NodeProto:
        """The copy of a node."""
        return self._twins[node.scope].nodes[node.index].proto

    def scope(self, scope: Scope) -> GraphProto | FunctionProto:
        """The copy of the graph or function that a scope is."""
        twin = self._twins[scope]
        proto = twin.proto if twin.proto is not None else twin.function
        assert proto is not None
        return proto

    def fill(self, value: Value, elements: Array) -> None:
        """Gives the constant behind a value other elements of the same dtype and dims.

        Raises:
            FixError: it is not a stored tensor, or its data lies in another file.
        """
        source = self.graph.source(value)
        twin = self._twins[source.scope].values[source.name]
        tensor = twin.tensor_proto
        if tensor is None and twin.producer is not None and twin.producer.op == "Constant":
            tensor = twin.producer.tensor("value")
        stored = self.graph.tensor(value)
        if tensor is None or stored is None:
            raise FixError(f"{value.name!r} is not a stored tensor")
        if stored.is_external:
            raise FixError(
                f"the data of {value.name!r} is in an external file, which is not modified"
            )
        self._claims.take(source)
        for field in (*TYPED_FIELDS, "external_data", "data_location"):
            tensor.ClearField(field)
        tensor.raw_data = elements.astype(elements.dtype.newbyteorder("<")).tobytes()

    def remove(self, *parts: Part) -> None:
        """Removes nodes, initializers and local functions, with what declares their types.

        Raises:
            FixError: quantisation or training information names the value.
        """
        for part in parts:
            if isinstance(part, Value) and part.name in self._mentioned:
                raise FixError("a quantisation annotation names the value")
            if isinstance(part, Value) and self.model.training_info:
                raise FixError("the model's training information may name the value")
            self._claims.take(part)
            if isinstance(part, Node):
                self._claims.take(*filter(None, part.outputs))
        self._removed += parts

    def redirect(self, value: Value, by: Value) -> None:
        """Lets every node that reads a value read another one instead.

        Raises:
            FixError: a subgraph hands the value out, or does not see the other one.
        """
        if value.yielded_to or value.is_output:
            raise FixError(f"{value.name!r} is an output")
        hidden = [node for node in value.consumers if node.scope.lookup(by.name) is not by]
        if hidden:
            raise FixError(f"{hidden[0].place} cannot see {by.name!r}")
        self._claims.take(value)
        self._claims.need(by)
        for consumer in value.consumers:
            proto = self.node(consumer)
            for slot, name in enumerate(proto.input):
                if name == value.name:
                    proto.input[slot] = by.name

    def sort(self) -> None:
        """Sorts the nodes of the main graph and of its subgraphs topologically.

        Raises:
            FixError: they form a cycle.
        """
        try:
            sort_nodes(self.model.graph)
        except ValueError as error:
            raise FixError("the nodes form a cycle and cannot be sorted") from error

    def need(self, *parts: Part) -> None:
        """Says that the fix relies on these, so that no other fix of the round removes them."""
        self._claims.need(*parts)

    def fresh_name(self, base: str) -> str:
        """A name that begins so and is no node's and no value's, wherever in the model."""
        number = 1
        while f"{base}_{number}" in self._names:
            number += 1
        self._names.add(f"{base}_{number}")
        return f"{base}_{number}"

    @cached_property
    def _names(self) -> set[str]:
        values = {value.name for value in self.graph.values()}
        return values | {node.name for node in self.graph.nodes()}

    @cached_property
    def _mentioned(self) -> set[str]:
        """Names of values that stand outside the nodes, where a graph does not show them."""
        graphs = [scope.proto for scope in self.graph.scopes if scope.proto is not None]
        names = set()
        for annotation in (entry for graph in graphs for entry in graph.quantization_annotation):
            names.add(annotation.tensor_name)
            names.update(entry.value for entry in annotation.quant_parameter_tensor_names)
        return names

    @contextmanager
    def step(self) -> Iterator[None]:
        """What is changed within it is one fix; after an error the draft is spoiled.

        Raises:
            FixError: it cannot be made, or not together with the fixes before it.
        """
        self._claims = _Claims(self._claims)
        yield
        self._claims = self._claims.settled()

    def finish(self) -> Model:
        """The model with all fixes made."""
        gone: dict[Scope, list[Part]] = {}
        for part in self._removed:
            gone.setdefault(part if isinstance(part, Scope) else part.scope, []).append(part)
        for scope, parts in gone.items():
            self._take_out(scope, parts)
        return replace(self.graph.model, proto=self.model)

    def _take_out(self, scope: Scope, parts: Iterable[Part]) -> None:
        proto = self.scope(scope)
        nodes = {id(self.node(part)) for part in parts if isinstance(part, Node)}
        names = {part.name for part in parts if isinstance(part, Value)}
        made = {name for part in parts if isinstance(part, Node) for name in part.proto.output}
        delete(proto.node, lambda node: id(node) in nodes)
        delete(proto.value_info, lambda info: info.name in names | made)
        if scope.proto is not None:
            delete(proto.initializer, lambda tensor: tensor.name in names)
            delete(proto.sparse_initializer,
                    lambda sparse: sparse.values.name in names)  # fmt: skip
            delete(proto.input, lambda info: info.name in names)
        if scope in parts:
            delete(self.model.functions, lambda function: function is proto)


def sort_nodes(graph: GraphProto) -> None:
    """Sorts a graph and its subgraphs in the order that onnx-ir gives; nothing else changes.

    Raises:
        ValueError: the nodes form a cycle.
    """
    import onnx_ir

    same = onnx_ir.serde.deserialize_graph(graph)
    pairs = list(_node_lists(graph, same))
    protos = {
        node: proto
        for listed, ordered in pairs
        for proto, node in zip(listed, ordered, strict=True)
    }
    same.sort()
    for listed, ordered in pairs:
        ranks = {id(protos[node]): rank for rank, node in enumerate(ordered)}
        listed.sort(key=lambda proto: ranks[id(proto)])


def _node_lists(graph: GraphProto, same: Any) -> Iterator[tuple[Any, Any]]:
    """The nodes of a graph and of its subgraphs, as protobuf and as onnx-ir have them."""
    yield graph.node, same
    for proto, node in zip(graph.node, same, strict=True):
        for attribute in proto.attribute:
            if attribute.HasField("g"):
                yield from _node_lists(attribute.g, node.attributes[attribute.name].as_graph())
            elif attribute.graphs:
                graphs = node.attributes[attribute.name].as_graphs()
                for inner, twin in zip(attribute.graphs, graphs, strict=True):
                    yield from _node_lists(inner, twin)


def delete(repeated: Any, unwanted: Callable[[Any], bool]) -> None:
    """Deletes the entries of a repeated protobuf field for which `unwanted` is true."""
    for index in reversed(range(len(repeated))):
        if unwanted(repeated[index]):
            del repeated[index]


class _Claims:
    """What fixes changed or rely on, so that two of one round never work against each other."""

    def __init__(self, before: _Claims | None = None) -> None:
        self._before = before
        self.taken: set[Part] = set()
        self.needed: set[Part] = set()

    def take(self, *parts: Part) -> None:
        """Claims parts for changing them; raises where another fix claimed them."""
        earlier = self._before or _Claims()
        if any(part in earlier.taken or part in earlier.needed for part in parts):
            raise FixConflictError("another fix changed the same part of the model")
        self.taken.update(parts)

    def need(self, *parts: Part) -> None:
        """Claims parts for relying on them; raises where another fix takes them."""
        if self._before is not None and not self._before.taken.isdisjoint(parts):
            raise FixConflictError("another fix removed what this one needs")
        self.needed.update(parts)

    def settled(self) -> _Claims:
        """These claims and those of the fixes before."""
        before = self._before or _Claims()
        before.taken |= self.taken
        before.needed |= self.needed
        return before
