"""ONX001 unnamed-graph."""

from collections.abc import Iterator

from onnxlint import Finding, Graph, Severity, rule


@rule("ONX001", "unnamed-graph", severity=Severity.ERROR)
def unnamed_graph(graph: Graph) -> Iterator[Finding]:
    """A graph without a name: the main one, or the body of an If, Loop or Scan.

    Why: the specification requires one. onnx's checker rejects the model at this first field and
    reports nothing else. onnxruntime accepts a main graph without a name, and rejects a subgraph
    without one.
    Fix: set `model.graph.name`, or the name of the subgraph in the node's attribute.

    Bad:
    net (float[N] x) => (float[N] y)
    {
        y = Relu(x)
    }
    >>> model.graph.name = ""

    Bad:
    net (bool flag, float[N] x) => (float[N] y)
    {
        y = If(flag) <
            then_branch = a () => (float[N] p) { p = Exp(x) },
            else_branch = b () => (float[N] q) { q = Relu(x) }
        >
    }
    >>> model.graph.node[0].attribute[0].g.name = ""

    Good:
    net (float[N] x) => (float[N] y)
    {
        y = Relu(x)
    }
    """
    for scope in graph.scopes:
        if scope.proto is not None and not scope.proto.name:
            owner = scope.owner
            where = (
                "model.graph.name"
                if owner is None
                else f"the name of the subgraph of {owner.place}"
            )
            yield Finding(scope, "graph has no name", hint=f"set {where}")
