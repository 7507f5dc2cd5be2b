"""What a model declares of values, held against what they are, and its deletion."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from onnxlint import Draft, Fix, Graph, Node, Value
from onnxlint.analyses.static.shapes import Shape


def advice(node: Node) -> str:
    """What to do about a declaration that a node contradicts."""
    made = [value for value in node.outputs if value is not None]
    declared = [value.name for value in made if value.is_output]
    if declared:
        return f"correct the declaration of output {declared[0]!r}"
    return "delete the stale value_info"


def spelled(declared: Any, value: Value) -> str:
    """A declared type in the notation of shapes: `float[N, 3]`."""
    tensor = declared.tensor_type
    if declared.WhichOneof("value") != "tensor_type" or value.tensor_proto is None:
        return str(declared.WhichOneof("value")).replace("_type", "")
    sizes = tuple(
        dim.dim_value if dim.HasField("dim_value") else dim.dim_param or None
        for dim in tensor.shape.dim
    )
    number = tensor.elem_type or value.tensor_proto.data_type
    return str(Shape(number, sizes if tensor.HasField("shape") else None))


def declared_constants(graph: Graph) -> Iterator[tuple[Value, Any]]:
    """Initializers with what an input, an output or a value_info of their name declares."""
    for scope in graph.scopes:
        for value, declared in scope.declarations:
            if value.tensor_proto is not None:
                yield value, declared


def difference_of(value: Value, declared: Any) -> str | None:
    """Whether a declared type, or its shape, is not that of the initializer."""
    stored, kind = value.tensor_proto, declared.WhichOneof("value")
    assert stored is not None
    if kind is None:
        return None
    tensor = declared.tensor_type
    if kind != "tensor_type" or tensor.elem_type not in (0, stored.data_type):
        return "type"
    sizes = [d.dim_value if d.HasField("dim_value") else None for d in tensor.shape.dim]
    fits = len(sizes) == len(stored.dims) and all(
        size in (None, actual) for size, actual in zip(sizes, stored.dims, strict=True)
    )
    return "shape" if tensor.HasField("shape") and not fits else None


def deletion(node: Node) -> Fix | None:
    """The fix that deletes what is declared of intermediate outputs; None for the model's own."""
    made = [value for value in node.outputs if value is not None]
    if any(value.is_output for value in made):
        return None
    return Fix("delete the stale value_info", _delete, node, {value.name for value in made})


def _delete(draft: Draft, node: Node, names: set[str]) -> None:
    declared = draft.scope(node.scope).value_info
    for index in reversed(range(len(declared))):
        if declared[index].name in names:
            del declared[index]
