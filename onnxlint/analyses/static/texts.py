"""Every text for people in a model: documentation and metadata, at every level."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from msgspec import Struct

from onnxlint.model.graph.graph import Graph
from onnxlint.model.graph.nodes import Scope
from onnxlint.model.graph.place import Located, Place


class Text(Struct, frozen=True):
    """One text.

    Args:
        holder: the model, scope, node or value that it belongs to.
        field: where in it, e.g. `doc_string` or `metadata 'source'`.
        content: the text itself.
    """

    holder: Located
    field: str
    content: str


class Texts:
    """The texts of the model, its graphs and functions, their nodes, values and tensors.

    Iterating reads them anew, so that a large model's texts are not kept.
    """

    def __init__(self, graph: Graph) -> None:
        self._graph = graph

    @classmethod
    def build(cls, graph: Graph) -> Texts:
        """The texts of a model."""
        return cls(graph)

    def __iter__(self) -> Iterator[Text]:
        yield from _of(Place(), self._graph.model.proto)
        for scope in self._graph.scopes:
            yield from _of(scope, scope.function or scope.proto)
            for node in scope.nodes:
                if node.proto.doc_string or node.proto.metadata_props:  # as hardly any does
                    yield from _of(node, node.proto)
            for proto in _described(scope):
                if proto.doc_string or proto.metadata_props:
                    yield from _of(Place(scope=scope.path, value=proto.name), proto)


def _described(scope: Scope) -> Iterator[Any]:
    """The protos of a scope that describe a value or hold a tensor."""
    if scope.function is not None:
        yield from scope.function.value_info
    if scope.proto is not None:
        yield from scope.proto.input
        yield from scope.proto.output
        yield from scope.proto.value_info
        yield from scope.proto.initializer


def _of(holder: Located, proto: Any) -> Iterator[Text]:
    if proto.doc_string:
        yield Text(holder, "doc_string", proto.doc_string)
    for entry in proto.metadata_props:
        yield Text(holder, f"metadata {entry.key!r}", entry.value)
