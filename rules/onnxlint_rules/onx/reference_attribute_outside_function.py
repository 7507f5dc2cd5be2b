"""ONX023 reference-attribute-outside-function."""

from collections.abc import Iterator

from onnxlint import Finding, Graph, Severity, rule


@rule("ONX023", "reference-attribute-outside-function", severity=Severity.ERROR)
def reference_attribute_outside_function(graph: Graph) -> Iterator[Finding]:
    """An attribute that references a function's attribute, outside any function.

    Why: only a function call gives such a reference a value. In the main graph it has none, and
    runtimes silently use the operator's default, or no value. The usual cause: a tool inlined the
    function without substituting its attributes.
    Fix: inline with onnx's own inliner, or write the value in place of the reference.

    Bad:
    net (float[N] x) => (float[N] y)
    {
        y = LeakyRelu <alpha = 0.5> (x)
    }
    >>> model.graph.node[0].attribute[0].ClearField("f")
    >>> model.graph.node[0].attribute[0].ref_attr_name = "slope"

    Good:
    <ir_version: 10, opset_import: ["" : 21, "own" : 1]>
    net (float[N] x) => (float[N] y)
    {
        y = own.leaky <slope = 0.5> (x)
    }
    <domain: "own", opset_import: ["" : 21]>
    leaky <slope> (a) => (b)
    {
        b = LeakyRelu <alpha: float = @slope> (a)
    }
    """
    for scope in graph.scopes:
        for node in () if scope.in_function else scope.nodes:
            for attribute in node.attribute_list:
                name = attribute.ref_attr_name
                if name:
                    message = (
                        f"attribute {attribute.name!r} references function attribute {name!r}, but "
                        "the node is not in a function"
                    )
                    hint = f"write the value of {attribute.name!r} in place of the reference"
                    yield Finding(node, message, hint=hint)
