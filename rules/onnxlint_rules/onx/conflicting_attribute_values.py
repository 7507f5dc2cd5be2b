"""ONX022 conflicting-attribute-values."""

from collections import Counter
from collections.abc import Iterator

from onnxlint import Finding, Graph, Severity, rule

_ABOUT = ("name", "doc_string", "type")
"""The fields of an attribute that hold no value of it."""

_FIELDS = ("", "f", "i", "s", "t", "g", "floats", "ints", "strings", "tensors", "graphs",
           "sparse_tensor", "sparse_tensors", "tp", "type_protos")  # fmt: skip
"""The field of each type of attribute, by the type's number."""


@rule("ONX022", "conflicting-attribute-values", severity=Severity.ERROR)
def conflicting_attribute_values(graph: Graph) -> Iterator[Finding]:
    """An attribute with several values, with both a reference and a value, or defined twice.

    Why: an attribute has one value, in the field of its type. With two, readers differ in which one
    they use, so the model means different things in different runtimes; onnxruntime rejects it. A
    value in the field of another type is ignored.
    Fix: keep the intended value; `onnx.helper.make_attribute` writes attributes correctly.

    Bad:
    net (float[N] x) => (float[N] y)
    {
        y = LeakyRelu <alpha = 0.5> (x)
    }
    >>> model.graph.node[0].attribute[0].i = 2

    Bad:
    net (float[N] x) => (float[N] y)
    {
        y = LeakyRelu <alpha = 0.5> (x)
    }
    >>> model.graph.node[0].attribute.append(model.graph.node[0].attribute[0])

    Good:
    net (float[N] x) => (float[N] y)
    {
        y = LeakyRelu <alpha = 0.5> (x)
    }
    """
    for node in graph.nodes():
        for attribute in node.attribute_list:
            values = [f.name for f, _ in attribute.ListFields() if f.name not in _ABOUT]
            own = _FIELDS[attribute.type] if attribute.type < len(_FIELDS) else ""
            if len(values) > 1:
                message = (
                    f"attribute {attribute.name!r} has {len(values)} values: {', '.join(values)}"
                )
                hint = f"keep {own if own in values else 'one of the values'}, and clear the others"
                yield Finding(node, message, len(values), 1, "values", hint=hint)
            elif own and values and values[0] not in (own, "ref_attr_name"):
                message = (
                    f"attribute {attribute.name!r} stores its value in {values[0]} instead of {own}"
                )
                yield Finding(node, message, hint=f"move the value to {own}, or correct the type")
        names = [attribute.name for attribute in node.attribute_list]
        if len(names) > 1 and len(set(names)) < len(names):
            name, count = Counter(names).most_common(1)[0]
            message, hint = f"attribute {name!r} is defined {count} times", f"keep one {name!r}"
            yield Finding(node, message, count, 1, "attributes of the name", hint=hint)
