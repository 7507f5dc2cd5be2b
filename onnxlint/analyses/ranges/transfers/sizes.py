"""Operators that make numbers of sizes and places: exact wherever axes have known sizes."""

from __future__ import annotations

import math

import numpy as np
from msgspec.structs import replace

from onnxlint.analyses.ranges.at import At
from onnxlint.analyses.ranges.range import MOST_BOXES, Range
from onnxlint.analyses.ranges.registry import transfer
from onnxlint.analyses.ranges.transfers.grids import MOST_SIZE, axis_of, counted
from onnxlint.model.graph.nodes import Origin, Value


@transfer("Shape")
def shaped(at: At) -> Range:
    """Sizes of axes: known ones as they are, of others anything that an axis can have."""
    dims, value = at.dims(0), at.node.input(0)
    if dims is None or not at.is_decided("start", "end"):
        return _size(0, MOST_SIZE)
    taken = slice(at.attribute("start", 0), at.attribute("end"))
    axes = range(len(dims))[taken]
    if not axes:
        return _size(0, 0)
    ends = [_ends(at, value, axis, dims[axis]) for axis in axes]
    low, high = (np.array(each, np.float64) for each in zip(*ends, strict=True))
    varies = bool((low != high).any())
    return Range(low, high, integer=True, nonzero=bool((low > 0).all()), free=varies, varies=varies)


@transfer("Size")
def sized(at: At) -> Range:
    """The number of elements."""
    dims, value = at.dims(0), at.node.input(0)
    if dims is None:
        return _size(0, MOST_SIZE)
    least, most = zip(*(_ends(at, value, axis, dim) for axis, dim in enumerate(dims)), (1, 1),
                      strict=True)  # fmt: skip
    return _size(math.prod(least), min(math.prod(most), MOST_SIZE))


def _size(least: int, most: int) -> Range:
    varies = least != most
    return Range.of(least, most, integer=True, free=varies, varies=varies)


def _ends(
    at: At, value: Value | None, axis: int, dim: int | str | None
) -> tuple[int, int]:  # fmt: skip
    """The least and the largest size of an axis."""
    if isinstance(dim, int):
        return dim, dim
    return int(_is_filled(at, value, axis, dim)), MOST_SIZE


def _is_filled(at: At, value: Value | None, axis: int, dim: str | None) -> bool:
    """Whether an axis of unknown size has an element, as nothing is asked of models fed nothing.

    So it is with axes of inputs, and with those of the same symbol; not so with a cache, which is
    empty at the first step: an input that is joined to another value along that axis, or whose
    name or symbol says so. What the graph itself computes the size of may be empty, too.
    """
    if dim is None:
        if value is None or value.origin is not Origin.INPUT:
            return False
        return not (_says_cache(value.name) or _is_grown(value, axis))
    if _says_cache(dim):
        return False
    carriers = [
        (each, place)
        for each in at.evaluation.world.graph.inputs
        for place, size in enumerate(at.evaluation.world.dims(each) or ())
        if size == dim
    ]
    is_fed = any(not _says_cache(each.name) for each, _ in carriers)
    return is_fed and not any(_is_grown(*each) for each in carriers)


def _says_cache(name: str) -> bool:
    return "past" in name or "cache" in name


def _is_grown(value: Value, axis: int) -> bool:
    """Whether other values are joined to an input along an axis, as to a cache."""
    rank = None if value.type is None else len(value.type.tensor_type.shape.dim)
    return any(
        node.op == "Concat" and node.attribute("axis", 0) in (axis, axis - (rank or 0))
        for node, _ in value.uses
    )


@transfer("NonZero")
def nonzero_places(at: At) -> Range:
    """A row of places for each axis: up to its last one."""
    dims = at.dims(0)
    if not dims:
        return counted(at, 0, 0 if dims == () else MOST_SIZE)
    most = [[max(dim - 1, 0) if isinstance(dim, int) else MOST_SIZE] for dim in dims]
    high = np.array(most, np.float64)
    return counted(at, np.zeros(high.shape), high, free=bool((high == MOST_SIZE).any()))


@transfer("ArgMax", "ArgMin")
def extreme_place(at: At) -> Range:
    """A place along the axis."""
    rank = at.rank(0)
    return places(at, axis_of(at, rank))


