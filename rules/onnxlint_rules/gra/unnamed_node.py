"""GRA009 unnamed-node."""

from collections.abc import Iterator

from onnxlint import Finding, Graph, Severity, counted, rule


@rule("GRA009", "unnamed-node", severity=Severity.INFO)
def unnamed_node(graph: Graph) -> Iterator[Finding]:
    """Nodes without a name.

    Why: profiles, quantisation settings and error messages refer to nodes by name; a node without a
    name can only be found by counting. One finding per model.
    Fix: let the exporter write names, or number the nodes; this changes no result.

    Bad:
    net (float[N] x) => (float[N] y)
    {
        y = Relu(x)
    }
    >>> model.graph.node[0].name = ""

    Good:
    net (float[N] x) => (float[N] y)
    {
        [act] y = Relu(x)
    }
    """
    nodes = list(graph.nodes())
    unnamed = [node for node in nodes if not node.name]
    if unnamed:
        yield Finding(
            unnamed[0],
            f"{len(unnamed)} of {counted(len(nodes), 'node')} without a name",
            measured=len(unnamed),
            limit=0,
            unit="nodes",
            hint="name the nodes at export, or number them",
        )
