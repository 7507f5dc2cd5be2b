"""SEC006 allocation-bomb."""

from collections.abc import Iterator

from onnxlint import Finding, Preflight, ProblemKind, Severity, rule

HINT = "compute the shape from the input, or broadcast instead of expanding"


@rule("SEC006", "allocation-bomb", severity=Severity.ERROR)
def allocation_bomb(preflight: Preflight) -> Iterator[Finding]:
    """Constants that request an excessive allocation.

    Why: runtimes fold constants while they load a model: a file of 152 bytes took 287 MB before
    anything ran, and a few bytes more request petabytes (microsoft/onnxruntime#28730). The limit is
    2 GiB for all that ConstantOfShape, Expand, Tile, Range, Pad, Resize and declared shapes request
    together, the size of the largest model that needs no external data.
    Fix: do not open the model if its source is not trusted. In your own model, compute the shape
    from the input, or broadcast instead of expanding.

    Bad:
    net (float[N] x) => (float[N] y)
    <int64[3] shape = {4000, 4000, 4000}>
    {
        zeros = ConstantOfShape(shape)
        total = ReduceSum <keepdims = 0> (zeros)
        y = Add(x, total)
    }

    Good:
    net (float[N] x) => (float[N] y)
    <int64[3] shape = {400, 400, 400}>
    {
        zeros = ConstantOfShape(shape)
        total = ReduceSum <keepdims = 0> (zeros)
        y = Add(x, total)
    }
    """
    for hazard in preflight.of(ProblemKind.ALLOCATION):
        yield Finding(hazard, hazard.message, hazard.measured, hazard.limit, "bytes", hint=HINT)
