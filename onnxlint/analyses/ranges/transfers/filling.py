"""Operators that put numbers beside or in place of others: pads, scatters, one-hot codes."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

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
    merged,
    points_of,
    sizes_of,
    with_fill,
    without_parts_along,
)
from onnxlint.runtime.statistics.distinct import distinct

if TYPE_CHECKING:
    from onnxlint.types import Array

    Pads = dict[int, tuple[int | None, int | None]]


@transfer("Pad", "com.microsoft::Pad")
def padded(at: At) -> Range:
    """Beside the elements a number, or elements once more; negative pads cut off."""
    x, rank = grid_of(at), at.rank(0)
    constant = at.attribute("mode", "constant") == "constant"
    fill = _fill(at) if constant else None
    pads = None if rank is None else _pads(at, rank)
    if rank is None or pads is None or not at.is_decided("mode", "pads", "value"):
        x = x.hull.without_parts()
        return x if fill is None else join(x, fill).without_parts()
    for axis, (before, after) in pads.items():
        if (before, after) == (0, 0):
            continue
        x = without_parts_along(x, {axis - rank})
        if fill is not None:
            x = _filled_up(x, axis, before, after, fill).without_parts()
        else:
            x = _continued(at, x, axis, before, after)
    return x


def _fill(at: At) -> Range:
    if at.node.opset >= 11 or at.node.op != "Pad":
        return at[2].hull.without_parts() if at.has(2) else Range.of(0, 0, integer=True)
    value = at.attribute("value", 0.0)
    return Range.of(value, value, nan=math.isnan(value), integer=float(value).is_integer())


def _pads(at: At, rank: int) -> Pads | None:
    """How much each axis gets before and after, or None for what is not known of it."""
    found: list[int | None] | None
    if at.node.opset < 11 and at.node.op == "Pad":
        found = at.attribute("pads") or at.attribute("paddings")
    else:
        found = points_of(at, 1)
    axes: list[int] | None = list(range(rank))
    if at.has(3):
        axes = at.integers(3)
    if axes is None or any(not -rank <= axis < rank for axis in axes):
        return None
    if found is None:
        found = [None] * (2 * len(axes))
    if len(found) != 2 * len(axes):
        return None
    return {axis % rank: (found[place], found[place + len(axes)])
            for place, axis in enumerate(axes)}  # fmt: skip


def _filled_up(
    x: Range, axis: int, before: int | None, after: int | None, fill: Range
) -> Range:  # fmt: skip
    """With a number before and after the boxes of an axis."""
    boxes = x.low.shape[axis]
    if before is None or after is None:
        return join(merged(x, [axis]), fill)
    if boxes > 1:
        taken = range(boxes)[max(-before, 0) : boxes - max(-after, 0)]
        if not taken:
            return join(merged(x, [axis]), fill)
        x = changed(x, lambda ends: np.take(ends, np.array(taken), axis))
    front, back = max(before, 0), max(after, 0)
    if not front and not back:
        return x
    longer = (*x.low.shape[:axis], boxes + front + back, *x.low.shape[axis + 1 :])
    if boxes == 1 or not fits(longer):
        return join(merged(x, [axis]), fill)
    widths = [(front, back) if each == axis else (0, 0) for each in range(x.low.ndim)]
    return replace(
        join(x, fill),
        low=np.pad(x.low, widths, constant_values=fill.least),
        high=np.pad(x.high, widths, constant_values=fill.most),
    )


def _continued(at: At, x: Range, axis: int, before: int | None, after: int | None) -> Range:
    """With elements of the axis once more before and after its boxes."""
    boxes = x.low.shape[axis]
    if boxes == 1 or before is None or after is None or min(before, after) < 0:
        return merged(x, [axis])
    longer = (*x.low.shape[:axis], boxes + before + after, *x.low.shape[axis + 1 :])
    mode = at.attribute("mode", "constant")
    if mode not in ("edge", "reflect", "wrap") or not fits(longer) or max(before, after) >= boxes:
        return merged(x, [axis])
    widths = [(before, after) if each == axis else (0, 0) for each in range(x.low.ndim)]
    return changed(x, lambda ends: np.pad(ends, widths, mode=mode), keeps_parts=True)


@transfer("ScatterElements", "Scatter", "ScatterND")
def scattered(at: At) -> Range:
    """Elements of the first input, some of them replaced by or combined with others."""
    reduction = at.attribute("reduction", "none")
    x, updates = grid_of(at).without_parts(), at[2].hull.without_parts()
    if reduction == "none":
        return _assigned(at, x) or join(x, updates).without_parts()
    if reduction in ("max", "min"):
        return _extreme(at, x, updates, reduction)
    count = _most_at_once(at)
    if reduction == "add":
        return _added(at, x, updates, count)
    return _multiplied(at, x, updates, count) if reduction == "mul" else at.top()


def _most_at_once(at: At) -> float:
    """How many updates one element may meet: all at the same place."""
    dims = at.dims(1)
    if dims is None:
        return math.inf
    if at.node.op == "ScatterND":
        sizes = dims[:-1]
    else:
        axis = axis_of(at, len(dims))
        sizes = dims if axis is None else dims[axis : axis + 1]
    known = [size for size in sizes if isinstance(size, int)]
    return math.prod(known) if len(known) == len(sizes) else math.inf


def _extreme(at: At, x: Range, updates: Range, reduction: str) -> Range:
    """The larger or the smaller: at least, or at most, what was there, unless that is NaN."""
    both = join(x, updates)
    low, high = np.broadcast_arrays(both.low, both.high)
    if not x.nan:
        low, high = (x.low, high) if reduction == "max" else (low, x.high)
    return at.made(low, high, x, updates, integer=both.integer)


def _added(at: At, x: Range, updates: Range, count: float) -> Range:
    """With up to so many updates added, off by the rounding of as many sums."""
    if not count:
        return x
    low, high = (0.0 if not end else count * end
                 for end in (min(updates.least, 0.0), max(updates.most, 0.0)))  # fmt: skip
    size = max(x.magnitude, 1e-300) + max(-low, high)
    slip = 0.0
    if at.is_float and (low or high) and math.isfinite(size):
        slip = 2 * count * at.eps * size
    most = at.limits[1]
    nan = (max(x.most, 0) + high > most) and (min(x.least, 0) + low < -most)
    return at.made(
        x.low + low - slip, x.high + high + slip, x, updates,
        nan=nan, integer=x.integer and updates.integer, loose=x.varies and updates.varies,
    )  # fmt: skip


def _multiplied(at: At, x: Range, updates: Range, count: float) -> Range:
    """Times up to so many updates."""
    if not count:
        return x
    size = max(1.0, updates.magnitude) ** min(count, 1e6)
    if updates.magnitude > 1 and count > 1e6:
        size = math.inf
    least = min(updates.least, 1.0) ** min(count, 1e6) if updates.least > 0 else 0.0
    factors = (least, size) if updates.least >= 0 else (-size, size)
    ends = np.array([np.nan_to_num(end * f, nan=0.0, posinf=np.inf, neginf=-np.inf)
                     for end in np.broadcast_arrays(x.low, x.high) for f in factors])  # fmt: skip
    slack = min(count, 1 / at.eps) * at.eps * 2 if at.is_float else 0.0
    low, high = ends.min(axis=0), ends.max(axis=0)
    zero = x.holds(0) or updates.holds(0)
    if at.is_float and updates.least >= 0 and not zero:
        zero = True  # a product of small numbers is rounded to 0, and stays it
        low, high = np.minimum(low, np.where(low > 0, 0.0, low)), np.maximum(high, 0.0)
    nan = zero and (x.magnitude * size > at.limits[1] or updates.infinite or x.infinite)
    return at.made(
        low - slack * np.abs(low), high + slack * np.abs(high), x, updates,
        nan=nan and at.is_float, integer=x.integer and updates.integer, loose=True,
    )  # fmt: skip


def _assigned(at: At, x: Range) -> Range | None:
    """Element by element, where places are known and there are few; each may be written once."""
    dims, known = at.dims(0), at.known(1)
    sizes = sizes_of(at, x) if dims is not None else [None]
    shape = tuple(size for size in sizes if size is not None)
    if known is None or not known.size or len(shape) != len(sizes) or not fits(shape):
        return None
    places = _places(at, known, shape)
    if places is None or len(distinct(places)) < places.size:
        return None
    updates, rest = at[2], int(math.prod(shape)) // math.prod(shape[: _indexed(at, known, shape)])
    low, high = (
        np.array(np.broadcast_to(ends, shape)).reshape(-1, rest) for ends in (x.low, x.high)
    )
    try:
        values = [np.broadcast_to(ends, (*places.shape, *shape[_indexed(at, known, shape) :]))
                  for ends in (updates.low, updates.high)]  # fmt: skip
    except ValueError:
        return None
    low[places.reshape(-1)] = values[0].reshape(-1, rest)
    high[places.reshape(-1)] = values[1].reshape(-1, rest)
    both = join(x.hull, updates.hull).without_parts()
    return replace(both, low=low.reshape(shape), high=high.reshape(shape))


def _indexed(at: At, known: Array, shape: tuple[int, ...]) -> int:
    """How many leading axes the places go along: the rest is written as a whole."""
    return min(known.shape[-1], len(shape)) if at.node.op == "ScatterND" else len(shape)


def _places(at: At, known: Array, shape: tuple[int, ...]) -> Array | None:
    """The flat places along the indexed axes; None where they are not what the operator takes."""
    if at.node.op == "ScatterND":
        axes = shape[: known.shape[-1]]
        if known.shape[-1] > len(shape) or not known.ndim:
            return None
        each = [known[..., axis].astype(np.int64) for axis in range(len(axes))]
    else:
        axis = axis_of(at, len(shape))
        if axis is None or known.ndim != len(shape):
            return None
        axes = shape
        each = list(np.indices(known.shape))
        each[axis] = known.astype(np.int64)
    each = [np.where(place < 0, place + size, place)
            for place, size in zip(each, axes, strict=True)]  # fmt: skip
    if any(bool(((p < 0) | (p >= size)).any()) for p, size in zip(each, axes, strict=True)):
        return None
    return np.asarray(np.ravel_multi_index(tuple(each), axes))


@transfer("TensorScatter")
def cached(at: At) -> Range:
    """A cache of which some places are written anew."""
    return join(at.hull(0), at.hull(1))


@transfer("OneHot")
def one_hot(at: At) -> Range:
    """Off everywhere but on at one place of each fibre, where the index is within the depth."""
    values, depth = at[2], at.number(1)
    found = at.made(
        values.least, values.most, values, integer=values.integer, nonzero=values.nonzero
    )
    found = replace(found, varies=values.varies or at[0].varies, loose=False)
    rank, known = at.rank(0), at.known(2)
    if known is None or known.size != 2 or rank is None or depth is None or depth < 1:
        return found
    axis = axis_of(at, rank + 1, -1)
    indices = at[0]
    if axis is None or indices.nan or indices.least < -depth or indices.most > depth - 1:
        return found
    off, on = (float(value) for value in known.astype(np.float64).reshape(-1))
    axes = frozenset({axis - rank - 1})
    if not (math.isfinite(on) and math.isfinite(off)):
        return found
    total, slip = on + (depth - 1) * off, depth * 2**-50 * (abs(on) + abs(off) * depth)
    slip = slip if off else 0.0
    return replace(found, anchor=Part(axes, on, on), total=Part(axes, total - slip, total + slip))


@transfer("Hardmax")
def hard_maximum(at: At) -> Range:
    """1 at one place of each fibre, 0 elsewhere; before opset 13 it takes all axes from one on."""
    rank, new = at.rank(0), at.node.opset >= 13
    axis = axis_of(at, rank, -1 if new else 1)
    made = at.made(0.0, 1.0, integer=True)
    made = replace(made, nan=False, free=False)
    if axis is None or rank is None or at[0].nan:
        return made
    axes = frozenset({axis - rank} if new else range(axis - rank, 0))
    return replace(made, anchor=Part(axes, 1.0, 1.0), total=Part(axes, 1.0, 1.0))


@transfer("MaxUnpool")
def unpooled(at: At) -> Range:
    """Elements at the places that their pooling told, 0 elsewhere."""
    return with_fill(at.hull(), 0.0)
