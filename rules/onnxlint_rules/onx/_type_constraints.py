"""The types of a node's inputs and outputs, held against the constraints of its operator."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from functools import cache
from itertools import chain, repeat
from typing import Any, NamedTuple

from onnxlint import Finding, Graph, Node, Schemas, Severity, Shapes, Value

_CONTAINERS = {"sequence_type": "seq", "optional_type": "optional"}


def given_types(graph: Graph) -> dict[Value, str]:
    """The inputs of functions that a call gives a sequence or an optional, with its type."""
    given: dict[Value, str] = {}
    for node in graph.nodes() if graph.functions else ():
        called = node.called
        for value, inner in zip(node.inputs, called.inputs if called else (), strict=False):
            declared = value.type if value is not None else None
            known = given.get(value) if value is not None else None
            spelled = _spelled(declared) if declared is not None else known
            if spelled is not None and not spelled.startswith("tensor"):
                given[inner] = spelled
    return given


class _Formal(NamedTuple):
    """An input or output as its schema has it; those of one `variable` share their type."""

    name: str
    types: frozenset[str]
    variable: str
    is_homogeneous: bool


def _formal(parameter: Any) -> _Formal:
    types = frozenset(parameter.types)
    return _Formal(parameter.name, types, parameter.type_str, parameter.is_homogeneous)


@cache
def formals(
    schema: Any,
) -> tuple[list[_Formal], list[_Formal], list[tuple[int, _Formal]]]:
    """The inputs of an operator, its outputs, and those of them whose type no input gives."""
    formal, made = [*map(_formal, schema.inputs)], [*map(_formal, schema.outputs)]
    taken = {parameter.variable for parameter in formal}
    decided = [
        (slot, parameter)
        for slot, parameter in enumerate(made)
        if parameter.variable not in taken and "(" not in parameter.variable
    ]
    return formal, made, decided


def wrong_outputs(
    node: Node, decided: list[tuple[int, _Formal]], shapes: Shapes
) -> Iterator[Finding]:
    """Judges outputs whose type no input gives, but an attribute, as that of a Cast."""
    for slot, parameter in decided:
        found = _type(node.outputs[slot] if slot < len(node.outputs) else None, shapes)
        if found is not None and found not in parameter.types:
            yield Finding(
                node,
                f"{node.op} does not return {found} as output {slot} ({parameter.name})",
                severity=Severity.WARNING if node.op == "Constant" else None,
                hint=f"choose {_one_of(parameter.types)}, or import an opset that adds {found}",
            )


Types = tuple[str | None, ...]
"""Of the inputs or outputs of a node, as schemas write them; None where one is not known."""


def input_types(node: Node, shapes: Shapes, schemas: Schemas, given: dict[Value, str]) -> Types:
    """The types of a node's inputs."""
    return tuple(
        [
            None if value is None
            else _type(value, shapes) or given.get(value) or _only_type(value, schemas)
            for value in node.inputs
        ]
    )  # fmt: skip


def output_types(node: Node, shapes: Shapes) -> Types:
    """The types of a node's outputs."""
    return tuple([_type(value, shapes) for value in node.outputs])


def known_kinds(node: Node, shapes: Shapes) -> Hashable:
    """The element types of a node's inputs and outputs; None where one is not that of a tensor."""
    kinds: list[int | None] = [len(node.inputs)]
    for value in (*node.inputs, *node.outputs):
        shape = shapes.of(value)
        if shape is None and value is not None:
            return None
        kinds.append(None if shape is None else shape.element_type)
    return tuple(kinds)


def violations(
    node: Node, formal: list[_Formal], made: list[_Formal], read: Types, outputs: Types
) -> Iterator[Finding]:
    """Judges the types of a node's inputs and outputs; equal ones are equally right elsewhere."""
    taken: dict[str, str] = {}
    endless = chain(formal, repeat(formal[-1]))  # the last parameter may be variadic
    for slot, (found, parameter) in enumerate(zip(read, endless, strict=False)):
        if found is None:
            continue
        if found not in parameter.types:
            message = f"{node.op} does not accept {found} for input {slot} ({parameter.name})"
            yield Finding(node, message, hint=f"cast input {slot} to {_one_of(parameter.types)}")
        elif parameter.is_homogeneous:
            other = taken.setdefault(parameter.variable, found)
            if other != found:
                message = (
                    f"{node.op}: input {slot} is {found}, but an earlier input of the same type "
                    f"parameter is {other}"
                )
                yield Finding(node, message, hint=f"cast input {slot} to {other}")
    for slot, (declared, parameter) in enumerate(zip(outputs, made, strict=False)):
        only = next(iter(parameter.types)) if len(parameter.types) == 1 else None
        made_as = taken.get(parameter.variable, only)
        known = parameter.is_homogeneous and None not in (declared, made_as)
        if known and declared != made_as:
            message = f"{node.op}: output {slot} is {made_as}, but is declared as {declared}"
            yield Finding(node, message, hint=f"declare output {slot} as {made_as}")


def _one_of(types: frozenset[str]) -> str:
    """Types to choose from, those that most models use first."""
    usual: tuple[str, ...] = ("tensor(float)", "tensor(int64)", "tensor(bool)")
    return " or ".join(([each for each in usual if each in types] or sorted(types))[:2])


def _only_type(value: Value, schemas: Schemas) -> str | None:
    """The type of a value whose operator has one output type, where inference has none."""
    schema = None if value.producer is None else schemas.of(value.producer)
    if schema is None:
        return None
    types = schema.outputs[value.slot].types if value.slot < len(schema.outputs) else ()
    return next(iter(types)) if len(types) == 1 else None


def _type(value: Value | None, shapes: Shapes) -> str | None:
    """The type of a value as schemas write it; None where it is not known."""
    shape = shapes.of(value)
    if shape is not None:
        return f"tensor({shape.dtype})"
    known = None if value is None else shapes.type_of(value)
    return None if known is None else _spelled(known)


def _spelled(declared: Any) -> str | None:
    """A declared sequence or optional as schemas write it; None where it is not known."""
    from onnx import TensorProto

    kind, names = declared.WhichOneof("value"), TensorProto.DataType
    if kind == "tensor_type" and declared.tensor_type.elem_type in names.values()[1:]:
        return f"tensor({names.Name(declared.tensor_type.elem_type).lower()})"
    inner = _CONTAINERS.get(kind)
    element = None if inner is None else _spelled(getattr(declared, kind).elem_type)
    return None if element is None else f"{inner}({element})"
