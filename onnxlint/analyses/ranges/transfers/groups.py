"""Which axes of one shape make which axes of another, and what that does to boxes."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from onnxlint.analyses.ranges.range import Range
from onnxlint.analyses.ranges.transfers.grids import fits, renamed

if TYPE_CHECKING:
    Dim = int | str | None


class Group(Struct, frozen=True):
    """Adjoining axes of both shapes that hold the same elements, in row-major order."""

    before: tuple[int, ...]
    after: tuple[int, ...]


def regrouped(
    one: Range, before: Sequence[Dim] | None, after: Sequence[Dim] | None
) -> Range:  # fmt: skip
    """A gridded range whose elements are put into another shape in the same order."""
    if before is None or after is None or one.low.ndim != len(before):
        return one.hull.without_parts()
    sizes = [boxes if boxes > 1 else dim
             for dim, boxes in zip(before, one.low.shape, strict=True)]  # fmt: skip
    groups = groups_of(sizes, after)
    grids = [_grid(group, one.low.shape, sizes, after) for group in groups]
    for number in sorted(range(len(grids)), key=lambda n: -math.prod(grids[n])):
        if fits(size for grid in grids for size in grid):
            break
        grids[number] = (1,) * len(groups[number].after)
    for group, grid in zip(groups, grids, strict=True):
        if math.prod(grid) == 1 and any(one.low.shape[axis] > 1 for axis in group.before):
            one = one.collapsed(group.before)
    full = [
        size if math.prod(grid) > 1 and isinstance(size, int) else boxes
        for group, grid in zip(groups, grids, strict=True)
        for size, boxes in ((sizes[axis], one.low.shape[axis]) for axis in group.before)
    ]
    shape = [size for grid in grids for size in grid]
    made = replace(one, low=np.broadcast_to(one.low, full).reshape(shape),
                   high=np.broadcast_to(one.high, full).reshape(shape))  # fmt: skip
    return renamed(made, lambda axes: _renumbered(axes, groups, sizes, after))


def _grid(
    group: Group, boxes: Sequence[int], before: Sequence[Dim], after: Sequence[Dim]
) -> tuple[int, ...]:
    """The boxes along a group's axes of the new shape; 1 for each where they cannot be told."""
    none = (1,) * len(group.after)
    sizes = [after[axis] for axis in group.after]
    if all(boxes[axis] == 1 for axis in group.before):
        return none
    if len(group.before) == len(group.after) == 1:
        return (boxes[group.before[0]],)
    known = [before[axis] for axis in group.before]
    if not all(isinstance(size, int) for size in (*sizes, *known)):
        return none
    counts = tuple(size for size in sizes if isinstance(size, int))
    whole = math.prod(size for size in known if isinstance(size, int))
    return counts if math.prod(counts) == whole and fits(counts) else none


def _renumbered(
    axes: frozenset[int], groups: Sequence[Group], before: Sequence[Dim], after: Sequence[Dim]
) -> frozenset[int] | None:
    """The new axes of a part that takes whole groups; None where it takes less of one.

    Axes of size 1 do not count: a fibre is the same with and without them.
    """
    wanted = {axis % len(before) for axis in axes} if before else set()
    wanted = {axis for axis in wanted if before[axis] != 1}
    found: set[int] = set()
    for group in groups:
        own = {axis for axis in group.before if before[axis] != 1}
        if wanted & own:
            if not wanted >= own:
                return None
            found |= {axis - len(after) for axis in group.after if after[axis] != 1}
    return frozenset(found) if found else None


def groups_of(before: Sequence[Dim], after: Sequence[Dim]) -> list[Group]:
    """The least groups as told from the first and from the last axis; one of what is left."""
    left = list(_from_first(before, after))
    start, begin = sum(len(g.before) for g in left), sum(len(g.after) for g in left)
    rest, others = before[start:], after[begin:]
    right = [
        Group(tuple(len(before) - 1 - axis for axis in group.before[::-1]),
              tuple(len(after) - 1 - axis for axis in group.after[::-1]))
        for group in _from_first(rest[::-1], others[::-1])
    ][::-1]  # fmt: skip
    stop = len(before) - sum(len(g.before) for g in right)
    end = len(after) - sum(len(g.after) for g in right)
    middle = Group(tuple(range(start, stop)), tuple(range(begin, end)))
    return [*left, *([middle] if middle.before or middle.after else []), *right]


def _from_first(before: Sequence[Dim], after: Sequence[Dim]) -> Iterator[Group]:
    i = j = 0
    while i < len(before) and j < len(after):
        if before[i] is not None and before[i] == after[j]:
            yield Group((i,), (j,))
            i, j = i + 1, j + 1
            continue
        found = _least(before, after, i, j)
        if found is None:
            return
        yield Group(tuple(range(i, found[0])), tuple(range(j, found[1])))
        i, j = found


def _least(
    before: Sequence[Dim], after: Sequence[Dim], i: int, j: int
) -> tuple[int, int] | None:  # fmt: skip
    """Where the next axes of known size that hold equally many elements end."""
    one, other = before[i], after[j]
    i, j = i + 1, j + 1
    while isinstance(one, int) and isinstance(other, int) and one and other:
        if one == other:
            return i, j
        if one < other:
            following = before[i] if i < len(before) else None
            one, i = (one * following if isinstance(following, int) else 0), i + 1
        else:
            following = after[j] if j < len(after) else None
            other, j = (other * following if isinstance(following, int) else 0), j + 1
    return None
