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
    """An attribute with several values, with a reference and a value, or that stands twice.

    Why: an attribute has one value, in the field that its type names. Readers disagree which one
    counts when there are two, so the model means different things in different runtimes;
    onnxruntime refuses it. A value in the field of another type is as good as none.
    Fix: keep the value that is meant; `onnx.helper.make_attribute` writes attributes rightly.

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
        for attribute in node.proto.attribute:
            values = [f.name for f, _ in attribute.ListFields() if f.name not in _ABOUT]
            own = _FIELDS[attribute.type] if attribute.type < len(_FIELDS) else ""
            if len(values) > 1:
                message = (
                    f"attribute {attribute.name!r} has {len(values)} values: {', '.join(values)}"
                )
                yield Finding(node, message, measured=len(values), limit=1, unit="values")
            elif own and values and values[0] not in (own, "ref_attr_name"):
                message = f"attribute {attribute.name!r} has its value in {values[0]}, not in {own}"
                yield Finding(node, message)
        names = [attribute.name for attribute in node.proto.attribute]
        if len(set(names)) < len(names):
            name, count = Counter(names).most_common(1)[0]
            message = f"attribute {name!r} stands {count} times"
            yield Finding(node, message, measured=count, limit=1, unit="attributes of the name")
