"""GRA005 no-inputs."""

from collections.abc import Iterator

from onnxlint import Finding, Graph, Severity, rule


@rule("GRA005", "no-inputs", severity=Severity.ERROR)
def no_inputs(graph: Graph) -> Iterator[Finding]:
    """A model that takes no input.

    Why: it gives the same answer for ever. Tracing does that when the inputs became constants, and
    neither the exporter nor onnx's checker objects. Initializers that a caller may override are
    no inputs: nobody has to feed them. An error where there are layers, which exist to work on an
    input; a model without any may be a table or a generator on purpose, and gets a warning.
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
            f"the graph has {layers} layers and no input",
            measured=0,
            limit=1,
            unit="inputs",
            severity=None if layers else Severity.WARNING,
        )
