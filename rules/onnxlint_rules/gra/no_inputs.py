"""GRA005 no-inputs."""

from collections.abc import Iterator

from onnxlint import Finding, Graph, Severity, counted, rule


@rule("GRA005", "no-inputs", severity=Severity.ERROR)
def no_inputs(graph: Graph) -> Iterator[Finding]:
    """A model without inputs.

    Why: it always gives the same answer. Tracing does that when the inputs became constants, and
    neither the exporter nor onnx's checker objects. Initializers that a caller may override do not
    count as inputs: they need not be fed. An error where there are layers, which exist to process
    an input; a model without layers may be a table or a generator, and is a warning.
    Fix: export again and pass the inputs as arguments of `forward`, as tensors.

    Bad:
    net () => (float[1, 2] y)
    <float[1, 3] baked = {1, 2, 3}, float[3, 2] w = {1, 2, 3, 4, 5, 6}>
    {
        y = MatMul(baked, w)
    }

    Good:
    net (float[1, 3] x) => (float[1, 2] y)
    <float[3, 2] w = {1, 2, 3, 4, 5, 6}>
    {
        y = MatMul(x, w)
    }
    """
    if not graph.inputs:
        layers = sum(1 for _ in graph.layers())
        yield Finding(
            graph.main,
            f"the graph has {counted(layers, 'layer')} and no inputs",
            measured=0,
            limit=1,
            unit="inputs",
            severity=None if layers else Severity.WARNING,
            hint="pass the inputs to forward as tensors, and export again",
        )
