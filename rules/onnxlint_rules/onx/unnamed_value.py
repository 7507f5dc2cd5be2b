"""ONX037 unnamed-value."""

from collections.abc import Iterator

from onnxlint import Finding, Graph, Severity, rule


@rule("ONX037", "unnamed-value", severity=Severity.ERROR)
def unnamed_value(graph: Graph) -> Iterator[Finding]:
    """An input, an output or a `value_info` without a name, in any graph.

    Why: the empty name means "omitted", so nothing can read or feed such a value. onnxruntime
    refuses the output, onnx's checker both. A `value_info` without a name is taken for the type of
    every omitted input, which onnx's inference then rejects; onnxruntime does not: a warning.
    Fix: give it the name that its readers use, or remove it.

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
                message = f"{count} of the graph's {what} have no name"
                yield Finding(scope, message, measured=count, limit=0, unit="values")
        count = sum(not info.name for info in scope.proto.value_info)
        if count:
            message = f"{count} entries of value_info have no name, which omitted inputs share"
            yield Finding(scope, message, measured=count, limit=0, unit="values",
                          severity=Severity.WARNING)  # fmt: skip
