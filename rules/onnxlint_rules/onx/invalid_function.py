"""ONX040 invalid-function."""

from collections import Counter
from collections.abc import Iterator

from onnxlint import Finding, Graph, Scope, Severity, rule


@rule("ONX040", "invalid-function", severity=Severity.ERROR)
def invalid_function(graph: Graph) -> Iterator[Finding]:
    """A local function without name or domain, there twice, with a name twice, or calling itself.

    Why: nodes call a function by domain and name, and give it inputs, outputs and attributes in
    the order of its lists: all of them must be unambiguous. A call is expanded in place, so one
    that leads back to itself has no end. onnxruntime and onnx's checker refuse such models.
    Fix: name what is unnamed, rename what stands twice, and spell recursion as a Loop.

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
        for problem in _problems(scope):
            yield Finding(scope, problem)
    yield from _repeated(graph)
    yield from _recursive(graph)


def _problems(scope: Scope) -> Iterator[str]:
    proto = scope.function
    assert proto is not None
    for what in ("name", "domain"):
        if not getattr(proto, what):
            yield f"the function has no {what}"
    attributes = [*proto.attribute, *(attribute.name for attribute in proto.attribute_proto)]
    lists = {"input": proto.input, "output": proto.output, "attribute": attributes}
    for what, names in lists.items():
        for name, count in Counter(names).items():
            if count > 1:
                yield f"{what} {name!r} is listed {count} times"


def _repeated(graph: Graph) -> Iterator[Finding]:
    seen: Counter[tuple[str, str, str]] = Counter()
    for scope in graph.functions:
        proto = scope.function
        assert proto is not None
        key = (proto.domain, proto.name, proto.overload)
        seen[key] += 1
        if seen[key] == 2:
            yield Finding(scope, "the model has another function of this domain and name")


def _recursive(graph: Graph) -> Iterator[Finding]:
    if not graph.functions:
        return
    import networkx as nx

    calls = nx.DiGraph(graph.calls)
    places = {scope: place for place, scope in enumerate(graph.scopes)}
    for part in nx.strongly_connected_components(calls):
        first = min(part, key=places.__getitem__)
        if len(part) > 1 or calls.has_edge(first, first):
            yield Finding(first, f"it calls itself, by way of {len(part) - 1} other functions")
