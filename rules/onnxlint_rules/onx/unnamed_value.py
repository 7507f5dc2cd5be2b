"""ONX037 unnamed-value."""

from collections.abc import Iterator

from onnxlint import Finding, Graph, Severity, rule


@rule("ONX037", "unnamed-value", severity=Severity.ERROR)
def unnamed_value(graph: Graph) -> Iterator[Finding]:
    """An input, an output or a `value_info` without a name, in any graph.

    Why: the empty name means "omitted", so nothing can use or feed such a value. onnxruntime
    rejects such an output, onnx's checker both. A `value_info` without a name is read as the type
    of every omitted input, which onnx's inference then rejects; onnxruntime does not: a warning.
    Fix: give it the name that its consumers use, or remove it.

    Bad:
    net (float[N] x, float[N] z) => (float[N] y)
    {
        y = Relu(x)
    }
    >>> model.graph.input[1].name = ""

    Good:
    net (float[N] x, float[N] z) => (float[N] y)
    {
        y = Add(x, z)
    }
    """
    for scope in graph.scopes:
        if scope.proto is None:
            continue
        lists = {"inputs": scope.proto.input, "outputs": scope.proto.output}
        for what, values in lists.items():
            count = sum(not value.name for value in values)
            if count:
                has = "has" if count == 1 else "have"
                message = f"{count} of the graph's {what} {has} no name"
                hint = f"name the {what}, or remove them"
                yield Finding(scope, message, measured=count, limit=0, unit="values", hint=hint)
        count = sum(not info.name for info in scope.proto.value_info)
        if count:
            entries = "1 value_info entry has" if count == 1 else f"{count} value_info entries have"
            message = f"{entries} no name, like omitted inputs"
            yield Finding(scope, message, measured=count, limit=0, unit="values",
                          severity=Severity.WARNING, hint="name them, or remove them")  # fmt: skip
