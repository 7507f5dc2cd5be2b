"""ONX028 declared-shape-mismatch."""

from collections.abc import Iterator
from typing import Any

from onnxlint import Draft, Finding, Fix, Graph, Node, NotApplicable, Severity, Shapes, Value, rule
from onnxlint.analyses.static.shapes import Shape


@rule("ONX028", "declared-shape-mismatch", severity=Severity.WARNING)
def declared_shape_mismatch(graph: Graph, shapes: Shapes) -> Iterator[Finding]:
    """A declared type or shape that contradicts its node or initializer.

    Why: engines and clients that trust the declaration allocate the wrong buffer; onnxruntime warns
    at every run for a shape, and rejects the model for an element type. An error for the latter,
    and for an input that differs from its initializer, which onnxruntime rejects; otherwise a
    warning. Only the first contradiction on a path is reported.
    Fix: delete the stale `value_info` and infer the shapes again, or correct the output's
    declaration. `--fix` deletes the `value_info`; an output's declaration is part of the interface
    and left to you.

    Bad:
    net (float[N, 3] x) => (float[N, 4] y)
    {
        y = Relu(x)
    }

    Bad:
    net (float[N, 3] x) => (float[N, 3] y)
    <float[N, 4] h>
    {
        h = Exp(x)
        y = Relu(h)
    }

    Bad:
    net (float[N, 3] x, float[3] w = {1, 2, 3}) => (float[N, 3] y)
    {
        y = Mul(x, w)
    }
    >>> model.graph.input[1].type.tensor_type.shape.dim[0].dim_value = 4

    Good:
    # dynamic dimensions may have other names
    net (float[N, 3] x) => (float[batch, 3] y)
    {
        y = Relu(x)
    }
    """
    told = False
    for value, declared in _declared_constants(graph):
        difference = _difference(value, declared)
        if difference is not None:
            told = True
            certain = value.is_input or difference == "type"
            stored = shapes.of(value)
            yield Finding(
                value,
                f"declared {_spelled(declared, value)}, but its initializer is {stored}",
                severity=Severity.ERROR if certain else None,
                hint=f"declare {value.name!r} as {stored}, or replace the initializer",
            )
    if shapes.problem is not None:
        if told:
            return
        raise NotApplicable(shapes.problem)
    failures = [failure for failure in shapes.failures if failure.contradicts_declaration]
    contradicted = (v for failure in failures for v in failure.node.outputs if v)
    downstream = graph.descendants(contradicted)
    for failure in failures:
        node = failure.node
        if node in downstream:
            continue
        certain = "elem type" in failure.reason
        yield Finding(
            node,
            failure.reason,
            severity=Severity.ERROR if certain else None,
            fix=_deletion(node),
            hint=_advice(node),
        )


def _advice(node: Node) -> str:
    made = [value for value in node.outputs if value is not None]
    declared = [value.name for value in made if value.is_output]
    if declared:
        return f"correct the declaration of output {declared[0]!r}"
    return "delete the stale value_info"


def _spelled(declared: Any, value: Value) -> str:
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


def _declared_constants(graph: Graph) -> Iterator[tuple[Value, Any]]:
    """Initializers with what an input, an output or a value_info of their name declares."""
    for scope in graph.scopes:
        for value, declared in scope.declarations:
            if value.tensor_proto is not None:
                yield value, declared


def _difference(value: Value, declared: Any) -> str | None:
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


def _deletion(node: Node) -> Fix | None:
    made = [value for value in node.outputs if value is not None]
    if any(value.is_output for value in made):
        return None
    return Fix("delete the stale value_info", _delete, node, {value.name for value in made})


def _delete(draft: Draft, node: Node, names: set[str]) -> None:
    declared = draft.scope(node.scope).value_info
    for index in reversed(range(len(declared))):
        if declared[index].name in names:
            del declared[index]
