"""Histograms and kinds of numbers, of statistics and of stored tensors."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from onnxlint.viewers.picture import Health, Histogram

if TYPE_CHECKING:
    from onnxlint.model.file.tensors import Tensor
    from onnxlint.runtime.protocol import Array, Statistics

BINS = 60
"""Of equal width; a choice, TensorBoard draws 30."""

FEWEST = 64
"""Kept elements that a histogram is made of; with fewer, powers of two are counted."""

MOST_READ = 1 << 16
"""Elements of a stored tensor that are counted, a regular subset of more."""


def health(seen: Statistics, negative_share: float | None = None) -> Health:
    """All elements, by what kind of number they are.

    `negative_share` is of those that are finite and not 0; without it that of the elements whose
    exponents were counted.
    """
    rest = seen.finite - seen.zeros
    negative = _negative(seen, rest, negative_share)
    return Health(
        nan=seen.nan,
        negative_infinite=seen.negative_infinite,
        negative=negative,
        zero=seen.zeros,
        positive=rest - negative,
        positive_infinite=seen.positive_infinite,
    )


def _negative(seen: Statistics, rest: int, share: float | None) -> int:
    if not rest or seen.minimum >= 0:
        return 0
    if seen.maximum <= 0:
        return rest
    counts, negative = seen.exponents, seen.negative_exponents
    if share is None and counts is not None and negative is not None and counts.any():
        share = float(negative.sum() / counts.sum())
    return min(max(round((0.5 if share is None else share) * rest), 1), rest - 1)  # both are there


def of_run(seen: Statistics) -> Histogram | None:
    """Of a value of a run: of the elements that were kept, else by powers of two."""
    import numpy as np

    if not seen.finite or not math.isfinite(seen.rms):
        return None
    kept = np.empty(0) if seen.samples is None else seen.samples[:, 1:].reshape(-1)
    kept = kept[np.isfinite(kept)].astype(np.float64)
    if kept.size >= min(FEWEST, seen.finite):
        return _histogram(seen, *_equal_bins(seen, kept))
    return _by_powers(seen)


def of_stored(tensor: Tensor, seen: Statistics) -> tuple[Health, Histogram | None]:
    """Of a stored tensor, which is read again."""
    import numpy as np

    numbers = _read(tensor)
    nonzero = int(np.count_nonzero(numbers))
    share = float(np.count_nonzero(numbers < 0) / nonzero) if nonzero else None
    kinds = health(seen, share)
    if not numbers.size or not math.isfinite(seen.rms):
        return kinds, None
    return kinds, _histogram(seen, *_equal_bins(seen, numbers))


def _read(tensor: Tensor) -> Array:
    """The finite ones of a regular subset of the elements; none of a tensor that is unreadable."""
    import numpy as np

    from onnxlint.model.file.mapped_files import TensorError
    from onnxlint.runtime.statistics.numpy_passes import widened

    step, at, kept = tensor.size // MOST_READ | 1, 0, [np.empty(0)]
    try:
        for block in tensor.blocks():
            kept.append(widened(block[-at % step :: step]).astype(np.float64))
            at += block.size
    except TensorError:
        return np.empty(0)
    numbers = np.concatenate(kept)
    return numbers[np.isfinite(numbers)]


def _equal_bins(seen: Statistics, numbers: Array) -> tuple[Array, Array]:
    """Upper ends of bins between the exact extremes, and counts."""
    import numpy as np

    if not seen.minimum < seen.maximum:
        return np.array([seen.maximum]), np.array([numbers.size])
    edges = np.linspace(seen.minimum, seen.maximum, BINS + 1)
    inside = np.clip(numbers, seen.minimum, seen.maximum)
    at = np.clip(np.searchsorted(edges, inside, side="right") - 1, 0, BINS - 1)
    return edges[1:], np.bincount(at, minlength=BINS)


def _by_powers(seen: Statistics) -> Histogram | None:
    import numpy as np

    counts, negative = seen.exponents, seen.negative_exponents
    if counts is None or negative is None:
        return None
    middle = len(counts) // 2
    nonzero = (seen.finite - seen.zeros) / max(1, int(counts.sum()))
    upper = np.ldexp(1.0, np.arange(1, len(counts) + 1) - middle)  # of a magnitude's bin
    ends = [*-upper[-2::-1], 0.0, 0.0, *upper]
    amounts = [*(negative[:0:-1] * nonzero), negative[0] * nonzero, seen.zeros,
               *((counts - negative) * nonzero)]  # fmt: skip
    pairs = [(end, amount) for end, amount in zip(ends, amounts, strict=True) if amount]
    if not pairs:
        return None
    limits = np.clip([end for end, _ in pairs], seen.minimum, seen.maximum)
    return _histogram(seen, limits, np.array([amount for _, amount in pairs]))


def _histogram(seen: Statistics, limits: Array, counts: Array) -> Histogram:
    scaled = counts * (seen.finite / counts.sum())
    return Histogram(
        minimum=seen.minimum,
        maximum=seen.maximum,
        elements=seen.finite,
        total=seen.mean * seen.finite,
        squares=seen.rms**2 * seen.finite,
        limits=tuple(map(float, limits)),
        counts=tuple(map(float, scaled)),
    )
