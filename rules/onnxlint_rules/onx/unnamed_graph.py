"""ONX001 unnamed-graph."""

from collections.abc import Iterator

from onnxlint import Finding, Graph, Severity, rule


@rule("ONX001", "unnamed-graph", severity=Severity.ERROR)
def unnamed_graph(graph: Graph) -> Iterator[Finding]:
    """The main graph has no name.

    Why: the specification requires one, and onnx's checker rejects the model at this first field,
    so that it reports nothing else. onnxruntime does not mind.
    Fix: set `model.graph.name`.

    Bad:
    net (float[N] x) => (float[N] y)
    {
        y = Relu(x)
    }
    >>> model.graph.name = ""

    Good:
    net (float[N] x) => (float[N] y)
    {
        y = Relu(x)
    }
    """
    if not graph.model.proto.graph.name:
        yield Finding(graph.main, "graph.name is empty")
