"""ONX024 invalid-attribute."""

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Any, TypeAlias

from onnxlint import Finding, Graph, Node, Schemas, Severity, rule

_NEVER_EMPTY: dict[int, Any] = {4: "t", 5: "g", 11: "sparse_tensor", 13: "tp"}
"""The field of each type of attribute without a default. A list may be empty; proto3 writers omit
0, 0.0 and "", which onnx's checker and onnxruntime accept."""

_ALTERNATIVES = {"ai.onnx.ml::ZipMap": ("classlabels_int64s", "classlabels_strings")}
"""Operators that require one of these attributes, each of which the schema calls optional."""

Problem: TypeAlias = tuple[str, str]
"""What is wrong with an attribute, and what to do about it."""


@rule("ONX024", "invalid-attribute", severity=Severity.ERROR)
def invalid_attribute(graph: Graph, schemas: Schemas) -> Iterator[Finding]:
    """An unknown, missing, wrongly typed or empty attribute.

    Why: runtimes reject the model, or ignore the attribute and compute with the default. Attributes
    are added and removed between opsets: the usual cause is one written for an older opset.
    Fix: export for the opset that is imported; some attributes became inputs.

    Bad:
    net (float[N] x) => (float[N] y)
    {
        y = LeakyRelu <slope = 0.5> (x)
    }

    Bad:
    net (float[N] x) => (float[N] y)
    {
        y = LeakyRelu <alpha = 1> (x)
    }

    Bad:
    net (float[N] x) => (int64[N] y)
    {
        y = Cast(x)
    }

    Bad:
    # without a type, which only IR 1 allows
    net (float[N] x) => (float[N] y)
    {
        y = LeakyRelu <alpha = 0.5> (x)
    }
    >>> model.graph.node[0].attribute[0].ClearField("type")

    Bad:
    # a tensor has no default value
    net (float[2] x) => (float[2] y)
    {
        c = Constant <value = float[2] {1, 2}> ()
        y = Add(x, c)
    }
    >>> model.graph.node[0].attribute[0].ClearField("t")

    Good:
    # proto3 writers omit an axis of 0, a slope of 0.0 and an empty string
    net (float[N, 2] x) => (float[M, 2] y)
    {
        z = LeakyRelu <alpha = 0.5> (x)
        p = MaxPool <auto_pad = "NOTSET", kernel_shape = [1]> (z)
        y = Concat <axis = 0> (x, z)
    }
    >>> model.graph.node[0].attribute[0].ClearField("f")
    >>> model.graph.node[1].attribute[0].ClearField("s")
    >>> model.graph.node[2].attribute[0].ClearField("i")

    Good:
    net (float[N] x) => (float[N] y)
    {
        y = LeakyRelu <alpha = 0.5> (x)
    }
    """
    typed = graph.model.proto.ir_version >= 2
    for node in graph.nodes():
        for problem, hint in _incomplete(node, typed):
            yield Finding(node, f"{node.op}: {problem}", hint=hint)
    for schema, nodes in schemas.uses(graph):
        known = schema.attributes
        for node in nodes:
            for problem, hint in _problems(node, known):
                yield Finding(node, f"{node.op}: {problem}", hint=hint)


def _incomplete(node: Node, typed: bool) -> Iterator[Problem]:
    """What every attribute must have, those of custom operators included."""
    for attribute in node.proto.attribute:
        if not attribute.name:
            yield "an attribute has no name", "name the attribute, or remove it"
        elif typed and not attribute.type:
            yield f"attribute {attribute.name!r} has no type", f"set the type of {attribute.name!r}"


def _problems(node: Node, known: Mapping[str, Any]) -> Iterator[Problem]:
    attributes = node.attributes
    for name, attribute in attributes.items():
        if name and name not in known:
            yield f"unknown attribute {name!r} at opset {node.opset}", _rename(name, known)
        elif name and attribute.type and attribute.type != known[name].type.value:
            found, wanted = attribute.AttributeType.Name(attribute.type), known[name].type.name
            yield f"attribute {name!r} must be {wanted}, is {found}", f"write {name!r} as {wanted}"
        elif _lacks_value(attribute):
            yield f"attribute {name!r} has no value", f"set the value of {name!r}, or remove it"
    alternatives = _ALTERNATIVES.get(node.op, ())
    given = [attributes[name] for name in alternatives if name in attributes]
    if alternatives and not any(a.ints or a.strings or a.ref_attr_name for a in given):
        names = " or ".join(map(repr, alternatives))
        yield f"required attribute {names} is missing", f"set {names}"
    for name, formal in known.items():
        if formal.required and name not in attributes:
            yield f"required attribute {name!r} is missing", f"set {name!r}"


def _rename(name: str, known: Mapping[str, Any]) -> str:
    near = get_close_matches(name, known, n=1)
    either = f"rename {name!r} to {near[0]!r}" if near else f"remove {name!r}"
    return f"{either}, or import the opset that has it"


def _lacks_value(attribute: Any) -> bool:
    field = _NEVER_EMPTY.get(attribute.type)
    return field is not None and not attribute.ref_attr_name and not attribute.HasField(field)
