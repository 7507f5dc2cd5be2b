"""INT001 fixed-batch."""

from collections.abc import Iterator

from onnxlint import Finding, Graph, Severity, Shapes, rule


@rule("INT001", "fixed-batch", severity=Severity.INFO)
def fixed_batch(graph: Graph, shapes: Shapes) -> Iterator[Finding]:
    """Every input has the size 1 in its first dim.

    Why: a server cannot batch requests, and an exporter given an example of one sample makes such
    models without being asked (PyTorch issue 148629). It may be meant: a fixed size lets compilers
    plan.
    Fix: name the batch axis dynamic at the export, and give it an example of two samples.

    Bad:
    net (float[1, 3] x) => (float[1, 3] y)
    {
        y = Relu(x)
    }

    Good:
    # the table is shared by all samples
    net (float[N, 3] x, float[1, 3] table) => (float[N, 3] y)
    {
        y = Mul(x, table)
    }
    """
    types = [shapes.of(value) for value in graph.inputs]
    if types and all(shape is not None and shape.dim(0) == 1 for shape in types):
        yield Finding(
            graph.main,
            f"the first size of all {len(types)} inputs is 1, so it runs one sample at a time",
            measured=1,
            unit="samples",
        )
