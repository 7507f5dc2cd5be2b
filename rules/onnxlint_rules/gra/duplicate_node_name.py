"""GRA008 duplicate-node-name."""

from collections import defaultdict
from collections.abc import Iterator

from onnxlint import Draft, Finding, Fix, Graph, Node, Severity, rule


@rule("GRA008", "duplicate-node-name", severity=Severity.ERROR)
def duplicate_node_name(graph: Graph) -> Iterator[Finding]:
    """Nodes of one graph that share a name.

    Why: onnxruntime rejects the model, and tools for profiling, quantisation and conversion look
    nodes up by name and take the wrong one. Names in different subgraphs do not clash, and an empty
    name is not a name. A warning where onnxruntime loads the model nevertheless: where all of the
    nodes but one are Constants, which it turns into initializers, and in a function that is never
    called.
    Fix: number the names; this changes no result.

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
        names = [node.name for node in scope.nodes if node.name]
        if len({*names}) == len(names):
            continue
        by_name: dict[str, list[Node]] = defaultdict(list)
        for node in scope.nodes:
            by_name[node.name].append(node)
        for name, nodes in by_name.items():
            if name and len(nodes) > 1:
                loads = sum(node.op != "Constant" for node in nodes) < 2
                loads = loads or (scope.in_function and scope.root not in called)
                yield Finding(
                    nodes[1],
                    f"name shared by {len(nodes)} nodes of this graph (first: {nodes[0].op})",
                    measured=len(nodes),
                    limit=1,
                    unit="nodes of this name",
                    hint=f"append a number to the name {name!r} of all but the first",
                    severity=Severity.WARNING if loads else None,
                    fix=Fix("append a number to the other names", _number, nodes[1:]),
                )


def _number(draft: Draft, nodes: list[Node]) -> None:
    for node in nodes:
        draft.node(node).name = draft.fresh_name(node.name)
