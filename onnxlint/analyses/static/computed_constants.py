"""Constants that nobody learnt: masks, positions and frequencies, which a formula gives."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from onnxlint.types import Array

HIDDEN = -1e4
"""What attention masks add at most to the scores of what must not be seen."""

FEWEST = 6
"""Terms from which a series is told from chance."""

MOST_ROWS = 64
"""Rows of a table that are looked at."""

SAME = 1e-4
"""By how much, relative to the largest, the terms of a series may differ from the formula's."""


def follows_from_a_formula(array: Array) -> bool:
    """Whether an array is a mask, a series of positions or frequencies, or a table of waves."""
    import numpy as np

    if array.dtype.kind != "f" or not array.size:
        return False
    with np.errstate(all="ignore"):
        return bool(_is_mask(array) or _is_series(array) or _is_waves(array))


def _is_mask(array: Array) -> bool:
    """Zeros and ones, or zeros and what hides a score; both of them."""
    import numpy as np

    flat = array.reshape(-1)
    if not _is_part_of_mask(flat[:MOST_ROWS]) or not _is_part_of_mask(flat):
        return False
    return bool(np.any(flat == 0) and np.any(flat != 0))


def _is_part_of_mask(flat: Array) -> bool:
    import numpy as np

    return bool(np.all((flat == 0) | (flat == 1)) or np.all((flat == 0) | (flat <= HIDDEN)))


def _is_series(array: Array) -> bool:
    """Whether a vector's differences, or its ratios, are all the same, and not 0 or 1."""
    if array.size < FEWEST or array.size != max(array.shape):
        return False
    terms = array.reshape(-1).astype("float64")
    steps = terms[1:] - terms[:-1]
    if abs(steps - steps[0]).max() <= SAME * abs(steps[0]):
        return bool(steps[0])
    if terms.min() <= 0:
        return False
    ratios = terms[1:] / terms[:-1]
    return bool(abs(ratios - ratios[0]).max() <= SAME * ratios[0])


def _is_waves(array: Array) -> bool:
    """Whether each column is a sine of the row: x[n + 1] + x[n - 1] = c x[n]."""
    import numpy as np

    table = array.reshape([size for size in array.shape if size > 1])
    if table.ndim != 2 or len(table) < FEWEST:
        return False
    rows = table[:MOST_ROWS].astype(np.float64)
    around, middle = rows[2:] + rows[:-2], rows[1:-1]
    factors = (around * middle).sum(0) / np.maximum((middle * middle).sum(0), 1e-30)
    misses = abs(around - factors * middle).max()
    varies = float(rows.std(0).max())
    return bool(varies > 0.01 and misses <= 10 * SAME * abs(rows).max())
