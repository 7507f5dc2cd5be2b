"""The numbers that occur in an array."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from onnxlint.types import Array


def distinct(array: Array, axis: int | None = None) -> Array:
    """Each number once, in order; with an `axis`, each vector along the others.

    Without counts `np.unique` asks numpy.ma for masked arrays, which loads for 13 ms.
    """
    import numpy as np

    return np.unique(array, axis=axis, return_counts=True)[0]
