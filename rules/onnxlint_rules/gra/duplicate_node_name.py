"""GRA008 duplicate-node-name."""

from collections import defaultdict
from collections.abc import Iterator

from onnxlint import Draft, Finding, Fix, Graph, Node, Severity, rule


@rule("GRA008", "duplicate-node-name", severity=Severity.ERROR)
def duplicate_node_name(graph: Graph) -> Iterator[Finding]:
    """Nodes of one graph that share a name.

    Why: onnxruntime refuses the model, and profilers, quantisation and conversion tools look nodes
    up by name and take the wrong one. Names in different subgraphs do not clash, and an empty name
    is none. A warning where onnxruntime loads it all the same: where at most one of the nodes is
    no Constant, which it turns into an initializer, and in a function that nothing calls.
    Fix: number the names; it changes nothing in what the model computes.

    Bad:
    net (float[N] x) => (float[N] y)
    {
        [act] h = Relu(x)
        [act] y = Exp(h)
    }

    Good:
    # nodes without names, and one name in two branches
    net (bool flag, float[N] x) => (float[N] y)
    {
        h = Relu(x)
        g = Exp(h)
        y = If(flag) <
            then_branch = a () => (float[N] p) { [act] p = Abs(g) },
            else_branch = b () => (float[N] q) { [act] q = Neg(g) }
        >
    }
    """
    called = {node.called for node in graph.nodes()} if graph.functions else set()
    for scope in graph.scopes:
        by_name: dict[str, list[Node]] = defaultdict(list)
        for node in scope.nodes:
            by_name[node.name].append(node)
        for name, nodes in by_name.items():
            if name and len(nodes) > 1:
                loads = sum(node.op != "Constant" for node in nodes) < 2
                loads = loads or (scope.in_function and scope.root not in called)
                yield Finding(
                    nodes[1],
                    f"{len(nodes)} nodes of this graph have its name; the first is a {nodes[0].op}",
                    measured=len(nodes),
                    limit=1,
                    unit="nodes of this name",
                    severity=Severity.WARNING if loads else None,
                    fix=Fix("number the names of the others", _number, nodes[1:]),
                )


def _number(draft: Draft, nodes: list[Node]) -> None:
    for node in nodes:
        draft.node(node).name = draft.fresh_name(node.name)
