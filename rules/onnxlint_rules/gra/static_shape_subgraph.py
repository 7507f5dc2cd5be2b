"""GRA019 static-shape-subgraph."""

from collections.abc import Iterator

from onnxlint import Finding, Graph, Severity, Shapes, rule


@rule("GRA019", "static-shape-subgraph", severity=Severity.INFO, ops=("Shape",))
def static_shape_subgraph(graph: Graph, shapes: Shapes) -> Iterator[Finding]:
    """A Shape node whose result is known statically.

    Why: what is computed from it, mostly the target of a Reshape, is constant, and this is hidden
    from converters and from devices that need static shapes: ncnn, NPUs, CUDA graphs.
    Fix: fold it (onnxslim, onnxsim), or write the sizes as numbers in `forward`.

    Bad:
    net (float[2, 3, 4] x) => (float[2, 12] y)
    <int64[1] rest = {-1}>
    {
        batch = Shape <start = 0, end = 1> (x)
        target = Concat <axis = 0> (batch, rest)
        y = Reshape(x, target)
    }

    Good:
    # a dynamic size
    net (float[N, 3, 4] x) => (float[N, 12] y)
    <int64[1] rest = {-1}>
    {
        batch = Shape <start = 0, end = 1> (x)
        target = Concat <axis = 0> (batch, rest)
        y = Reshape(x, target)
    }
    """
    for node in graph.nodes("Shape"):
        shape = shapes.of(node.input(0))
        if shape is None or shape.dims is None or node not in graph.varying:
            continue
        sizes = shape.dims[node.attribute("start", 0) : node.attribute("end", len(shape.dims))]
        if all(isinstance(size, int) for size in sizes):
            hint = "fold it with onnxslim or onnxsim, or write the sizes as numbers in forward"
            yield Finding(node, f"result is always {list(sizes)}", hint=hint)
