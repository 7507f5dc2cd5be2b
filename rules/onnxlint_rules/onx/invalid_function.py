"""ONX040 invalid-function."""

from collections import Counter
from collections.abc import Iterator

from onnxlint import Finding, Graph, Scope, Severity, rule
from onnxlint_rules.onx._functions import problems


@rule("ONX040", "invalid-function", severity=Severity.ERROR)
def invalid_function(graph: Graph) -> Iterator[Finding]:
    """A local function that is unnamed, duplicated, recursive, or repeats a parameter name.

    Why: nodes call a function by domain and name, and pass inputs, outputs and attributes in the
    order of its lists: all of them must be unambiguous. A call is expanded in place, so a recursive
    one never ends. onnxruntime and onnx's checker reject such models.
    Fix: name what is unnamed, rename duplicates, and write recursion as a Loop.

    Bad:
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
    >>> model.functions[0].input.append("a")

    Bad:
    <ir_version: 10, opset_import: ["" : 21, "own" : 1]>
    net (float[N] x) => (float[N] y)
    {
        y = own.twice(x)
    }
    <domain: "own", opset_import: ["" : 21, "own" : 1]>
    twice (a) => (b)
    {
        h = own.twice(a)
        b = Add(a, h)
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
        h = Exp(a)
        b = Add(a, h)
    }
    >>> model.functions.append(model.functions[0])

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
    for scope in graph.functions:
        for problem, hint in problems(scope):
            yield Finding(scope, problem, hint=hint)
    yield from _repeated(graph)
    yield from _recursive(graph)


def _repeated(graph: Graph) -> Iterator[Finding]:
    seen: Counter[tuple[str, str, str]] = Counter()
    for scope in graph.functions:
        proto = scope.function
        assert proto is not None
        key = (proto.domain, proto.name, proto.overload)
        seen[key] += 1
        if seen[key] == 2:
            message = "another function has the same domain and name"
            yield Finding(scope, message, hint=f"rename or remove one function {proto.name!r}")


def _recursive(graph: Graph) -> Iterator[Finding]:
    if not graph.functions:
        return
    import networkx as nx

    calls: nx.DiGraph[Scope] = nx.DiGraph()
    calls.add_nodes_from(graph.calls)
    calls.add_edges_from((caller, each) for caller in graph.calls for each in graph.calls[caller])
    places = {scope: place for place, scope in enumerate(graph.scopes)}
    for part in nx.strongly_connected_components(calls):
        first = min(part, key=places.__getitem__)
        if len(part) > 1 or calls.has_edge(first, first):
            others = f"{len(part) - 1} other function{'' if len(part) == 2 else 's'}"
            message = "calls itself" if len(part) == 1 else f"calls itself through {others}"
            yield Finding(first, message, hint="write the recursion as a Loop")
