"""Windows, Fourier transforms, filter banks and determinants."""

from __future__ import annotations

import numpy as np

from onnxlint.analyses.ranges.at import At
from onnxlint.analyses.ranges.range import Range
from onnxlint.analyses.ranges.registry import transfer
from onnxlint.model.file.dtypes import is_float


@transfer("HannWindow", "HammingWindow", "BlackmanWindow", ulps=4)
def windows(at: At) -> Range | None:
    """Sums of cosines from 0 to 1; NaN of a symmetric window of one element, 0 / 0."""
    kind = at.element_type_out()
    if kind is None:
        return None
    least = 0.08 if at.node.op == "HammingWindow" else 0.0
    if not is_float(kind):
        return Range.of(0.0, 1.0, integer=True)
    size = at.number(0)
    single = not at.attribute("periodic", 1) and (size is None or size <= 1)
    return at.made(least - 1e-6, 1.0 + 1e-6, at[0], nan=single)


@transfer("MelWeightMatrix", ulps=4)
def filter_bank(at: At) -> Range:
    """Triangles from 0 to 1."""
    return at.made(0.0, 1.0 + 1e-6, *(each for each in at.read if each is not None))


@transfer("DFT", ulps=16)
def transformed(at: At) -> Range | None:
    """|Σ x · e^(-iφ)| <= n · max|x|, twice that of complex numbers; an inverse divides by n."""
    x, dims = at.hull(0), at.dims(0)
    parts = 1 if dims and dims[-1] == 1 else 2
    if at.attribute("inverse", 0):
        return _spectrum(at, x, 1, parts * 2)
    sizes = [size for size in (_along(at), at.number(1) if at.has(1) else None)
             if size is not None]  # fmt: skip
    return _spectrum(at, x, int(min(sizes)) if sizes else None, parts)


def _along(at: At) -> int | None:
    """The size of the axis that is transformed; an attribute until opset 19, of default 1."""
    dims = at.dims(0)
    if dims is None:
        return None
    if at.has(2):
        axis = at.number(2)
    else:
        axis = at.attribute("axis")
        if axis is None:
            known = [size for size in dims[:-1] if isinstance(size, int)]
            return max(known) if known and len(known) == len(dims) - 1 else None
    if axis is None or not -len(dims) <= axis < len(dims):
        return None
    size = dims[int(axis)]
    return size if isinstance(size, int) else None


def _spectrum(at: At, x: Range, terms: int | None, parts: int) -> Range:
    count = np.inf if terms is None else float(max(terms, 1))
    most = 0.0 if not x.magnitude else x.magnitude * count * parts
    if np.isfinite(most):
        most *= 1 + (count + 64) * at.eps
    over = most > at.limits[1]
    return at.made(-most, most, x, nan=over or x.infinite, mixes=True, loose=True)


@transfer("STFT", ulps=16)
def frames(at: At) -> Range:
    """DFT of windowed frames."""
    x, sizes = at.hull(0), []
    if at.has(3) and (number := at.number(3)) is not None:
        sizes.append(int(number))
    if at.has(2) and isinstance(size := at.size(2), int):
        sizes.append(size)
    dims = at.dims(0)
    if dims is not None and len(dims) > 1 and isinstance(dims[1], int):
        sizes.append(dims[1])
    rate = at[2].magnitude if at.has(2) else 1.0
    if not np.isfinite(rate):
        return at.made(-np.inf, np.inf, nan=True, mixes=True)
    weighed = at.made(-x.magnitude * rate, x.magnitude * rate, x)
    return _spectrum(at, weighed, min(sizes) if sizes else None, 2)


@transfer("Det", ulps=64)
def determinant(at: At) -> Range | None:
    """Hadamard: |det| <= (√n · max|x|)^n; LU loses up to n³ · 2^n units."""
    dims, x = at.dims(0), at.hull(0)
    size = dims[-1] if dims else None
    if not isinstance(size, int) or not 0 < size <= 64 or not x.is_finite:
        return None
    if size == 1:
        return at.made(x.low, x.high, x)
    with np.errstate(over="ignore"):
        most = float(np.float64(np.sqrt(size) * x.magnitude) ** size)
        most *= 1 + size**3 * 2.0**size * at.eps
    return at.made(-most, most, x, nan=most > at.limits[1], mixes=True, loose=True)
