"""What stands around a place, without any name: by it a finding is known again after a renaming."""

from __future__ import annotations

import hashlib
import json
from functools import cached_property
from typing import TYPE_CHECKING, Any

from onnxlint.model.file.hashing import sha256_of_little
from onnxlint.model.graph.exporter_metadata import module_path
from onnxlint.model.graph.graph import Graph
from onnxlint.model.graph.nodes import Node, Scope, Value
from onnxlint.model.graph.place import Place, shortened
from onnxlint.model.graph.stored_tensors import constant_proto

if TYPE_CHECKING:
    from onnx import AttributeProto, TensorProto, TypeProto

STEPS = 2
"""How far behind a node its feeders count. A choice: one step does not tell the layers of a plain
network apart, and with each further one a change elsewhere in the model reaches more findings."""

MOST_READERS = 8
"""Readers of a value that count. A choice: one or two tell where it is used."""

MOST_SPELLED = 1 << 16
"""Elements of one attribute that are spelled out before they are hashed."""


class Surroundings:
    """Hashes of places: module, operator, attributes, feeders, types of inputs, sizes of weights.

    Names of nodes, values and symbolic sizes do not enter, nor do contents of weights.
    """

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._digests: dict[tuple[Node, int], str] = {}

    @classmethod
    def build(cls, graph: Graph) -> Surroundings:
        """Of a model's graph."""
        return cls(graph)

    def at(self, place: Place) -> str:
        """The hash of a place, 16 hex digits; empty for the whole model."""
        scope = self._scopes.get(place.scope)
        if scope is None:
            return ""
        if place.node_index is not None:
            return self._at_node(scope, place)
        if place.value is not None:
            return self._at_value(scope, place.value)
        return "" if scope is self._graph.main else self._of_scope(scope)

    def named(self, scope: str, name: str) -> list[Node]:
        """The nodes of a name; several may have it."""
        return self._named.get((scope, name), [])

    @cached_property
    def _named(self) -> dict[tuple[str, str], list[Node]]:
        nodes: dict[tuple[str, str], list[Node]] = {}
        for node in self._graph.nodes():
            nodes.setdefault((node.scope.path, shortened(node.name)), []).append(node)
        return nodes

    def has_value(self, scope: str, name: str) -> bool:
        """Whether a scope has a value of this name."""
        return scope in self._scopes and name in self._scopes[scope].values

    def has(self, scope: str, name: str) -> bool:
        """Whether a scope has a node or a value of this name."""
        return bool(self.named(scope, name)) or self.has_value(scope, name)

    def feeders(self, place: Place) -> tuple[str, ...]:
        """The names of the nodes that feed the node at a place; of one without a name its value."""
        scope, index = self._scopes.get(place.scope), place.node_index
        if scope is None or index is None or not 0 <= index < len(scope.nodes):
            return ()
        return tuple(
            shortened(value.producer.name or value.name)
            for value in scope.nodes[index].inputs
            if value is not None and value.producer is not None
        )

    def is_at(self, node: Node, digest: str) -> bool:
        """Whether a node, or one of its outputs, has these surroundings."""
        return digest in self._digests_of(node)

    def __contains__(self, digest: str) -> bool:
        """Whether some node has these surroundings."""
        return digest in self._all

    @cached_property
    def _all(self) -> set[str]:
        return {each for node in self._graph.nodes() for each in self._digests_of(node)}

    def _digests_of(self, node: Node) -> list[str]:
        """That of a node and its first output, and those of its other outputs.

        The module counts that the exporter has noted down: renaming a node does not change it.
        """
        metadata = {entry.key: entry.value for entry in node.proto.metadata_props}
        whole = _digest(self.of(node), module_path("", metadata))
        return [whole, *(_digest(whole, slot) for slot in range(1, len(node.outputs)))]

    def of(self, node: Node, steps: int = STEPS) -> str:
        """The hash of a node with what feeds it, so many steps back."""
        key = node, steps
        if key not in self._digests:
            attributes = sorted(_plain(attribute) for attribute in node.attribute_list)
            inputs = [self._feeder(value, steps - 1) for value in node.inputs] if steps else []
            inside = [[inner.op for inner in scope.nodes] for scope in node.subgraphs]
            self._digests[key] = _digest(node.op, attributes, inputs, inside)
        return self._digests[key]

    @cached_property
    def _scopes(self) -> dict[str, Scope]:
        return {scope.path: scope for scope in self._graph.scopes}

    def _at_node(self, scope: Scope, place: Place) -> str:
        index = place.node_index or 0
        if not 0 <= index < len(scope.nodes):
            return ""
        node = scope.nodes[index]
        slots = [slot for slot, value in enumerate(node.outputs)
                 if value is not None and shortened(value.name) == place.value]  # fmt: skip
        return self._digests_of(node)[slots[0] if slots else 0]

    def _at_value(self, scope: Scope, name: str) -> str:
        value = scope.values.get(name)
        if value is None:  # a line of the contract, known by its name alone
            return _digest("no value", name)
        readers = [
            (self.of(node, steps=1), slot)
            for node in dict.fromkeys(value.consumers[:MOST_READERS])
            for slot in node.slots_of(value)
        ]
        return _digest(self._feeder(value, STEPS - 1), sorted(readers), value.is_output)

    def _of_scope(self, scope: Scope) -> str:
        if scope.function is not None:
            return _digest(scope.function.domain, scope.function.name)
        owner = scope.owner
        if owner is None:
            return _digest(scope.path)
        return _digest(self.of(owner), owner.subgraphs.index(scope))

    def _feeder(self, value: Value | None, steps: int) -> Any:
        """What a value comes from, and so many steps behind that."""
        if value is None:
            return None
        value = self._graph.source(value)
        tensor = _constant(value)
        if tensor is not None:
            return ["constant", *_size(tensor)]
        if value.producer is None:
            return ["input", _type(value.type)]
        return [self.of(value.producer, steps), value.slot]


