"""Grids of boxes that follow their axes: what transfers of moving operators are made of."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from msgspec.structs import replace

from onnxlint.analyses.ranges.range import MOST_BOXES, Part, Range, join

if TYPE_CHECKING:
    from onnxlint.analyses.ranges.at import At
    from onnxlint.types import Array

    Dims = Sequence[int | str | None]

MOST_SIZE = 2**63 - 1
"""The largest size of an axis, as an int64 tells it."""


def gridded(one: Range, rank: int | None) -> Range:
    """With an axis of boxes for each of so many axes; one interval where it is unknown how many."""
    shape = np.broadcast_shapes(one.low.shape, one.high.shape)
    if rank is None or len(shape) > rank:
        return one.hull.spread(rank or 0).without_parts()
    low, high = np.broadcast_arrays(one.low, one.high)
    wide = (1,) * (rank - len(shape)) + shape
    return replace(one, low=low.reshape(wide), high=high.reshape(wide))


def grid_of(at: At, slot: int = 0) -> Range:
    """An input with an axis of boxes for each of its axes; none that contradict its sizes."""
    one, dims = gridded(at[slot], at.rank(slot)), at.dims(slot)
    wrong = [axis for axis, (boxes, dim) in enumerate(zip(one.low.shape, dims or (), strict=False))
             if boxes > 1 and isinstance(dim, int) and dim != boxes]  # fmt: skip
    return merged(one, wrong) if wrong else one


def changed(one: Range, change: Callable[[Array], Array], *, keeps_parts: bool = False) -> Range:
    """The same numbers in other places: the same is done to both ends."""
    made = replace(one, low=change(one.low), high=change(one.high))
    return made if keeps_parts else made.without_parts()


def merged(one: Range, axes: Iterable[int]) -> Range:
    """One interval along these axes, which count from the first; parts along them are dropped."""
    wanted = [axis for axis in axes if axis < one.low.ndim]
    cut = one.collapsed(wanted) if wanted else one
    return without_parts_along(cut, {axis - one.low.ndim for axis in wanted})


def without_parts_along(one: Range, axes: set[int]) -> Range:
    """Without what is known along any of these axes, which count from the end."""
    anchor = None if one.anchor is None or one.anchor.axes & axes else one.anchor
    total = None if one.total is None or one.total.axes & axes else one.total
    return replace(one, anchor=anchor, total=total)


def renamed(one: Range, axes: Callable[[frozenset[int]], frozenset[int] | None]) -> Range:
    """With the axes of its parts under their new numbers; None drops a part."""

    def of(part: Part | None) -> Part | None:
        found = None if part is None else axes(part.axes)
        return None if part is None or found is None else replace(part, axes=found)

    return replace(one, anchor=of(one.anchor), total=of(one.total))


def fits(shape: Iterable[int]) -> bool:
    """Whether a grid of this shape is allowed."""
    return math.prod(shape) <= MOST_BOXES


def joined(ranges: Sequence[Range]) -> Range:
    """The least range that holds all; one interval where their grids do not go together."""
    try:
        np.broadcast_shapes(*(each.low.shape for each in ranges))
    except ValueError:
        ranges = [each.hull.without_parts() for each in ranges]
    return join(*ranges)


def with_fill(one: Range, fill: float) -> Range:
    """Beside what it is, elements may be this number."""
    return join(one, Range.of(fill, fill, integer=float(fill).is_integer())).without_parts()


def axis_of(at: At, rank: int | None, default: int = 0, name: str = "axis") -> int | None:
    """An axis that an attribute gives, counted from the first; None where it is not known."""
    found = at.attribute(name, default)
    if rank is None or not isinstance(found, int) or not at.is_decided(name):
        return None
    return found % rank if -rank <= found < rank else None


def sizes_of(at: At, one: Range, slot: int = 0) -> list[int | None]:
    """The sizes of a gridded input's axes: as shape inference has them, else as its boxes tell."""
    dims = at.dims(slot) or (None,) * one.low.ndim
    return [
        dim if isinstance(dim, int) else boxes if boxes > 1 else None
        for dim, boxes in zip(dims, one.low.shape, strict=False)
    ]


def elements_of(at: At, slot: int) -> tuple[Array, Array] | None:
    """The ends of a list of integers, element by element; None where their number is not known."""
    count = at.size(slot)
    found = at[slot]
    known = at.known(slot)
    if known is not None:
        numbers = known.astype(np.float64).reshape(-1)
        return numbers, numbers
    if count is None or count > MOST_BOXES or at.rank(slot) not in (0, 1):
        return None
    if found.low.size not in (1, count) or found.high.size not in (1, count):
        return None
    low, high = found.low.reshape(-1), found.high.reshape(-1)
    return np.broadcast_to(low, count), np.broadcast_to(high, count)


def points_of(at: At, slot: int) -> list[int | None] | None:
    """A list of integers of which some are known; None where not even their number is."""
    found = elements_of(at, slot)
    if found is None:
        return None
    return [
        int(low) if low == high and math.isfinite(low) else None
        for low, high in zip(*(ends.tolist() for ends in found), strict=True)
    ]


def counted(at: At, low: float | Array, high: float | Array, *parents: Range,
            free: bool = False) -> Range:  # fmt: skip
    """Whole numbers that tell places or sizes: NaN and what makes inputs free do not reach them."""
    made = at.made(low, high, *parents, integer=True)
    return replace(made, nan=False, free=free)
