"""GRA001 empty-graph."""

from collections.abc import Iterator

from onnxlint import Finding, Graph, Severity, rule


@rule("GRA001", "empty-graph", severity=Severity.WARNING)
def empty_graph(graph: Graph) -> Iterator[Finding]:
    """A model without nodes.

    Why: it computes nothing. This is what the export of the wrong object looks like, or of one
    whose inputs were folded into constants; it loads and runs without a complaint.
    Fix: export the module whose `forward` does the work, and pass it tensors.

    Bad:
    net (float[N] x) => (float[N] x)
    {
    }

    Good:
    net (float[N] x) => (float[N] y)
    {
        y = Relu(x)
    }
    """
    if not graph.main.nodes:
        yield Finding(
            graph.main,
            "the graph has no nodes",
            measured=0,
            limit=1,
            unit="nodes",
            hint="export the module whose forward computes the outputs",
        )
