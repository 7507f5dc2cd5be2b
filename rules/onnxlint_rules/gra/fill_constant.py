"""GRA014 fill-constant."""

from collections.abc import Iterator
from typing import Annotated

from onnxlint import Finding, Option, Severity, Weights, rule


@rule("GRA014", "fill-constant", severity=Severity.WARNING)
def fill_constant(
    weights: Weights,
    *,
    min_bytes: Annotated[int, Option("size of the smallest constant to report", "bytes")] = 1024**2,
) -> Iterator[Finding]:
    """A large constant filled with a single value.

    Why: it is stored, loaded and kept in memory for the sake of one value: `ones_like` of a large
    tensor was exported as 400 MB (PyTorch issue 75597). Below 1 MiB it costs nothing worth
    mentioning. Only float constants are examined, and no weights of layers: other rules report
    those that are all equal.
    Fix: create it in the graph (ConstantOfShape, or Expand of a scalar), or broadcast the scalar.

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
                f"{tensor.nbytes:,} bytes all equal to {statistics.minimum:g} "
                f"(limit {min_bytes:,})",
                measured=tensor.nbytes,
                limit=min_bytes,
                unit="bytes",
                hint=f"create it with ConstantOfShape, or broadcast the scalar "
                f"{statistics.minimum:g}",
            )
