"""Every text for people in a model: documentation and metadata, at every level."""

from collections.abc import Iterator
from typing import Any

from onnxlint import Graph, Place, Scope

Text = tuple[Any, str, str]
"""What carries it (anything with a place), the field, and the text itself."""


def texts(graph: Graph) -> Iterator[Text]:
    """The texts of the model, its graphs and functions, their nodes, values and tensors."""
    yield from _of(Place(), graph.model.proto)
    for scope in graph.scopes:
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


def _of(holder: Any, proto: Any) -> Iterator[Text]:
    if proto.doc_string:
        yield holder, "doc_string", proto.doc_string
    for entry in proto.metadata_props:
        yield holder, f"metadata {entry.key!r}", entry.value
