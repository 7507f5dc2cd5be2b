"""GRA010 unused-function."""

from collections.abc import Iterator

from onnxlint import Draft, Finding, Fix, Graph, Severity, rule


@rule("GRA010", "unused-function", severity=Severity.INFO)
def unused_function(graph: Graph) -> Iterator[Finding]:
    """A local function that no node of the model leads to.

    Why: it is shipped and checked for nothing, and may keep opset imports and domains in the file
    that no target would otherwise have to know.
    Fix: remove it.

    Bad:
    <ir_version: 10, opset_import: ["" : 21, "own" : 1]>
    net (float[N] x) => (float[N] y)
    {
        y = Relu(x)
    }
    <domain: "own", opset_import: ["" : 21]>
    twice (a) => (b)
    {
        h = Exp(a)
        b = Add(a, h)
    }

    Good:
    <ir_version: 10, opset_import: ["" : 21, "own" : 1]>
    net (float[N] x) => (float[N] y)
    {
        y = own.twice(x)
    }
    <domain: "own", opset_import: ["" : 21]>
    twice (a) => (b)
    {
        h = Exp(a)
        b = Add(a, h)
    }
    """
    called = {graph.main}
    pending = [graph.main]
    while pending:
        for callee in graph.calls[pending.pop()]:
            if callee not in called:
                called.add(callee)
                pending.append(callee)
    for scope in graph.functions:
        if scope not in called:
            yield Finding(
                scope,
                "the main graph never calls it",
                measured=0,
                limit=1,
                unit="calls",
                fix=Fix("remove the function", Draft.remove, scope),
            )
