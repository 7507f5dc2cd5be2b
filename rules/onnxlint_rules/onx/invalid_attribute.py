"""ONX024 invalid-attribute."""

from collections.abc import Iterator, Mapping
from typing import Any

from onnxlint import Finding, Graph, Node, Schemas, Severity, rule

_NEVER_EMPTY: dict[int, Any] = {4: "t", 5: "g", 11: "sparse_tensor", 13: "tp"}
"""The field of each type of attribute that has no default. A list may be empty; of 0, 0.0 and ""
nothing is written by writers of proto3, and onnx's checker and onnxruntime read these."""

_ALTERNATIVES = {"ai.onnx.ml::ZipMap": ("classlabels_int64s", "classlabels_strings")}
"""Operators that need one of these attributes, though the schema calls each of them optional."""


@rule("ONX024", "invalid-attribute", severity=Severity.ERROR)
def invalid_attribute(graph: Graph, schemas: Schemas) -> Iterator[Finding]:
    """An attribute that the operator does not have, lacks, or has with another type or no value.

    Why: runtimes refuse the model, or drop what they do not know and compute with the default.
    Attributes come and go between opsets: one written for an older opset is the usual case.
    Fix: export for the opset that is imported; mind what moved from attributes to inputs.

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
    # a tensor has no value that could be left out
    net (float[2] x) => (float[2] y)
    {
        c = Constant <value = float[2] {1, 2}> ()
        y = Add(x, c)
    }
    >>> model.graph.node[0].attribute[0].ClearField("t")

    Good:
    # a writer of proto3 leaves out an axis of 0, a slope of 0.0 and an empty text
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
        for problem in _incomplete(node, typed):
            yield Finding(node, f"{node.op} {problem}")
    for schema, nodes in schemas.uses(graph):
        known = schema.attributes
        for node in nodes:
            for problem in _problems(node, known):
                yield Finding(node, f"{node.op} {problem}")


def _incomplete(node: Node, typed: bool) -> Iterator[str]:
    """What no attribute may lack, those of custom operators included."""
    for attribute in node.proto.attribute:
        if not attribute.name:
            yield "has an attribute without a name"
        elif typed and not attribute.type:
            yield f"has an attribute {attribute.name!r} without a type"


def _problems(node: Node, known: Mapping[str, Any]) -> Iterator[str]:
    attributes = node.attributes
    for name, attribute in attributes.items():
        if name and name not in known:
            yield f"has no attribute {name!r} at opset {node.scope.opsets[node.domain]}"
        elif name and attribute.type and attribute.type != known[name].type.value:
            found = attribute.AttributeType.Name(attribute.type)
            yield f"wants {known[name].type.name} as attribute {name!r}, and got {found}"
        elif _lacks_value(attribute):
            yield f"has an attribute {name!r} without a value"
    alternatives = _ALTERNATIVES.get(node.op, ())
    given = [attributes[name] for name in alternatives if name in attributes]
    if alternatives and not any(a.ints or a.strings or a.ref_attr_name for a in given):
        yield f"needs attribute {' or '.join(map(repr, alternatives))}"
    for name, formal in known.items():
        if formal.required and name not in attributes:
            yield f"needs attribute {name!r}"


def _lacks_value(attribute: Any) -> bool:
    field = _NEVER_EMPTY.get(attribute.type)
    return field is not None and not attribute.ref_attr_name and not attribute.HasField(field)
