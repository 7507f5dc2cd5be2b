"""GRA013 duplicate-initializer."""

from collections.abc import Iterator

from onnxlint import Finding, Severity, Weights, rule


@rule("GRA013", "duplicate-initializer", severity=Severity.WARNING)
def duplicate_initializer(weights: Weights, *, min_bytes: int = 64 * 1024) -> Iterator[Finding]:
    """A large constant that is stored more than once, as it is or transposed.

    Why: tied weights, such as an embedding and the layer that turns back into words, came apart at
    the export: the file, and the memory of the runtime, hold both (a model of 2.1 GiB became 3.0,
    optimum issue 1326). Equal small constants are common and cost nothing: hence the 64 KiB.
    Fix: let every reader use one of them (behind a Transpose where need be), or store them at the
    same place of the external data.

    Bad:
    net (float[N, 128] x) => (float[N, 128] y)
    {
        h = MatMul(x, w)
        y = MatMul(h, v)
    }
    >>> from onnx import numpy_helper
    >>> import numpy
    >>> w = numpy.arange(128 * 128, dtype="float32").reshape(128, 128)
    >>> model.graph.initializer.append(numpy_helper.from_array(w, "w"))
    >>> model.graph.initializer.append(numpy_helper.from_array(w.T.copy(), "v"))

    Good:
    # one number differs
    net (float[N, 128] x) => (float[N, 128] y)
    {
        h = MatMul(x, w)
        y = MatMul(h, v)
    }
    >>> from onnx import numpy_helper
    >>> import numpy
    >>> w = numpy.arange(128 * 128, dtype="float32").reshape(128, 128)
    >>> model.graph.initializer.append(numpy_helper.from_array(w, "w"))
    >>> w[0, 0] = 1
    >>> model.graph.initializer.append(numpy_helper.from_array(w, "v"))
    """
    for copies in weights.copies(min_bytes):
        (first, tensor), *others = copies
        wasted = len(others) * tensor.nbytes
        yield Finding(
            first,
            f"its {tensor.nbytes:,} bytes are stored {len(copies)} times, {wasted:,} of them for "
            f"nothing: also as {', '.join(value.name for value, _ in others)}",
            measured=wasted,
            limit=min_bytes,
            unit="bytes",
        )
