"""RUN008 declared-shape-violated."""

from collections.abc import Iterator

from onnxlint import Finding, Promises, Severity, rule


@rule("RUN008", "declared-shape-violated", severity=Severity.WARNING)
def declared_shape_violated(promises: Promises) -> Iterator[Finding]:
    """An output with another dtype or shape than the model declares.

    Why: clients allocate and read by the declaration; onnxruntime only logs a warning, TensorRT and
    Triton reject the model or truncate the output. A symbol stands for one size: where a symbol
    names an axis of an input and one of an output, and they differ, the declaration is wrong. What
    shape inference already contradicts is reported by `declared-shape-mismatch`.
    Fix: rename the dynamic axis, or declare the size that the model returns.

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
            f"declared {broken.declared}, but the model returned {broken.actual}: {broken.what}",
            measured=broken.measured,
            limit=broken.promised,
            hint=f"declare {broken.value.name!r} as the model returns this output, or rename the "
            "dynamic axis",
        )
