"""What a body carries from step to step: some exact rounds, then widening."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from msgspec.structs import replace

from onnxlint.analyses.ranges import growth
from onnxlint.analyses.ranges.bodies import Dims, keep, merged
from onnxlint.analyses.ranges.carried import Carried
from onnxlint.analyses.ranges.range import Range
from onnxlint.model.graph.nodes import Value

if TYPE_CHECKING:
    from onnxlint.analyses.ranges.world import Knowledge

EXACT_ROUNDS = 3
"""Steps of a loop that are evaluated as they are; what still grows then is widened. In a loop
inside another there is one, further inside none: rounds multiply."""

MOST_UNROLLED = 8
"""Steps of a loop of known length that are evaluated one by one. A choice."""

MOST_ROUNDS = 12
"""Rounds after which whatever still changes is left unknown."""


def run(loop: Carried, condition: Value | None) -> tuple[list[Range], list[Knowledge]]:
    """The carried values in the end, and the evaluations that hold for all steps."""
    depth = sum(owner.op in ("Loop", "Scan") for owner in loop.node.owners)
    least, most = loop.steps
    if not depth and most <= MOST_UNROLLED:
        results, rounds = _unrolled(loop, condition)
    else:
        exact = max(0, EXACT_ROUNDS - 2 * depth)
        state, last = _tightened(loop, *_fixed_point(loop, exact))
        ending = loop.made(last) if least > 0 and condition is None else ()
        results, rounds = [_cut([(each, None) for each in state], ending)], [last]
    for each in rounds:
        keep(loop.evaluation, loop.body, each)
    return [merged(parts) for parts in zip(*results, strict=True)], rounds


def _tightened(loop: Carried, state: list[Range], last: Knowledge) -> tuple[list[Range], Knowledge]:
    """The same with the bounds of sums, and with what a step from within these gives."""
    bounded = growth.accumulated(loop, state, last)
    if bounded is None and all(each.is_finite for each in state):
        return state, last
    if bounded is not None:
        state, last = bounded, _instead(loop, last, bounded)
    reached = [
        merged([one, other]) for one, other in zip(_start(loop), loop.made(last), strict=True)
    ]
    state = [found for found, _ in _cut([(each, None) for each in reached],
                                        [(each, None) for each in state])]  # fmt: skip
    return state, _instead(loop, last, state)


def _instead(loop: Carried, last: Knowledge, state: list[Range]) -> Knowledge:
    last.is_dropped = True
    return loop.round(state)


def _cut(
    found: list[tuple[Range, Dims]], limits: Sequence[tuple[Range, Dims]]
) -> list[tuple[Range, Dims]]:
    """Ranges within those of what they cannot leave, as one interval each."""
    cut = []
    for at, (whole, dims) in enumerate(found):
        part = whole
        if at < len(limits):
            limit = limits[at][0]
            left = whole.within(limit.least, limit.most)
            part = whole if left is None else replace(left, nan=whole.nan and limit.nan)
        cut.append((part, dims))
    return cut


def _start(loop: Carried) -> list[tuple[Range, Dims]]:
    return [(each, loop.start_dims(at)) for at, each in enumerate(loop.starts)]


def _unrolled(
    loop: Carried, condition: Value | None
) -> tuple[list[list[tuple[Range, Dims]]], list[Knowledge]]:
    """Step by step; what each step that may be the last one carries on is a result."""
    least, most = loop.steps
    state, results, rounds = _start(loop), [], []
    if least <= 0:
        results.append(state)
    is_going = True
    for step in range(1, int(most) + 1):
        body = loop.round([each.without_parts() for each, _ in state], step - 1.0)
        rounds.append(body)
        state = loop.made(body)
        going = Range.of(1, 1) if condition is None else body.of(condition)
        is_going = not (going.is_point and not going.most)
        if step >= least or not going.least or not is_going:
            results.append(state)
        if not is_going:
            break
    return results or [state], rounds


def _fixed_point(loop: Carried, exact: int) -> tuple[list[Range], Knowledge]:
    """The carried values over all steps, start included, and the body under them."""
    state = [each.without_parts() for each in loop.starts]
    rounds = 0
    while True:
        last = loop.round(state)
        grown = [
            merged([(one, loop.start_dims(at)), other])
            for at, (one, other) in enumerate(zip(state, loop.made(last), strict=True))
        ]
        rounds += 1
        if all(_covers(one, other) for one, other in zip(state, grown, strict=True)):
            return state, last
        if rounds > exact:
            grown = [_widened(one, other, rounds > MOST_ROUNDS)
                     for one, other in zip(state, grown, strict=True)]  # fmt: skip
            grown = loop.fitted(grown)
        last.is_dropped = True
        state = grown


_GROWING = ("nan", "free", "loose", "mixed", "varies")
_SHRINKING = ("integer", "nonzero")


def _covers(one: Range, other: Range) -> bool:
    """Whether a range already says all that a larger one says."""
    if one.low.shape != other.low.shape:
        return False
    same = bool((one.low <= other.low).all() and (one.high >= other.high).all())
    flags = all(getattr(one, name) or not getattr(other, name) for name in _GROWING)
    weaker = all(getattr(other, name) or not getattr(one, name) for name in _SHRINKING)
    return same and flags and weaker


def _widened(before: Range, after: Range, is_late: bool) -> Range:
    """An end that still moves goes as far as it may; in the end everything does."""
    if is_late:
        flags = {name: getattr(before, name) or getattr(after, name) for name in _GROWING}
        flags |= {"nan": True, "integer": False, "nonzero": False, "varies": True, "loose": True}
        ends = np.asarray(-np.inf), np.asarray(np.inf)
        return Range(*ends, **flags)
    if before.low.shape != after.low.shape:
        before, after = before.hull, after.hull
    low = np.where(after.low < before.low, -np.inf, after.low)
    high = np.where(after.high > before.high, np.inf, after.high)
    return replace(after, low=low, high=high, loose=True)
