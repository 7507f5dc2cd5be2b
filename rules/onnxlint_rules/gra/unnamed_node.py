"""GRA009 unnamed-node."""

from collections.abc import Iterator

from onnxlint import Finding, Graph, Severity, rule


@rule("GRA009", "unnamed-node", severity=Severity.INFO)
def unnamed_node(graph: Graph) -> Iterator[Finding]:
    """Nodes without a name.

    Why: profiles, quantisation settings and error messages name nodes; what has no name can only
    be found by counting. One finding for a model.
    Fix: let the exporter write names, or number the nodes; it changes nothing in the results.

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
            f"{len(unnamed)} of {len(nodes)} nodes have no name",
            measured=len(unnamed),
            limit=0,
            unit="nodes",
        )