def _constant(value: Value) -> TensorProto | None:
    """The tensor behind a value, stored or spelled by a node: tools turn one into the other."""
    if value.producer is not None and value.producer.op == "Constant":
        return constant_proto(value.producer)
    return value.tensor_proto


def _plain(attribute: AttributeProto) -> str:
    """An attribute without names, as text that sorts."""
    if attribute.HasField("t"):
        return json.dumps([attribute.name, *_size(attribute.t)])
    if attribute.HasField("g") or attribute.graphs or attribute.tensors:
        return json.dumps([attribute.name, len(attribute.graphs), len(attribute.tensors)])
    if len(attribute.floats) + len(attribute.ints) + len(attribute.strings) > MOST_SPELLED:
        return json.dumps([attribute.name, _hashed(attribute)])
    numbers = [*attribute.floats, *attribute.ints, attribute.f, attribute.i]
    texts = [text.hex() for text in (*attribute.strings, attribute.s)]
    return json.dumps([attribute.name, attribute.ref_attr_name, numbers, texts])


def _hashed(attribute: AttributeProto) -> str:
    """A list of many elements, as the trees of a forest have: spelled out, each takes a second."""
    import numpy as np

    found = hashlib.sha256(np.array(attribute.floats, np.float32).tobytes())
    found.update(np.array(attribute.ints, np.int64).tobytes())
    found.update(b"\0".join(attribute.strings))
    return found.hexdigest()


def _size(tensor: TensorProto) -> tuple[int, list[int]]:
    return tensor.data_type, list(tensor.dims)


def _type(type_: TypeProto | None) -> Any:
    """Element type and sizes of a tensor; a symbolic size is any."""
    if type_ is None or type_.WhichOneof("value") != "tensor_type":
        return None if type_ is None else type_.WhichOneof("value")
    tensor = type_.tensor_type
    if not tensor.HasField("shape"):
        return [tensor.elem_type]
    sizes = [size.dim_value if size.HasField("dim_value") else None for size in tensor.shape.dim]
    return [tensor.elem_type, sizes]


def _digest(*parts: Any) -> str:
    told = json.dumps(parts).encode("utf-8", "backslashreplace")
    return sha256_of_little(told).hexdigest()[:16]
