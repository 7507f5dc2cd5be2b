"""GRA023 no-outputs."""

from collections.abc import Iterator

from onnxlint import Finding, Graph, Severity, counted, rule


@rule("GRA023", "no-outputs", severity=Severity.ERROR)
def no_outputs(graph: Graph) -> Iterator[Finding]:
    """A model without outputs.

    Why: its results cannot be fetched; onnx's checker and onnxruntime do not object. The outputs
    were lost when a tool cut the graph, or `forward` returned nothing.
    Fix: declare the outputs that callers need, or export again with a `forward` that returns them.

    Bad:
    net (float[N] x) => ()
    {
        y = Relu(x)
    }

    Good:
    # a branch has none of the model's outputs, and a model of one output is enough
    net (bool flag, float[N] x) => (float[N] y)
    {
        y = If(flag) <
            then_branch = a () => (float[N] p) { p = Relu(x) },
            else_branch = b () => (float[N] q) { q = Exp(x) }
        >
    }

    Good:
    # without nodes: the rule empty-graph reports that
    net (float[N] x) => ()
    {
    }
    """
    nodes = len(graph.main.nodes)
    if nodes and not graph.outputs:
        yield Finding(
            graph.main,
            f"the graph has {counted(nodes, 'node')} and no outputs",
            measured=0,
            limit=1,
            unit="outputs",
            hint="return the results from forward, or declare them in graph.output",
        )
