"""GRA002 unused-initializer."""

from collections.abc import Iterator

from msgspec.structs import replace

from onnxlint import Draft, Finding, Fix, Graph, Origin, Severity, Value, counted, rule

SHOWN = 5
"""Leftovers that the evidence names; a choice: the first show where they come from."""


@rule("GRA002", "unused-initializer", severity=Severity.WARNING)
def unused_initializer(graph: Graph) -> Iterator[Finding]:
    """An initializer that nothing uses.

    Why: it wastes file size and load time. Often it is left from a layer that the exporter omitted,
    or from a counter such as `num_batches_tracked` that only training needs. An info where it has
    fewer than two axes and so is not the weight of a layer: exporters often leave unused shapes,
    labels and counters behind; these are reported together.
    Fix: if its layer belongs to the graph, export again with the layer in use; otherwise remove it,
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
    leftovers: list[Value] = []
    for value in graph.values():
        used = value.consumers or value.yielded_to or value.is_output
        if value.origin is Origin.INITIALIZER and not used:
            tensor = graph.tensor(value)
            if tensor is not None and len([size for size in tensor.dims if size > 1]) < 2:
                leftovers.append(value)
            else:
                yield _unread(value, tensor.nbytes if tensor is not None else 0)
    if leftovers:
        yield _unread_together(graph, leftovers)


def _unread(value: Value, size: int) -> Finding:
    return Finding(
        value,
        f"never used ({counted(size, 'byte')})",
        measured=size,
        unit="bytes",
        fix=Fix("remove the initializer", Draft.remove, value),
        hint=f"remove {value.name!r}, or export again with its layer in use",
    )


def _unread_together(graph: Graph, values: list[Value]) -> Finding:
    """One info for all of them: a million would otherwise be a million findings."""
    tensors = [graph.tensor(value) for value in values]
    size = sum(tensor.nbytes for tensor in tensors if tensor is not None)
    first = replace(_unread(values[0], size), severity=Severity.INFO)
    if len(values) == 1:
        return first
    return replace(
        first,
        message=f"never used, nor {counted(len(values) - 1, 'other initializer')} of at most one "
        f"axis ({counted(size, 'byte')} in total)",
        hint=f"remove these {len(values):,} initializers",
        evidence={"count": len(values), "places": [str(each.place) for each in values[:SHOWN]]},
        fix=Fix("remove the initializers", Draft.remove, *values),
    )
