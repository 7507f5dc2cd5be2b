"""GRA002 unused-initializer."""

from collections.abc import Iterator

from onnxlint import Draft, Finding, Fix, Graph, Origin, Severity, rule


@rule("GRA002", "unused-initializer", severity=Severity.WARNING)
def unused_initializer(graph: Graph) -> Iterator[Finding]:
    """An initializer that no node in any scope reads and no graph gives out.

    Why: it is stored, shipped and loaded for nothing. Often it is the trace of a layer that the
    exporter left out, or of a counter such as `num_batches_tracked` that only training needs. An
    info where it has not two axes and so is no layer's weight: exporters leave sizes, labels and
    counters behind that nobody misses.
    Fix: if its layer should be in the graph, export again with the layer in use; else remove it,
    which is safe.

    Bad:
    net (float[N, 2] x) => (float[N, 2] y)
    <float[2] scale = {2, 3}, float[2, 2] forgotten = {5, 7, 11, 13}>
    {
        y = Mul(x, scale)
    }

    Good:
    # a subgraph reads it
    net (bool flag, float[2] x) => (float[2] y)
    <float[2] scale = {2, 3}>
    {
        y = If(flag) <
            then_branch = scaled () => (float[2] a) { a = Mul(x, scale) },
            else_branch = plain () => (float[2] b) { b = Identity(x) }
        >
    }
    """
    for value in graph.values():
        used = value.consumers or value.yielded_to or value.is_output
        if value.origin is Origin.INITIALIZER and not used:
            tensor = graph.tensor(value)
            size = tensor.nbytes if tensor is not None else 0
            is_small = tensor is not None and sum(dim > 1 for dim in tensor.dims) < 2
            yield Finding(
                value,
                f"none of the model's nodes reads its {size:,} bytes",
                measured=size,
                unit="bytes",
                severity=Severity.INFO if is_small else None,
                fix=Fix("remove the initializer", Draft.remove, value),
            )
