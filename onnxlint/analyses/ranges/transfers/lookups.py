"""Gather: rows of a table by number, known ones exactly, others by the interval of the number."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from msgspec.structs import replace

from onnxlint.analyses.ranges.at import At
from onnxlint.analyses.ranges.range import Range
from onnxlint.analyses.ranges.registry import transfer
from onnxlint.analyses.ranges.transfers.grids import (
    axis_of,
    changed,
    fits,
    grid_of,
    gridded,
    merged,
    renamed,
)

if TYPE_CHECKING:
    from onnxlint.types import Array

LARGEST_READ = 1 << 22
"""Elements of a table that are read for one lookup. A choice: some 20 ms."""


@transfer("Gather")
def gathered(at: At) -> Range:
    """Rows along an axis: the axes of the indices take the place of that axis."""
    x, rank, depth = grid_of(at), at.rank(0), at.rank(1)
    axis = axis_of(at, rank)
    if axis is None or rank is None:
        return x.hull.without_parts()
    size = at.size(0, [axis])
    size = x.low.shape[axis] if size is None and x.low.shape[axis] > 1 else size
    indices = gridded(at[1], depth)
    made = _known_rows(at, axis, indices) if depth is not None else None
    if made is None:
        x = _narrowed(at, x, axis, size, indices)
        if depth is None:
            return x.hull.without_parts()
        made = replace(_picked(x, axis, indices), anchor=x.anchor, total=x.total)

    along, more = axis - rank, (depth or 0) - 1

    def place(old: frozenset[int]) -> frozenset[int] | None:
        return None if along in old else frozenset(a if a > along else a - more for a in old)

    varies = x.varies or (at[1].varies and not indices.is_point)
    return replace(renamed(made, place), varies=varies)


def _picked(x: Range, axis: int, indices: Range) -> Range:
    """The rows that each box of the indices may pick."""
    boxes, grid = x.low.shape[axis], indices.low.shape
    before, after = x.low.shape[:axis], x.low.shape[axis + 1 :]
    if boxes > 1 and not fits((*before, *grid, *after)):
        x = x.collapsed([other for other in range(x.low.ndim) if other != axis])
        before, after = x.low.shape[:axis], x.low.shape[axis + 1 :]
    if boxes == 1 or not fits(grid):
        ones = (*before, *(1,) * len(grid), *after)
        return changed(merged(x, [axis]), lambda ends: ends.reshape(ones))
    first, last = rows_of(indices, boxes)

    def within(ends: Array, pick: np.ufunc) -> Array:
        found = _over(ends, axis, first.reshape(-1), last.reshape(-1), pick)
        return found.reshape((*before, *grid, *after))

    made = replace(x, low=within(x.low, np.minimum), high=within(x.high, np.maximum))
    return made.without_parts()


def _over(ends: Array, axis: int, first: Array, last: Array, pick: np.ufunc) -> Array:
    """The least or largest of the rows from one to another, for each pair of them."""
    if bool((first == last).all()):
        return np.take(ends, first, axis)
    padded = np.concatenate([ends, np.take(ends, [-1], axis)], axis)
    pairs = np.stack([first, last + 1], axis=-1).reshape(-1)
    found = np.asarray(pick.reduceat(padded, pairs, axis))
    return np.take(found, np.arange(0, len(pairs), 2), axis)


def rows_of(indices: Range, size: int) -> tuple[Array, Array]:
    """The first and the last row that indices may mean; one that is out of range ends the run."""
    low = np.clip(indices.low, -size, size - 1)
    high = np.clip(indices.high, -size, size - 1)
    from_end, across = high < 0, (low < 0) & (high >= 0)
    first = np.where(across, 0, np.where(from_end, low + size, low))
    last = np.where(across, size - 1, np.where(from_end, high + size, high))
    return first.astype(np.int64), last.astype(np.int64)


def _known_rows(at: At, axis: int, indices: Range) -> Range | None:
    """Rows of a constant by known numbers, read one by one; None where it is not that."""
    known, table = at.known(1), at.constant(0)
    if known is None or table is None or table.ndim <= axis or not known.size:
        return None
    rows, _ = rows_of(Range(known, known), table.shape[axis])
    if table.size // max(table.shape[axis], 1) * rows.size > LARGEST_READ:
        return None
    return gridded(Range.constant(np.take(table, rows, axis)), table.ndim - 1 + rows.ndim)


def _narrowed(at: At, x: Range, axis: int, size: int | None, indices: Range) -> Range:
    """A constant of too many boxes within the rows that indices may mean."""
    if size is None or size <= 1 or x.low.shape[axis] > 1:
        return x
    first, last = rows_of(indices, size)
    least, most = int(first.min()), int(last.max())
    table = at.constant(0) if (least, most) != (0, size - 1) else None
    if table is None or table.ndim <= axis or table.shape[axis] != size:
        return x
    rows = table[(*(slice(None),) * axis, slice(least, most + 1))]
    if rows.size > LARGEST_READ:
        return x
    return merged(gridded(Range.constant(rows), x.low.ndim), [axis])
