"""ONX011 unsorted-nodes."""

from collections.abc import Iterator

from onnxlint import Draft, Finding, Fix, Graph, Node, Scope, Severity, Value, rule, together


@rule("ONX011", "unsorted-nodes", severity=Severity.ERROR)
def unsorted_nodes(graph: Graph) -> Iterator[Finding]:
    """A node that stands before the producer of a value it reads.

    Why: the specification wants nodes in topological order, and most importers read them once, in
    the order of the file. onnxruntime sorts for itself, so the model works there and fails, or is
    silently wrong, elsewhere. A node that feeds itself through others has no order at all.
    Functions have a rule of their own, function-not-sorted-or-ssa. Once per model, at the first
    such node.
    Fix: sort the nodes topologically, in subgraphs too; this changes no result.

    Bad:
    net (float[N] x) => (float[N] y)
    {
        y = Relu(h)
        h = Exp(x)
    }

    Bad:
    # a subgraph reads h, which comes after the node that owns it
    net (bool flag, float[N] x) => (float[N] y)
    {
        y = If(flag) <
            then_branch = a () => (float[N] p) { p = Relu(h) },
            else_branch = b () => (float[N] q) { q = Relu(x) }
        >
        h = Exp(x)
    }

    Good:
    net (float[N] x) => (float[N] y)
    {
        h = Exp(x)
        y = Relu(h)
    }
    """
    scopes = [scope for scope in graph.scopes if not scope.in_function]
    unsorted = [(scope, node, value) for scope in scopes for node, value in scope.unsorted]
    fix = _sorting(graph) if unsorted else None
    findings = (
        Finding(node, _told(scope, node, value), fix=fix) for scope, node, value in unsorted
    )
    yield from together(findings, "nodes")


def _told(scope: Scope, node: Node, value: Value) -> str:
    where = f"node {node.index}" if value.scope is scope else "a subgraph before it"
    return f"{value.name!r} is read in {where} and made by {value.place} after that"


def _sorting(graph: Graph) -> Fix | None:
    """One fix for all findings, since an order is one of all nodes; None for a cycle."""
    return Fix("sort the nodes topologically", Draft.sort) if graph.is_acyclic else None
