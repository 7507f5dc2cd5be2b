"""GRA014 fill-constant."""

from collections.abc import Iterator

from onnxlint import Finding, Severity, Weights, rule


@rule("GRA014", "fill-constant", severity=Severity.WARNING)
def fill_constant(weights: Weights, *, min_bytes: int = 1024 * 1024) -> Iterator[Finding]:
    """A large constant that is one number over and over.

    Why: it is stored, loaded and kept in memory for a single number: `ones_like` of a large tensor
    exported as 400 MB (PyTorch issue 75597). The limit of 1 MiB leaves alone what costs nothing.
    Float constants only, and no weights of layers: what ails one that is all the same, other rules
    say.
    Fix: let the graph make it (ConstantOfShape, or Expand of a scalar), or broadcast the scalar.

    Bad:
    net (float[N, 1024] x) => (float[N, 1024] y)
    {
        y = Add(x, ones)
    }
    >>> from onnx import numpy_helper
    >>> import numpy
    >>> ones = numpy_helper.from_array(numpy.ones((512, 1024), "float32"), "ones")
    >>> model.graph.initializer.append(ones)

    Good:
    # 4 KiB
    net (float[N, 1024] x) => (float[N, 1024] y)
    {
        y = Add(x, ones)
    }
    >>> from onnx import numpy_helper
    >>> import numpy
    >>> ones = numpy_helper.from_array(numpy.ones((1024,), "float32"), "ones")
    >>> model.graph.initializer.append(ones)
    """
    multiplied = {weight.value for weight in weights.layers()}
    for value, tensor in weights.constants():
        if tensor.nbytes < min_bytes or tensor.fill or value in multiplied:
            continue
        statistics = weights.of(tensor)
        if statistics is None or statistics.finite < statistics.elements:
            continue
        if statistics.minimum == statistics.maximum:
            yield Finding(
                value,
                f"{tensor.nbytes:,} bytes hold nothing but {statistics.minimum:g} "
                f"(limit {min_bytes:,})",
                measured=tensor.nbytes,
                limit=min_bytes,
                unit="bytes",
            )
