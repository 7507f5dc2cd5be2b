"""ONX041 function-not-sorted-or-ssa."""

from collections.abc import Iterator

from onnxlint import Finding, Graph, Severity, rule
from onnxlint_rules.onx._origins import origin_of


@rule("ONX041", "function-not-sorted-or-ssa", severity=Severity.ERROR)
def function_not_sorted_or_ssa(graph: Graph) -> Iterator[Finding]:
    """A local function that defines a name twice, or uses a value before it is defined.

    Why: a call is expanded in place, in the order of the file, so a fault in the function affects
    every call. The same as unsorted-nodes and duplicate-definition, for functions and the subgraphs
    in them.
    Fix: sort the function's nodes topologically, and give each tensor a unique name.

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
                first = again.first
                message = f"{first.name!r} is already defined as {origin_of(first)}"
                hint = f"rename one of the two values {first.name!r}, with its consumers"
                yield Finding(again, message, hint=hint)
            for node, value in scope.unsorted:
                message = f"{value.name!r} is used before {value.place} produces it"
                yield Finding(node, message, hint="sort the function's nodes topologically")
