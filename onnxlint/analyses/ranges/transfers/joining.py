"""Operators that join values along an axis or part them."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from msgspec.structs import replace

from onnxlint.analyses.ranges.at import At
from onnxlint.analyses.ranges.range import Part, Range, join
from onnxlint.analyses.ranges.registry import transfer
from onnxlint.analyses.ranges.transfers.grids import (
    axis_of,
    changed,
    fits,
    grid_of,
    gridded,
    joined,
    merged,
    without_parts_along,
)


@transfer("Concat")
def concatenated(at: At) -> Range | None:
    """One behind the other: parts stay apart where their sizes are known and boxes suffice."""
    slots = [slot for slot, each in enumerate(at.read) if each is not None]
    ranks = [rank for rank in map(at.rank, slots) if rank is not None]
    if not slots:
        return None
    rank = ranks[0] if ranks else None
    axis = axis_of(at, rank, 1 if at.node.opset < 4 else 0)
    if axis is None or rank is None:
        return joined([at[slot].hull.without_parts() for slot in slots])
    sizes = [dims[axis] if dims is not None and len(dims) == rank else None
             for dims in map(at.dims, slots)]  # fmt: skip
    filled = [(slot, size) for slot, size in zip(slots, sizes, strict=True) if size != 0]
    parts = [gridded(grid_of(at, slot), rank) for slot, _ in filled]
    if not parts:
        return at[slots[0]].hull.without_parts()
    return in_a_row(parts, [size for _, size in filled], axis)


def in_a_row(parts: Sequence[Range], sizes: Sequence[int | str | None], axis: int) -> Range:
    """Gridded ranges one behind the other along an axis."""
    along = axis - parts[0].low.ndim
    known = [size if isinstance(size, int) else part.low.shape[axis]
             for size, part in zip(sizes, parts, strict=True)]  # fmt: skip
    apart = all(isinstance(size, int) or part.low.shape[axis] > 1
                for size, part in zip(sizes, parts, strict=True))  # fmt: skip
    shapes = [(*part.low.shape[:axis], 1, *part.low.shape[axis + 1 :]) for part in parts]
    try:
        across = np.broadcast_shapes(*shapes)
    except ValueError:
        across, parts = (1,) * len(shapes[0]), [_wide(part) for part in parts]
    if not apart or not fits([sum(known)]) or _is_uniform(parts, axis):
        if not fits(across):
            parts = [_wide(part) for part in parts]
        return _with_parts(join(*(merged(part, [axis]) for part in parts)), parts, along)
    if not fits([*across, sum(known)]):
        others = [other for other in range(len(across)) if other != axis]
        parts, across = [part.collapsed(others) for part in parts], (1,) * len(across)
    ends = [
        np.concatenate(
            [np.broadcast_to(end, (*across[:axis], size, *across[axis + 1 :]))
             for end, size in zip(each, known, strict=True)], axis,
        )
        for each in ([part.low for part in parts], [part.high for part in parts])
    ]  # fmt: skip
    flags = join(*(part.hull.without_parts() for part in parts))
    return _with_parts(replace(flags, low=ends[0], high=ends[1]), parts, along)


def _wide(part: Range) -> Range:
    """One interval, with as many axes."""
    return part.collapsed(range(part.low.ndim))


def _is_uniform(parts: Sequence[Range], axis: int) -> bool:
    """Whether all hold the same intervals, with nothing told apart along the axis."""
    first = parts[0]
    return all(
        part.low.shape == first.low.shape and part.low.shape[axis] == 1
        and bool((part.low == first.low).all() and (part.high == first.high).all())
        for part in parts
    )  # fmt: skip


def _with_parts(one: Range, parts: Sequence[Range], along: int) -> Range:
    """What is known along axes of all parts: sums along the axis of the joint add up."""
    found = [part.anchor for part in parts], [part.total for part in parts]
    anchor, total = (_of_all(each) for each in found)
    if total is not None and along in total.axes:
        sums = [part.total for part in parts if part.total is not None]
        total = Part(total.axes, sum(s.low for s in sums), sum(s.high for s in sums))
    return replace(one, anchor=anchor, total=total)


def _of_all(parts: Sequence[Part | None]) -> Part | None:
    """What holds for each of them, along the same axes."""
    found = [part for part in parts if part is not None]
    if len(found) < len(parts) or len({part.axes for part in found}) != 1:
        return None
    return Part(found[0].axes, min(p.low for p in found), max(p.high for p in found))


@transfer("Split")
def parted(at: At) -> list[Range]:
    """Parts of a value, each with the boxes that it takes of it."""
    rank, count = at.rank(0), len(at.node.outputs)
    x, axis = grid_of(at), axis_of(at, rank)
    if axis is None or rank is None:
        return [x.hull.without_parts()] * count
    cut = without_parts_along(x, {axis - rank})
    if x.low.shape[axis] == 1:
        return [cut] * count
    sizes = _sizes(at, x.low.shape[axis], axis, count)
    if sizes is None:
        return [merged(cut, [axis])] * count
    stops = np.cumsum(sizes).tolist()
    return [_taken(cut, axis, stop - size, stop) for stop, size in zip(stops, sizes, strict=True)]


def _taken(one: Range, axis: int, start: int, stop: int) -> Range:
    """The boxes from one place of an axis to another."""
    if start == stop:
        return merged(one, [axis])
    return changed(one, lambda ends: np.take(ends, np.arange(start, stop), axis), keeps_parts=True)


def _sizes(at: At, whole: int, axis: int, count: int) -> list[int] | None:
    """How many elements each output takes of an axis; None where it is not known."""
    sizes = at.integers(1) if at.has(1) else at.attribute("split")
    if sizes is None and not at.has(1):
        number = at.attribute("num_outputs") or count
        chunk = math.ceil(whole / number) if number else 0
        sizes = [max(0, min(chunk, whole - chunk * place)) for place in range(count)]
    if sizes is None:
        dims = [at.dims_out(slot) for slot in range(count)]
        found = [each[axis] for each in dims if each is not None and axis < len(each)]
        sizes = [size for size in found if isinstance(size, int)]
    fits_whole = len(sizes) == count and sum(sizes) == whole and min(sizes, default=0) >= 0
    return list(sizes) if fits_whole else None
