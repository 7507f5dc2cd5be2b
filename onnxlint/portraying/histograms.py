"""How the elements of activations and weights are distributed, in numbers that fit a page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from onnxlint.portrait.layers import Powers, Weight

if TYPE_CHECKING:
    from onnxlint.analyses.static.weights import Weights
    from onnxlint.analyses.trace.trace import Observed
    from onnxlint.model.file.tensors import Tensor
    from onnxlint.runtime.protocol import Array, Statistics

DEEPEST = 24
"""Powers of two below the largest one that are told apart: what float32 has digits for."""

BINS = 32
"""Bars of a weight's histogram; a choice."""

SUBSET = 4096
"""Elements of a weight that are counted; a choice, some hundred a bar."""

LOW, HIGH = 0.01, 0.99


def powers(found: Observed) -> Powers | None:
    """The powers of two that were met; those far below the largest are counted together."""
    counts, negative = found.statistics.exponents, found.statistics.negative_exponents
    if counts is None or negative is None or not counts.any():
        return None
    met = counts.nonzero()[0]
    last = int(met[-1])
    first = max(int(met[0]), last + 1 - DEEPEST)
    below, both = _from(negative, first, last), _from(counts, first, last)
    above = tuple(all_ - less for all_, less in zip(both, below, strict=True))
    return Powers(first - len(counts) // 2, below, above)


def _from(counts: Array, first: int, last: int) -> tuple[int, ...]:
    kept = counts[first : last + 1].tolist()
    kept[0] += int(counts[:first].sum())
    return tuple(kept)


def band(found: Observed) -> tuple[float, float] | None:
    """The magnitudes that 1 % and 99 % of the elements other than 0 do not exceed."""
    import numpy as np

    counts = found.statistics.exponents
    if counts is None or not (total := int(counts.sum())):
        return None
    summed = np.cumsum(counts)
    ends = []
    for share in (LOW, HIGH):
        at = int(np.searchsorted(summed, share * total))
        inside = (share * total - (summed[at] - counts[at])) / counts[at]
        ends.append(float(2.0 ** min(at - len(counts) // 2 + inside, 1023)))
    return min(ends[0], found.peak), min(ends[1], found.peak)


def weight(weights: Weights, name: str, tensor: Tensor) -> Weight:
    """A constant's statistics and distribution."""
    about = Weight(name, f"{tensor.dtype}{list(tensor.dims)}", tensor.size)
    seen = weights.of(tensor)
    if seen is None or not seen.finite:
        return about
    bins = () if seen.minimum == seen.maximum else _bins(tensor, seen)
    scale = tensor.size / seen.elements if tensor.fill else 1
    return Weight(
        about.name,
        about.type,
        about.elements,
        nan=seen.nan,
        infinite=seen.infinite,
        zeros=round(seen.zeros * scale),
        minimum=seen.minimum,
        maximum=seen.maximum,
        mean=seen.mean,
        rms=seen.rms,
        bins=bins,
    )


def _bins(tensor: Tensor, seen: Statistics) -> tuple[int, ...]:
    import numpy as np

    from onnxlint.model.file.mapped_files import TensorError

    try:
        flat = tensor.array().reshape(-1)
    except TensorError:
        return ()
    subset = flat[:: flat.size // SUBSET | 1].astype(np.float64)
    subset = subset[np.isfinite(subset)]
    width = (seen.maximum - seen.minimum) / BINS
    if not (width > 0 and np.isfinite(width)):
        return ()
    counts, _ = np.histogram(subset, BINS, (seen.minimum, seen.maximum))
    return tuple(counts.tolist())
