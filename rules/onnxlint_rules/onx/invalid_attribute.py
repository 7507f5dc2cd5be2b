"""ONX024 invalid-attribute."""

from collections.abc import Iterator
from operator import attrgetter

from onnxlint import Finding, Graph, Schemas, Severity, rule
from onnxlint_rules.onx._attributes import incomplete, may_need, problems

_has_attributes = attrgetter("attribute_list")


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
    for node in filter(_has_attributes, graph.nodes()):
        for problem, hint in incomplete(node, typed):
            yield Finding(node, f"{node.op}: {problem}", hint=hint)
    for schema, nodes in schemas.uses(graph):
        known = schema.attributes
        needed = may_need(schema)
        for node in nodes if needed else filter(_has_attributes, nodes):
            for problem, hint in problems(node, known):
                yield Finding(node, f"{node.op}: {problem}", hint=hint)
