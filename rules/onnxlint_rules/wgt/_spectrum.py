"""Eigenvalues of a layer's weights, and the power law of their tail."""

from __future__ import annotations

from typing import TYPE_CHECKING

from onnxlint import Weight

if TYPE_CHECKING:
    import numpy

    Array = numpy.ndarray


def eigenvalues_of(weight: Weight) -> Array:
    """Those of WᵀW that are not 0, of all positions of the kernel together."""

    import numpy

    try:
        array = weight.tensor.array()
    except ValueError:
        return numpy.empty(0)
    array = array.astype(numpy.float64 if array.dtype.itemsize > 4 else numpy.float32)
    matrices = array.reshape(*array.shape[:2], -1) if array.ndim > 1 else array[..., None]
    try:
        roots = numpy.linalg.svd(numpy.moveaxis(matrices, 2, 0), compute_uv=False).reshape(-1)
    except numpy.linalg.LinAlgError:  # numbers at the end of their type
        return numpy.empty(0)
    values = (roots / roots.max(initial=0) if roots.any() else roots).astype(numpy.float64) ** 2
    return numpy.sort(values[values > 1e-10])


def tail_exponent(values: Array) -> float | None:
    """The exponent of the power law nearest to the tail of ascending positive numbers."""

    import numpy

    best, exponent = numpy.inf, None
    logarithms = numpy.log(values.astype(float))
    sums = numpy.cumsum(logarithms[::-1])[::-1]
    for start in range(len(values) - 1):
        count = len(values) - start
        excess = sums[start] - count * logarithms[start]
        if excess <= 0 or (start and values[start] == values[start - 1]):
            continue
        alpha = 1 + count / excess
        law = 1 - numpy.exp((1 - alpha) * (logarithms[start:] - logarithms[start]))
        distance = abs(law - numpy.arange(count) / count).max()
        if distance < best:
            best, exponent = distance, alpha
    return exponent
