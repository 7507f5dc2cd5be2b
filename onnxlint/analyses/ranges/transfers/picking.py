"""Operators that pick elements by place: slices, lookups, the largest ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from msgspec.structs import replace

from onnxlint.analyses.ranges.at import At
from onnxlint.analyses.ranges.range import MOST_BOXES, Range
from onnxlint.analyses.ranges.registry import transfer
from onnxlint.analyses.ranges.transfers.grids import (
    MOST_SIZE,
    axis_of,
    changed,
    counted,
    fits,
    grid_of,
    merged,
    points_of,
    sizes_of,
    without_parts_along,
)
from onnxlint.analyses.ranges.transfers.sizes import places

if TYPE_CHECKING:
    from onnxlint.types import Array

    Bound = tuple[int | None, int | None, int | None]


@transfer("Slice")
def sliced(at: At) -> Range:
    """The boxes between start and end; all along the axis where these are not known."""
    x, rank = grid_of(at), at.rank(0)
    bounds = None if rank is None else _bounds(at, rank)
    if rank is None or bounds is None:
        return x.hull.without_parts()
    sizes = sizes_of(at, x)
    for axis, bound in bounds.items():
        if not _is_all(bound, sizes[axis]):
            x = without_parts_along(_cut(x, axis, bound), {axis - rank})
    return x


def _bounds(at: At, rank: int) -> dict[int, Bound] | None:
    """Start, end and step by axis; None where it is not known which axes are cut."""
    if at.node.opset < 10:
        starts, ends = at.attribute("starts"), at.attribute("ends")
        axes, steps = at.attribute("axes"), None
    else:
        starts, ends, steps = (points_of(at, slot) for slot in (1, 2, 4))
        axes = at.integers(3) if at.has(3) else None
        if at.has(3) and axes is None:
            return None
        if at.has(4) and steps is None:
            return None
        steps = steps if at.has(4) else None
    if axes is None:
        count = next((len(each) for each in (starts, ends) if each is not None), rank)
        axes = list(range(count))
    none = [None] * len(axes)
    found = zip(axes, starts or none, ends or none, steps or [1] * len(axes), strict=False)
    return {axis % rank: (start, end, step) for axis, start, end, step in found
            if -rank <= axis < rank}  # fmt: skip


def _is_all(bound: Bound, size: int | None) -> bool:
    """Whether a slice takes all elements of an axis."""
    start, end, step = bound
    if step == -1:
        return False
    return start == 0 and step == 1 and end is not None and (
        end >= MOST_SIZE or (size is not None and end >= size) or end >= 2**31 - 1
    )  # fmt: skip


def _cut(x: Range, axis: int, bound: Bound) -> Range:
    """The boxes along an axis that a slice takes; one interval of them where an end is unknown."""
    start, end, step = bound
    boxes = x.low.shape[axis]
    if boxes == 1:
        return x
    if not step or (step < 0 and None in (start, end)):
        return merged(x, [axis])
    taken = range(boxes)[slice(start, end, step)]
    if not taken:
        return merged(x, [axis])
    numbers = np.array(taken)
    made = changed(x, lambda ends: np.take(ends, numbers, axis), keeps_parts=True)
    return merged(made, [axis]) if None in (start, end) else made


@transfer("Compress")
def compressed(at: At) -> Range:
    """The slices along an axis that a condition picks; of no axis, elements in any order."""
    x, rank = grid_of(at), at.rank(0)
    axis = None if at.attribute("axis") is None else axis_of(at, rank)
    if axis is None or rank is None:
        return x.hull.without_parts()
    x = without_parts_along(x, {axis - rank})
    keeps = at.integers(1)
    if keeps is None or not any(keeps) or x.low.shape[axis] == 1:
        return merged(x, [axis])
    numbers = np.flatnonzero(keeps)
    if numbers[-1] >= x.low.shape[axis]:
        return merged(x, [axis])
    return changed(x, lambda ends: np.take(ends, numbers, axis), keeps_parts=True)


@transfer("Unique", "com.microsoft::Unique")
def unique(at: At) -> list[Range]:
    """Each element or slice once, where it stands, and how often."""
    x, rank = grid_of(at), at.rank(0)
    axis = None if at.attribute("axis") is None else axis_of(at, rank)
    y = x.hull.without_parts() if axis is None else merged(x, [axis])
    size = at.size(0) if at.attribute("axis") is None else None
    if axis is not None:
        size = at.size(0, [axis])
    most, free = (MOST_SIZE, True) if size is None else (max(size, 1), False)
    place, count = counted(at, 0, most - 1, free=free), counted(at, 1, most, free=free)
    if at.node.op == "com.microsoft::Unique":
        return [y, place, count]
    return [y, place, place, count]


@transfer("TopK")
def top(at: At) -> list[Range]:
    """The largest or smallest along an axis: of sorted ends the k-th bound the k-th of elements."""
    x, rank = grid_of(at), at.rank(0)
    axis = axis_of(at, rank, -1)
    if axis is None:
        return [x.hull.without_parts(), places(at, None)]
    k = int(at.number(1) or 0) if at.has(1) else at.attribute("k", 0)
    return [_largest(at, x, axis, k), places(at, axis)]


def _largest(at: At, x: Range, axis: int, k: int) -> Range:
    boxes, wide = x.low.shape[axis], merged(x, [axis])
    if boxes == 1 or x.nan or not 0 < k <= boxes:  # kernels order NaN in no fixed way
        return wide

    def picked(ends: Array) -> Array:
        rising = np.sort(ends, axis)
        if not at.attribute("largest", 1):
            return np.take(rising, np.arange(k), axis)
        return np.take(rising, np.arange(boxes - 1, boxes - 1 - k, -1), axis)

    made = changed(x, picked)
    return made if at.attribute("sorted", 1) else merged(made, [axis])


@transfer("GatherND", "com.microsoft::GatherND")
def gathered_by_places(at: At) -> Range:
    """Slices by places along several axes; exact where places and boxes are known."""
    x, rank, dims = grid_of(at), at.rank(0), at.dims(1)
    batch = at.attribute("batch_dims", 0)
    count = dims[-1] if dims else None
    if rank is None or not dims or not isinstance(count, int) or not at.is_decided("batch_dims"):
        return x.hull.without_parts()
    if not (0 <= batch < len(dims) and 0 < count <= rank - batch):
        return x.hull.without_parts()
    indexed = range(batch, batch + count)
    known = at.known(1) if not batch and any(x.low.shape[axis] > 1 for axis in indexed) else None
    if known is not None and fits((*known.shape[:-1], *x.low.shape[count:])):
        picks = tuple(_places(known[..., axis], x.low.shape[axis]) for axis in range(count))
        return changed(x, lambda ends: ends[picks])
    x = merged(x, indexed).without_parts()
    between = (1,) * (len(dims) - 1 - batch)
    shape = (*x.low.shape[:batch], *between, *x.low.shape[batch + count :])
    return changed(x, lambda ends: ends.reshape(shape))


def _places(numbers: Array, boxes: int) -> Array:
    """Places along an axis of so many boxes; those that are out of range end the run."""
    whole = np.clip(numbers, -boxes, boxes - 1) if boxes > 1 else numbers * 0
    return np.asarray(np.where(whole < 0, whole + boxes, whole)).astype(np.int64)


@transfer("GatherElements")
def gathered_elements(at: At) -> Range:
    """Element by element by its place along an axis: exact where places are known."""
    x, rank, dims = grid_of(at), at.rank(0), at.dims(1)
    axis = axis_of(at, rank)
    if axis is None or rank is None or dims is None or len(dims) != rank:
        return x.hull.without_parts()
    x = x.without_parts()
    for other in range(rank):  # the indices may take only the first along another axis
        boxes, taken = x.low.shape[other], dims[other]
        if other != axis and boxes > 1 and taken != boxes:
            if isinstance(taken, int) and 0 < taken < boxes:
                x = _cut(x, other, (0, taken, 1))
            else:
                x = merged(x, [other])
    known = at.known(1)
    boxes = x.low.shape[axis]
    if known is None or boxes == 1 or not known.size or known.size > MOST_BOXES:
        return merged(x, [axis])
    numbers = _places(known, boxes)
    shape = (*known.shape[:axis], boxes, *known.shape[axis + 1 :])
    if not fits(shape):
        return merged(x, [axis])
    return changed(x, lambda ends: np.take_along_axis(np.broadcast_to(ends, shape), numbers, axis))


@transfer("com.microsoft::GatherBlockQuantized")
def gathered_codes(at: At) -> Range:
    """(code - zero point) · scale of codes of a table."""
    bits = at.attribute("bits", 4)
    bytes_ = at.element_type(0) == 2  # uint8 holds packed codes
    least, most = (0, 2**bits - 1) if bytes_ else (at[0].least, at[0].most)
    if at.has(3):
        lowest, highest = (0.0, most) if bytes_ else (at[3].least, at[3].most)
    else:
        lowest = highest = float(2 ** (bits - 1)) if bytes_ else 0.0
    code, scale = (least - highest, most - lowest), at[2].hull
    ends = [c * s for c in code for s in (scale.least, scale.most)]
    made = at.made(min(0.0, *ends), max(0.0, *ends), scale, nan=scale.infinite)
    return replace(made, varies=at[1].varies or scale.varies)
