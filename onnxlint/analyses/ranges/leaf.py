"""The range of one input, and what it rests on."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct

from onnxlint.analyses.ranges.range import MOST_BOXES, Range, limits
from onnxlint.analyses.static.shapes import Shape
from onnxlint.model.file.dtypes import dtype_name, integer_range, is_float

if TYPE_CHECKING:
    from onnxlint.types import Array

SMALL_BITS = 8
"""Integers of so many bits or fewer have no number that is not plausible: their dtype's range is
one that data really fills."""


class Basis(StrEnum):
    """What the range of an input rests on, the strongest first.

    `DECLARED`: the configuration promises it. `ENFORCED`: the model is refused to run outside, as
    with an index beyond its table; so whatever comes out was made of numbers inside. `IMPLIED`: the
    graph shows what the input was made for, as a division by 255 does, but a run takes anything.
    `DTYPE`: nothing is known but what the dtype can hold.
    """

    DECLARED = "declared"
    ENFORCED = "enforced"
    IMPLIED = "implied"
    DTYPE = "dtype"


class Leaf(Struct, frozen=True, eq=False):
    """The range of an input, and what it rests on."""

    range: Range
    basis: Basis

    def admits(self, array: Array) -> bool:
        """Whether numbers that are fed lie inside; bounds of values hold only where they do."""
        if array.dtype.kind not in "fiub":
            return True
        numbers = array.astype(np.float64)
        try:
            inside = (numbers >= self.range.low) & (numbers <= self.range.high)
        except ValueError:  # not of the shape that the file declares
            return False
        return bool(inside.all())


def of_dtype(shape: Shape) -> Range:
    """Every finite number of the dtype."""
    low, high = limits(shape.element_type)
    whole = integer_range(shape.element_type)
    is_small = dtype_name(shape.element_type) == "bool" or (
        whole is not None and whole[1] - whole[0] < 1 << SMALL_BITS
    )
    return Range.of(low, high, free=not is_small, varies=True,
                    integer=not is_float(shape.element_type))  # fmt: skip


def leaf_of(
    shape: Shape, low: Array | float, high: Array | float, basis: Basis, axis: int | None = None
) -> Leaf:
    """A range with these ends, of which what the dtype cannot hold is cut off.

    Args:
        shape: that of the input.
        low: the lower ends; one, or one for each place along the axis.
        high: the upper ends.
        basis: what they rest on.
        axis: the axis along which they are told apart.
    """
    least, most = limits(shape.element_type)
    whole = not is_float(shape.element_type)
    lows, highs = np.broadcast_arrays(*(np.asarray(end, np.float64) for end in (low, high)))
    if whole:
        lows, highs = np.ceil(lows), np.floor(highs)
    lows, highs = np.clip(lows, least, most), np.clip(highs, least, most)
    highs = np.maximum(lows, highs)
    if lows.size > MOST_BOXES or axis is None or lows.size == 1:
        lows, highs = np.asarray(lows.min()), np.asarray(highs.max())
    elif shape.dims is not None:
        along = [-1 if at == axis % len(shape.dims) else 1 for at in range(len(shape.dims))]
        lows, highs = lows.reshape(along), highs.reshape(along)
    is_free = bool((lows <= least).any() or (highs >= most).any()) and of_dtype(shape).free
    return Leaf(Range(lows, highs, integer=whole, free=is_free, varies=True), basis)
