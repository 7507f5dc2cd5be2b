"""ONX026 type-constraint-violation."""

from collections.abc import Iterator
from functools import cache
from itertools import chain, repeat
from typing import Any, NamedTuple

from onnxlint import Finding, Graph, Node, Schemas, Severity, Shapes, Value, rule

_CONTAINERS = {"sequence_type": "seq", "optional_type": "optional"}


@rule("ONX026", "type-constraint-violation", severity=Severity.ERROR)
def type_constraint_violation(graph: Graph, schemas: Schemas, shapes: Shapes) -> Iterator[Finding]:
    """A type that violates an operator's type constraints.

    Why: runtimes reject the model when they load it; ONNX has no implicit conversion. Partly
    converted float16 models fail like this, with a Cast or a constant that kept its old type. A
    warning for a Constant of a type that its opset does not support: onnxruntime reads it as an
    initializer, and only onnx's full check rejects it. Before opset 28 Mod accepts floats only with
    `fmod` = 1 (onnxruntime issue 1258).
    Fix: cast the input, or convert the constant, to the type that the operator requires.

    Bad:
    net (float[N] x, int64[N] i) => (float[N] y)
    {
        y = Add(x, i)
    }

    Bad:
    net (string[N] x) => (string[N] y)
    {
        y = Relu(x)
    }

    Bad:
    <ir_version: 10, opset_import: ["" : 12]>
    # Cast supports float8 since opset 19
    net (float[N] x) => (float8e5m2[N] y)
    {
        y = Cast <to = 19> (x)
    }

    Bad:
    net (float16[N] x, float16[N] m) => (float16[N] y)
    {
        y = Mod(x, m)
    }

    Good:
    net (float[N] x, int64[N] i) => (float[N] y)
    {
        f = Cast <to = 1> (i)
        y = Add(x, f)
    }

    Good:
    net (float[N] x, float[N] m, int32[N] i, int32[N] n) => (float[N] y, int32[N] j)
    {
        y = Mod <fmod = 1> (x, m)
        j = Mod(i, n)
    }
    """
    given = _given(graph)
    told = {failure.node for failure in shapes.failures if failure.contradicts_declaration}
    for schema, nodes in schemas.uses(graph):
        formal, made, decided = _formals(schema)
        for node in nodes:
            if formal:
                outputs = [] if node in told else made
                yield from _judge(node, formal, outputs, shapes, schemas, given)
            yield from _judge_decided(node, decided, shapes)
            if node.op == "Mod":
                yield from _judge_mod(node, shapes)


MOD_OF_FLOATS = 28
"""Since this opset Mod accepts floats with either value of `fmod`."""


def _judge_mod(node: Node, shapes: Shapes) -> Iterator[Finding]:
    """Judges the type that an attribute decides: onnxruntime 1.32 rejects the node when it runs."""
    shape = shapes.of(node.input(0))
    early = node.opset < MOD_OF_FLOATS
    if early and shape is not None and shape.is_float and node.attribute("fmod", 0) == 0:
        message = f"Mod does not accept tensor({shape.dtype}) with fmod=0 (only integers)"
        yield Finding(node, message, hint="set fmod to 1")


def _given(graph: Graph) -> dict[Value, str]:
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
def _formals(
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


def _judge_decided(
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


def _judge(
    node: Node, formal: list[_Formal], made: list[_Formal], shapes: Shapes, schemas: Schemas,
    given: dict[Value, str],
) -> Iterator[Finding]:  # fmt: skip
    taken: dict[str, str] = {}
    endless = chain(formal, repeat(formal[-1]))  # the last parameter may be variadic
    for slot, (value, parameter) in enumerate(zip(node.inputs, endless, strict=False)):
        found = _type(value, shapes)
        if found is None and value is not None:
            found = given.get(value) or _only_type(value, schemas)
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
    for slot, (value, parameter) in enumerate(zip(node.outputs, made, strict=False)):
        only = next(iter(parameter.types)) if len(parameter.types) == 1 else None
        declared, made_as = _type(value, shapes), taken.get(parameter.variable, only)
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
