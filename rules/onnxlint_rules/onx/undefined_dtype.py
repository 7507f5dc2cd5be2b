"""ONX021 undefined-dtype."""

from collections.abc import Iterator
from typing import Any

from onnxlint import Finding, Graph, Severity, Value, rule
from onnxlint_rules.onx._types import gap


@rule("ONX021", "undefined-dtype", severity=Severity.ERROR)
def undefined_dtype(graph: Graph) -> Iterator[Finding]:
    """A stored tensor, or a declared intermediate one, whose element type is UNDEFINED.

    Why: without an element type the bytes of a tensor have no meaning, and a declaration
    contradicts whatever the node computes. onnxruntime rejects the model. The same holds for a
    number that is not the number of a type, and for a sequence, an optional or a map that does not
    declare the type of its elements. Model inputs and outputs without any type have the rules
    untyped-input and untyped-output.
    Fix: set the type; delete a `value_info` without one and let the type be inferred.

    Bad:
    net (float[2] x) => (float[2] y)
    <float[2] w = {1, 2}>
    {
        y = Mul(x, w)
    }
    >>> model.graph.initializer[0].data_type = 0

    Bad:
    net (float[2] x) => (float[2] y)
    <float[2] h>
    {
        h = Relu(x)
        y = Exp(h)
    }
    >>> model.graph.value_info[0].type.tensor_type.elem_type = 0

    Bad:
    # a sequence without an element type, in a branch
    net (bool flag, float[2] x) => (float[2] y)
    {
        y = If(flag) <
            then_branch = a () => (float[2] p) <seq(float[2]) s, int64 at = {0}>
                { s = SequenceConstruct(x) p = SequenceAt(s, at) },
            else_branch = b () => (float[2] q) { q = Neg(x) }
        >
    }
    >>> branch = model.graph.node[0].attribute[0].g
    >>> branch.value_info[0].type.sequence_type.ClearField("elem_type")

    Good:
    net (float[2] x) => (float[2] y)
    <float[2] w = {1, 2}>
    {
        h = Mul(x, w)
        y = Exp(h)
    }
    """
    from onnx import TensorProto

    known = set(TensorProto.DataType.values())
    for owner, tensor in graph.tensors:
        problem = _problem(tensor.element_type, known)
        if problem is not None:
            hint = "set data_type to the type of the stored data"
            yield Finding(owner, f"tensor {tensor.name!r} has {problem}", hint=hint)
    interface = {*graph.main.inputs, *graph.outputs}
    for scope in graph.scopes:
        problems = {}
        for value, declared in scope.declarations:
            problem = _declared_problem(declared, known)
            if problem is not None and (value not in interface or _is_complete(value)):
                problems[value] = problem
        for value, problem in problems.items():
            hint = f"declare the type of {value.name!r}, or delete the declaration"
            yield Finding(value, f"declaration has {problem}", hint=hint)


def _declared_problem(declared: Any, known: set[int]) -> str | None:
    """What is wrong with a declaration, also with that of a sequence or a map."""
    if declared.WhichOneof("value") is None:
        return None
    number = _element_type(declared)
    if number is None:
        lacks = gap(declared)
        return f"no {lacks}" if lacks is not None else None
    return _problem(number, known)


def _is_complete(value: Value) -> bool:
    """Whether the file says elsewhere what it is; untyped-input and untyped-output judge that."""
    return value.is_typed and (value.tensor_proto is not None or gap(value.type) is None)


def _element_type(declared: Any) -> int | None:
    """The element type that is declared for a tensor, or for those that a sequence holds."""
    kind = declared.WhichOneof("value")
    while kind in ("sequence_type", "optional_type"):
        declared = getattr(declared, kind).elem_type
        kind = declared.WhichOneof("value")
    return int(declared.tensor_type.elem_type) if kind == "tensor_type" else None


def _problem(number: int, known: set[int]) -> str | None:
    if number == 0:
        return "the element type UNDEFINED"
    return None if number in known else f"the invalid element type {number}"
