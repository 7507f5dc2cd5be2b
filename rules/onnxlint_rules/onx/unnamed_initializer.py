"""ONX035 unnamed-initializer."""

from collections.abc import Iterator

from onnxlint import Finding, Graph, Severity, rule


@rule("ONX035", "unnamed-initializer", severity=Severity.ERROR)
def unnamed_initializer(graph: Graph) -> Iterator[Finding]:
    """An initializer without a name.

    Why: nothing can read it, as the empty name means "omitted". It is lost weight at best, and at
    worst the tensor that a node with an omitted input should have had. onnx's checker rejects it.
    Fix: name it as its reader does, or remove it.

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
            message = f"{count} initializers have no name"
            yield Finding(scope, message, measured=count, limit=0, unit="initializers")
