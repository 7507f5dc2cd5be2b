"""ONX041 function-not-sorted-or-ssa."""

from collections.abc import Iterator

from onnxlint import Finding, Graph, Severity, rule


@rule("ONX041", "function-not-sorted-or-ssa", severity=Severity.ERROR)
def function_not_sorted_or_ssa(graph: Graph) -> Iterator[Finding]:
    """A local function that defines a name twice, or reads a value before it is made.

    Why: a call is expanded in place, in the order of the file: what is wrong in the function goes
    wrong at every call. The same as unsorted-nodes and duplicate-definition, for functions and the
    subgraphs in them.
    Fix: sort the function's nodes topologically, and give every tensor a name of its own.

    Bad:
    <ir_version: 10, opset_import: ["" : 21, "own" : 1]>
    net (float[N] x) => (float[N] y)
    {
        y = own.twice(x)
    }
    <domain: "own", opset_import: ["" : 21]>
    twice (a) => (b)
    {
        b = Add(a, h)
        h = Exp(a)
    }

    Bad:
    <ir_version: 10, opset_import: ["" : 21, "own" : 1]>
    net (float[N] x) => (float[N] y)
    {
        y = own.twice(x)
    }
    <domain: "own", opset_import: ["" : 21]>
    twice (a) => (b)
    {
        a = Exp(a)
        b = Add(a, a)
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
    for scope in graph.scopes:
        if scope.in_function:
            for again in scope.redefinitions:
                yield Finding(again, f"{again.first.name!r} is defined before in the function")
            for node, value in scope.unsorted:
                yield Finding(node, f"{value.name!r} is made by {value.place} after it is read")
