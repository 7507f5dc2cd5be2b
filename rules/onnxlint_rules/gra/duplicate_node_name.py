"""GRA008 duplicate-node-name."""

from collections import defaultdict
from collections.abc import Iterator

from onnxlint import Draft, Finding, Fix, Graph, Node, Severity, rule


@rule("GRA008", "duplicate-node-name", severity=Severity.WARNING)
def duplicate_node_name(graph: Graph) -> Iterator[Finding]:
    """Nodes of one graph that share a name.

    Why: profilers, quantisation and conversion tools look nodes up by name and take the wrong one,
    and onnxruntime's DirectML provider refuses the model (issues 8905, 10706). Names in different
    subgraphs do not clash, and an empty name is none.
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
    for scope in graph.scopes:
        by_name: dict[str, list[Node]] = defaultdict(list)
        for node in scope.nodes:
            by_name[node.name].append(node)
        for name, nodes in by_name.items():
            if name and len(nodes) > 1:
                yield Finding(
                    nodes[1],
                    f"{len(nodes)} nodes of this graph have its name; the first is a {nodes[0].op}",
                    measured=len(nodes),
                    limit=1,
                    unit="nodes of this name",
                    fix=Fix("number the names of the others", _number, nodes[1:]),
                )


def _number(draft: Draft, nodes: list[Node]) -> None:
    for node in nodes:
        draft.node(node).name = draft.fresh_name(node.name)
