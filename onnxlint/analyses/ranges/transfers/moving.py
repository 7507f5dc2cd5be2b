"""Operators that only move numbers: into another shape, order or place."""

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
    merged,
    renamed,
    with_fill,
)
from onnxlint.analyses.ranges.transfers.groups import regrouped

if TYPE_CHECKING:
    from onnxlint.types import Array


@transfer("Reshape", "Flatten", "Squeeze", "Unsqueeze", "com.microsoft::ExpandDims")
def reshaped(at: At) -> Range:
    """The same elements in the same order; boxes stay where axes do, or are cut or put together."""
    return regrouped(grid_of(at), at.dims(0), at.dims_out())


@transfer("Transpose")
def transposed(at: At) -> Range:
    """Axes in another order, with all that is known along them."""
    x, rank = grid_of(at), at.rank(0)
    if rank is None or not at.is_decided("perm"):
        return at.hull()
    order = list(at.attribute("perm") or range(rank)[::-1])
    if sorted(order) != list(range(rank)):
        return at.hull()
    places = {source - rank: place - rank for place, source in enumerate(order)}
    moved = changed(x, lambda ends: ends.transpose(order), keeps_parts=True)
    return renamed(moved, lambda axes: frozenset(places[axis] for axis in axes))


@transfer("DepthToSpace")
def spread_out(at: At) -> Range:
    """Each channel of the output holds the elements of block² channels of the input."""
    x, block = grid_of(at), at.attribute("blocksize", 1)
    if x.low.ndim != 4:
        return at.hull()
    x = merged(x, (2, 3)).without_parts()
    channels = x.low.shape[1]
    if channels == 1:
        return x
    if not isinstance(block, int) or block < 1 or channels % block**2:
        return x.hull
    by_channel = at.attribute("mode", "DCR") == "CRD"
    shape = (channels // block**2, block**2) if by_channel else (block**2, channels // block**2)
    axis = 2 if by_channel else 1

    def cut(ends: Array, pick: np.ufunc) -> Array:
        parted = ends.reshape((ends.shape[0], *shape))
        return np.asarray(pick.reduce(parted, axis=axis))[..., None, None]

    return replace(x, low=cut(x.low, np.minimum), high=cut(x.high, np.maximum))


@transfer("SpaceToDepth")
def stacked_up(at: At) -> Range:
    """The channels of the input once for each place of a block."""
    x, block = grid_of(at), at.attribute("blocksize", 1)
    if x.low.ndim != 4:
        return at.hull()
    x = merged(x, (2, 3)).without_parts()
    if x.low.shape[1] == 1:
        return x
    if not isinstance(block, int) or block < 1 or not fits((*x.low.shape, block, block)):
        return merged(x, (1,))
    if at.attribute("mode", "DCR") == "CRD":
        return changed(x, lambda ends: np.repeat(ends, block**2, axis=1))
    return changed(x, lambda ends: np.tile(ends, (1, block**2, 1, 1)))


@transfer("Expand")
def expanded(at: At) -> Range:
    """Repeated along axes of size 1: sums along those grow, what is somewhere is still there."""
    x, before, after = grid_of(at), at.dims(0), at.dims_out()
    if before is None:
        return at.hull()

    def is_kept(axis: int) -> bool:
        if not after or -axis > len(after) or -axis > len(before):
            return False
        one, other = before[axis], after[axis]
        return (one is not None and one == other) or (isinstance(one, int) and one > 1)

    if x.total is not None and not all(map(is_kept, x.total.axes)):
        return replace(x, total=None)
    return x


@transfer("Tile")
def tiled(at: At) -> Range:
    """Repeated as often as is told; where that is not known, one interval along the axis."""
    x, rank = grid_of(at), at.rank(0)
    if rank is None or at.node.opset < 6:
        return at.hull()
    repeats = _repeats(at, rank)
    lost = [a for a in range(rank) if x.low.shape[a] > 1 and repeats[a] is None]
    counts = [
        times if size > 1 and times else 1
        for size, times in zip(x.low.shape, repeats, strict=True)
    ]  # fmt: skip
    if not fits([size * times for size, times in zip(x.low.shape, counts, strict=True)]):
        lost += [axis for axis in range(rank) if counts[axis] > 1]
        counts = [1] * rank
    moved = {axis - rank for axis in range(rank) if repeats[axis] != 1}
    made = changed(merged(x, lost), lambda ends: np.tile(ends, counts))
    total = x.total if x.total is not None and not x.total.axes & moved else None
    return replace(made, anchor=x.anchor, total=total)


def _repeats(at: At, rank: int) -> list[int | None]:
    known = at.integers(1)
    if known is not None and len(known) == rank:
        return [*known]
    before, after = at.dims(0), at.dims_out()
    if before is None or after is None or len(before) != rank or len(after) != rank:
        return [None] * rank
    found: list[int | None] = []
    for one, other in zip(before, after, strict=True):
        if isinstance(one, int) and isinstance(other, int) and one and not other % one:
            found.append(other // one)
        else:
            found.append(None)
    return found


@transfer("ReverseSequence")
def reversed_in_time(at: At) -> Range:
    """Steps of a sequence in another order: whole steps move, each batch by its own length."""
    x, rank = grid_of(at), at.rank(0)
    time, batch = axis_of(at, rank, 0, "time_axis"), axis_of(at, rank, 1, "batch_axis")
    if rank is None or time is None or batch is None:
        return at.hull()
    along = time - rank

    def stays(axes: frozenset[int]) -> frozenset[int] | None:
        return axes if along in axes or batch - rank not in axes else None

    return renamed(x.collapsed((time,)), stays)


@transfer("CenterCropPad")
def centred(at: At) -> Range:
    """Cut or filled up with zeros along axes whose size is another one."""
    x, before, after = grid_of(at), at.dims(0), at.dims_out()
    if before is None or after is None or len(before) != len(after):
        return with_fill(at.hull(), 0.0)
    pairs = list(zip(before, after, strict=True))
    other = [axis for axis, (one, two) in enumerate(pairs) if one is None or one != two]
    cut = merged(x, other)
    grows = any(not (isinstance(one, int) and isinstance(two, int) and two <= one)
                for one, two in (pairs[axis] for axis in other))  # fmt: skip
    return with_fill(cut, 0.0) if grows else cut


@transfer("Trilu", "com.microsoft::Trilu")
def triangular(at: At) -> Range:
    """A triangle of each matrix, and 0 beside it; exact where boxes tell all elements apart."""
    x, dims = grid_of(at), at.dims(0)
    k = at.number(1) if at.has(1) else 0.0
    if x.low.ndim < 2 or dims is None or k is None:
        return with_fill(at.hull(), 0.0)
    rows, columns = dims[-2:]
    if not (isinstance(rows, int) and isinstance(columns, int) and rows and columns):
        return with_fill(merged(x, (x.low.ndim - 2, x.low.ndim - 1)), 0.0)
    if not fits((*x.low.shape[:-2], rows, columns)):
        return with_fill(merged(x, (x.low.ndim - 2, x.low.ndim - 1)), 0.0)
    keeps = np.tri(rows, columns, int(k), dtype=bool)
    if at.attribute("upper", 1):
        keeps = ~np.tri(rows, columns, int(k) - 1, dtype=bool)
    if keeps.all():
        return x
    low, high = np.where(keeps, x.low, 0.0), np.where(keeps, x.high, 0.0)
    return replace(with_fill(x, 0.0), low=low, high=high)
