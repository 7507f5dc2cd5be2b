"""How numbers are distributed: by feature, with histograms and quantiles."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from onnxlint.portrait.numbers import Histogram

if TYPE_CHECKING:
    from onnxlint.types import Array

BINS = 24
MOST_NUMBERS = 20_000
"""Numbers of a feature that histograms and quantiles are made of; of more a regular subset."""

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


def histogram(numbers: Array, ends: tuple[float, float] | None = None) -> Histogram | None:
    """Of the finite ones, between `ends`, within which all lie, or their own.

    Few whole ones have a bin each.
    """
    import numpy as np

    finite = numbers[np.isfinite(numbers)].astype(np.float64)
    if not finite.size:
        return None
    low, high = ends or (float(finite.min()), float(finite.max()))
    width = high - low
    if not math.isfinite(width) or width <= 0:
        return Histogram(low, high, (int(finite.size),)) if width == 0 else None
    is_whole = low == round(low) and bool((finite == np.round(finite)).all())
    whole = is_whole and width < BINS
    if whole:
        counts = np.bincount((finite - low).astype(np.int64), minlength=round(width) + 1)
    else:
        counts, _ = np.histogram(finite, BINS, (low, high))
    return Histogram(low, high, tuple(counts.tolist()), whole)


def rows(blocks: Sequence[Array], axis: int | None, chosen: Sequence[int]) -> tuple[Array, bool]:
    """[numbers, chosen features] in float64, and whether that is a subset of them."""
    import numpy as np

    views = [_spread(block, axis) for block in blocks if block.size]
    total = sum(math.prod(view.shape[:-1]) for view in views)
    step = -(-total // MOST_NUMBERS) or 1
    parts, at = [np.zeros((0, len(chosen)))], 0
    for view in views:
        count = math.prod(view.shape[:-1])
        places = np.arange(-at % step, count, step)
        index = np.unravel_index(places, view.shape[:-1])
        parts.append(view[index][:, list(chosen)].astype(np.float64))
        at += count
    return np.concatenate(parts), step > 1


def quantiles(numbers: Array) -> tuple[float, ...]:
    """Of the finite ones, as `QUANTILES` asks."""
    import numpy as np

    finite = numbers[np.isfinite(numbers)]
    return tuple(np.quantile(finite, QUANTILES).tolist()) if finite.size else ()


def _spread(block: Array, axis: int | None) -> Array:
    import numpy as np

    if axis is None or not -block.ndim <= axis < block.ndim:
        return block.reshape(-1, 1)
    spread = np.moveaxis(block, axis, -1)
    return spread if spread.ndim > 1 else spread[None]
