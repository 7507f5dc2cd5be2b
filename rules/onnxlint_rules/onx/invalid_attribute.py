"""ONX024 invalid-attribute."""

from collections.abc import Iterator, Mapping
from typing import Any

from onnxlint import Finding, Graph, Node, Schemas, Severity, rule


@rule("ONX024", "invalid-attribute", severity=Severity.ERROR)
def invalid_attribute(graph: Graph, schemas: Schemas) -> Iterator[Finding]:
    """An attribute that the operator does not have, lacks, or has with another type.

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

    Good:
    net (float[N] x) => (float[N] y)
    {
        y = LeakyRelu <alpha = 0.5> (x)
    }
    """
    for node in graph.nodes():
        schema = schemas.of(node)
        if schema is not None:
            for problem in _problems(node, schema.attributes):
                yield Finding(node, f"{node.op} {problem}")


def _problems(node: Node, known: Mapping[str, Any]) -> Iterator[str]:
    attributes = node.attributes
    for name, attribute in attributes.items():
        if name not in known:
            yield f"has no attribute {name!r} at opset {node.scope.opsets[node.domain]}"
        elif attribute.type and attribute.type != known[name].type.value:
            found = attribute.AttributeType.Name(attribute.type)
            yield f"wants {known[name].type.name} as attribute {name!r}, and got {found}"
    for name, formal in known.items():
        if formal.required and name not in attributes:
            yield f"needs attribute {name!r}"
