"""ONX016 duplicate-graph-output."""

from collections import Counter
from collections.abc import Iterator

from onnxlint import Finding, Graph, Severity, rule


@rule("ONX016", "duplicate-graph-output", severity=Severity.ERROR)
def duplicate_graph_output(graph: Graph) -> Iterator[Finding]:
    """A value that the model lists twice as an output.

    Why: outputs are fetched by name, so the second one cannot be fetched, and servers that build
    their signature from the names reject the model. The usual cause: `forward` returns one tensor
    twice.
    Fix: return it once, or insert an Identity that gives it another name.

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
            yield Finding(
                value,
                f"listed {count} times as an output",
                measured=count,
                limit=1,
                unit="outputs of this name",
                hint=f"return {value.name!r} once, or insert an Identity with another name",
            )