def places(at: At, axis: int | None) -> Range:
    """A place along an axis of the first input."""
    size = None if axis is None else at.size(0, [axis])
    most = MOST_SIZE if size is None else max(size - 1, 0)
    return counted(at, 0, most, at[0], free=size is None)


@transfer("NonMaxSuppression")
def selected_boxes(at: At) -> Range:
    """Rows of batch, class and box."""
    boxes, scores = at.dims(0) or (None,) * 3, at.dims(1) or (None,) * 3
    sizes = [boxes[:1], scores[1:2], boxes[1:2]]
    most = [max(size[0] - 1, 0) if size and isinstance(size[0], int) else MOST_SIZE
            for size in sizes]  # fmt: skip
    return counted(at, np.zeros((1, 3)), np.array([most], np.float64), free=MOST_SIZE in most)


@transfer("Range", "com.microsoft::Range")
def counted_up(at: At) -> Range | None:
    """start, start + delta … before limit: known number by number, or between the ends."""
    start, limit = at[0], at[1]
    delta = at[2] if at.has(2) else Range.of(1, 1, integer=True)
    if not (start.is_finite and limit.is_finite and delta.is_finite):
        return None
    parents = (start, limit, delta)
    numbers = [each.least for each in parents if each.is_point]
    if len(numbers) == 3 and numbers[2]:
        return _known(at, *numbers)
    whole = all(each.integer for each in parents)
    step = 1.0 if whole else 0.0
    ends = []
    if delta.most > 0:
        ends += [(start.least, max(limit.most - step, start.least))]
    if delta.least < 0:
        ends += [(min(limit.least + step, start.most), start.most)]
    if not ends:
        return None
    low, high = min(e[0] for e in ends), max(e[1] for e in ends)
    least_step = max(delta.least, -delta.most, step)
    count = (high - low) / least_step + 1 if least_step > 0 else math.inf
    slip = _slip(at, count, max(abs(low), abs(high)), whole)
    return at.made(low - slip, high + slip, integer=whole, loose=start.varies and limit.varies)


def _known(at: At, start: float, limit: float, delta: float) -> Range:
    """Number by number where all are whole; else the kernel's count may be off by one."""
    count = max(math.ceil((limit - start) / delta), 0)
    whole = start.is_integer() and delta.is_integer()
    last = start + (max(count - 1, 0) if whole else count) * delta
    size = max(abs(start), abs(last))
    slip = _slip(at, count + 1, size, whole)
    if 0 < count <= MOST_BOXES and whole and not slip and size < 2**53:
        found = start + np.arange(count) * delta
        return at.made(found, found, integer=True)
    return at.made(min(start, last) - slip, max(start, last) + slip, integer=whole)


def _slip(at: At, count: float, size: float, whole: bool) -> float:
    """What rounding brings in: the kernel adds delta so often; whole numbers stay exact."""
    if not at.is_float or (whole and size * at.eps <= 1):
        return 0.0
    share = count * at.eps
    return math.inf if share > 0.5 else 2 * share * size


@transfer("Constant")
def constant(at: At) -> Range | None:
    """Numbers that a function's caller gives; all others are known already."""
    for name in ("value_float", "value_int", "value_floats", "value_ints"):
        numbers = at.attribute(name)
        if numbers is not None:
            return Range.constant(np.asarray(numbers))
    return None


@transfer("ConstantOfShape")
def filled(at: At) -> Range | None:
    """One number everywhere."""
    given = at.node.attributes.get("value")
    if given is not None and given.ref_attr_name:
        return None
    found = at.evaluation.world.graph.fill(at.node)
    return None if found is None else replace(Range.constant(found).hull, varies=False)


@transfer("EyeLike")
def diagonal(at: At) -> Range:
    """1 on a diagonal, 0 beside it."""
    dims, k = at.dims_out(), at.attribute("k", 0)
    if dims is not None and len(dims) == 2 and at.is_decided("k"):
        rows, columns = dims
        if isinstance(rows, int) and isinstance(columns, int) and 0 < rows * columns <= MOST_BOXES:
            ones = np.eye(rows, columns, k)
            return Range(ones, ones, integer=True)
    return Range.of(0, 1, integer=True)
