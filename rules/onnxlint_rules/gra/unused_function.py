"""GRA010 unused-function."""

from collections.abc import Iterator

from onnxlint import Draft, Finding, Fix, Graph, Severity, Walk, rule


@rule("GRA010", "unused-function", severity=Severity.INFO)
def unused_function(graph: Graph) -> Iterator[Finding]:
    """A local function that is never called.

    Why: it wastes file size and load time, and may keep opset imports and domains in the file that
    no target would otherwise need to know.
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
    walk = Walk([graph.main])
    called = set()
    for scope in walk:
        called.add(scope)
        walk.add(*graph.calls[scope])
    for scope in graph.functions:
        if scope not in called:
            yield Finding(
                scope,
                "never called from the main graph",
                measured=0,
                limit=1,
                unit="calls",
                hint="remove the function, or call it",
                fix=Fix("remove the function", Draft.remove, scope),
            )
