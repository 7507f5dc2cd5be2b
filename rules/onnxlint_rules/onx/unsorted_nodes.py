"""ONX011 unsorted-nodes."""

from collections.abc import Iterator

from onnxlint import Draft, Finding, Fix, Graph, Node, Scope, Severity, Value, rule, together


@rule("ONX011", "unsorted-nodes", severity=Severity.ERROR)
def unsorted_nodes(graph: Graph) -> Iterator[Finding]:
    """Nodes that are not in topological order.

    Why: the specification requires topological order, and most importers read nodes once, in the
    order of the file. onnxruntime sorts them itself, so the model works there and fails, or is
    silently wrong, elsewhere. A node that feeds itself through others has no valid order. Functions
    have a rule of their own, function-not-sorted-or-ssa. Reported once per model, at the first such
    node.
    Fix: sort the nodes topologically, in subgraphs too; this changes no result.

    Bad:
    net (float[N] x) => (float[N] y)
    {
        y = Relu(h)
        h = Exp(x)
    }

    Bad:
    # a subgraph uses h, which is produced after the node that owns it
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
    hint = "sort the nodes topologically" if fix else "remove the cycle, then sort the nodes"
    findings = (
        Finding(node, _message(scope, node, value), fix=fix, hint=hint)
        for scope, node, value in unsorted
    )
    yield from together(findings, "nodes")


def _message(scope: Scope, node: Node, value: Value) -> str:
    user = f"node {node.index}" if value.scope is scope else "a subgraph"
    return f"{value.name!r} is used by {user} before {value.place} produces it"


def _sorting(graph: Graph) -> Fix | None:
    """One fix for all findings, since an order is one of all nodes; None for a cycle."""
    return Fix("sort the nodes topologically", Draft.sort) if graph.is_acyclic else None
