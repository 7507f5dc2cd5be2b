"""ONX016 duplicate-graph-output."""

from collections import Counter
from collections.abc import Iterator

from onnxlint import Finding, Graph, Severity, rule


@rule("ONX016", "duplicate-graph-output", severity=Severity.ERROR)
def duplicate_graph_output(graph: Graph) -> Iterator[Finding]:
    """A value that the model lists twice as output.

    Why: outputs are fetched by name, so the second one is out of reach, and servers that build
    their signature from the names refuse the model. The exporter met one tensor twice in what
    `forward` returns.
    Fix: return it once, or put an Identity with a name of its own between.

    Bad:
    net (float[N] x) => (float[N] y, float[N] y)
    {
        y = Relu(x)
    }

    Good:
    net (float[N] x) => (float[N] y, float[N] z)
    {
        y = Relu(x)
        z = Identity(y)
    }
    """
    for value, count in Counter(graph.outputs).items():
        if count > 1:
            yield Finding(value, f"it is listed {count} times as output", measured=count, limit=1)
