"""Matrices as grey PNG files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from onnxlint.portrait.pictures import Image
from onnxlint.portraying.png import png

if TYPE_CHECKING:
    from onnxlint.types import Array

LONGEST_SIDE = 64
"""Pixels of a side: a choice, four kilobytes an image at most. Larger matrices are averaged."""


def image(matrix: Array, number: int | None, longest: int = LONGEST_SIDE) -> Image:
    """A matrix whose finite elements go from black to white."""
    import numpy as np

    values = np.asarray(matrix, np.float64)
    finite = np.isfinite(values)
    odd = int(values.size - np.count_nonzero(finite))
    low, high = (float(values[finite].min()), float(values[finite].max())) if finite.any() else (
        0.0, 0.0)  # fmt: skip
    small = _smaller(np.where(finite, values, low), longest)
    width = high - low
    grey = np.zeros(small.shape) if not width else (small - low) / width * 255
    pixels = np.clip(np.rint(grey), 0, 255).astype(np.uint8)
    return Image(png(pixels), pixels.shape[1], pixels.shape[0], number, low, high, odd)


def _smaller(values: Array, longest: int) -> Array:
    """Means of blocks, so that no side is longer."""
    import numpy as np

    for axis in (0, 1):
        step = -(-values.shape[axis] // longest)
        if step > 1:
            starts = np.arange(0, values.shape[axis], step)
            sums = np.add.reduceat(values, starts, axis=axis)
            counts = np.diff([*starts, values.shape[axis]])
            values = sums / (counts[:, None] if axis == 0 else counts)
    return values
