"""INT001 fixed-batch."""

from collections.abc import Iterator

from onnxlint import Finding, Graph, Severity, Shapes, rule


@rule("INT001", "fixed-batch", severity=Severity.INFO)
def fixed_batch(graph: Graph, shapes: Shapes) -> Iterator[Finding]:
    """The batch size is fixed to 1.

    Why: a server cannot batch requests, and an exporter given an example of one sample creates such
    models unasked (PyTorch issue 148629). It may be intended: a fixed size lets compilers plan.
    Fix: declare the batch axis as dynamic at export, and give it an example of two samples.

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
            f"first dimension of {f'all {len(types)} inputs' if types[1:] else 'the input'} is 1: "
            "one sample per run",
            measured=1,
            unit="samples",
            hint="declare the batch axis as dynamic at export, if requests are to be batched",
        )
