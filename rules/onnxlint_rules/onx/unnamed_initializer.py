"""ONX035 unnamed-initializer."""

from collections.abc import Iterator

from onnxlint import Finding, Graph, Severity, rule


@rule("ONX035", "unnamed-initializer", severity=Severity.ERROR)
def unnamed_initializer(graph: Graph) -> Iterator[Finding]:
    """An initializer without a name.

    Why: no node can use it, as the empty name means "omitted". At best it is dead weight, at worst
    the tensor that a node with an omitted input should have had. onnx's checker rejects it.
    Fix: give it the name that its consumer uses, or remove it.

    Bad:
    net (float[2] x) => (float[2] y)
    <float[2] w = {1, 2}>
    {
        y = Relu(x)
    }
    >>> model.graph.initializer[0].name = ""

    Good:
    net (float[2] x) => (float[2] y)
    <float[2] w = {1, 2}>
    {
        y = Mul(x, w)
    }
    """
    for scope in graph.scopes:
        count = sum(not name for name in scope.initializer_names)
        if count:
            message = f"{count} initializer{' has' if count == 1 else 's have'} no name"
            hint = "give each the name that its consumer uses, or remove it"
            yield Finding(scope, message, measured=count, limit=0, unit="initializers", hint=hint)
