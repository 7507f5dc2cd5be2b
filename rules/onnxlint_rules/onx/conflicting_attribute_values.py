"""ONX022 conflicting-attribute-values."""

from collections.abc import Iterator

from onnxlint import Finding, Graph, Severity, rule

_ABOUT = ("name", "doc_string", "type")
"""The fields of an attribute that hold no value of it."""


@rule("ONX022", "conflicting-attribute-values", severity=Severity.ERROR)
def conflicting_attribute_values(graph: Graph) -> Iterator[Finding]:
    """An attribute with several values, or with a reference and a value.

    Why: an attribute has one value, in the field that its type names. Readers disagree which one
    counts when there are two, so the model means different things in different runtimes.
    Fix: keep the value that is meant; `onnx.helper.make_attribute` writes attributes rightly.

    Bad:
    net (float[N] x) => (float[N] y)
    {
        y = LeakyRelu <alpha = 0.5> (x)
    }
    >>> model.graph.node[0].attribute[0].i = 2

    Good:
    net (float[N] x) => (float[N] y)
    {
        y = LeakyRelu <alpha = 0.5> (x)
    }
    """
    for node in graph.nodes():
        for attribute in node.proto.attribute:
            fields = [field.name for field, _ in attribute.ListFields()]
            values = [name for name in fields if name not in _ABOUT]
            if len(values) > 1:
                message = (
                    f"attribute {attribute.name!r} has {len(values)} values: {', '.join(values)}"
                )
                yield Finding(node, message, measured=len(values), limit=1, unit="values")
