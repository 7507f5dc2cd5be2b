"""Walks through a model's protobuf: every message in it, and the graphs that it nests."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from onnx import FunctionProto, GraphProto, ModelProto, NodeProto

Container: TypeAlias = "GraphProto | FunctionProto"


def messages(
    root: Any, opens: Callable[[Any], bool] = lambda message: True
) -> Iterator[tuple[Any, Sequence[tuple[Any, Any]]]]:
    """A message and every one inside it, in no order, each with its fields that are set.

    Of messages that `opens` refuses no field is read: that of a tensor's data copies it.
    """
    pending = [root]
    while pending:
        message = pending.pop()
        fields = message.ListFields() if opens(message) else ()
        yield message, fields
        for field, value in fields:
            if field.type == field.TYPE_MESSAGE:
                pending.extend((value,) if hasattr(value, "ListFields") else value)


def subgraphs(node: NodeProto) -> Iterator[GraphProto]:
    """The graphs that a node owns."""
    for attribute in node.attribute:
        if attribute.HasField("g"):
            yield attribute.g
        yield from attribute.graphs


def nested(root: Container) -> Iterator[Container]:
    """A graph or function and the graphs inside it, breadth first."""
    found: list[Container] = [root]
    for container in found:
        yield container
        for node in container.node:
            for attribute in node.attribute:
                if attribute.HasField("g"):
                    found.append(attribute.g)
                found.extend(attribute.graphs)


def containers(model: ModelProto) -> Iterator[Container]:
    """The main graph and each function, each followed by the graphs inside it."""
    roots: Iterable[Container] = (model.graph, *model.functions)
    for root in roots:
        yield from nested(root)
