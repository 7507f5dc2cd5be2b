"""RUN008 declared-shape-violated."""

from collections.abc import Iterator

from onnxlint import Finding, Promises, Severity, rule


@rule("RUN008", "declared-shape-violated", severity=Severity.WARNING)
def declared_shape_violated(promises: Promises) -> Iterator[Finding]:
    """An output that is not of the dtype or shape that the model declares.

    Why: clients allocate and read by the declaration; onnxruntime only logs a warning, TensorRT and
    Triton refuse the model or cut the output short. A symbol stands for one size: where it names
    an axis of an input and one of an output, and they differ, the declaration is wrong. What shape
    inference contradicts already is told by `declared-shape-mismatch`.
    Fix: name the axis anew, or declare the size that comes out.

    Bad:
    net (float[N, 3] x) => (int64[2, N] y)
    {
        y = NonZero(x)
    }

    Good:
    net (float[N, 3] x) => (int64[2, found] y)
    {
        y = NonZero(x)
    }
    """
    for broken in promises.broken:
        yield Finding(
            broken.value,
            f"it is declared as {broken.declared} and came out as {broken.actual}: {broken.what}",
            measured=broken.measured,
            limit=broken.promised,
        )
