"""ONX014 undefined-output."""

from collections.abc import Iterator

from onnxlint import Finding, Graph, Origin, Severity, rule


@rule("ONX014", "undefined-output", severity=Severity.ERROR)
def undefined_output(graph: Graph) -> Iterator[Finding]:
    """An output of the model, a subgraph or a function that nothing defines.

    Why: the model cannot be loaded. A tool renamed or cut away the node that made the output and
    left the interface as it was.
    Fix: name the tensor that should be given out, or remove the output.

    Bad:
    net (float[N] x) => (float[N] y, float[N] lost)
    {
        y = Relu(x)
    }

    Bad:
    net (bool flag, float[N] x) => (float[N] y)
    {
        y = If(flag) <
            then_branch = a () => (float[N] lost) { p = Relu(x) },
            else_branch = b () => (float[N] q) { q = Exp(x) }
        >
    }

    Good:
    net (float[N] x) => (float[N] y)
    {
        y = Relu(x)
    }
    """
    for scope in graph.scopes:
        for value in scope.outputs:
            if value.origin is Origin.NOTHING:
                yield Finding(value, f"none of the graph's {len(scope.nodes)} nodes defines it")
