"""Choices between values: Where, Max, Min, Clip."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from onnxlint.analyses.ranges import guards
from onnxlint.analyses.ranges.at import At
from onnxlint.analyses.ranges.range import Range, join, together
from onnxlint.analyses.ranges.registry import transfer

if TYPE_CHECKING:
    from onnxlint.types import Array


@transfer("Where", pointwise=True)
def chosen(at: At) -> Range | None:
    """One branch or the other, each under the condition that chooses it."""
    found = [guards.under(at, True, 1), guards.under(at, False, 2)]
    branches = [each for each in found if each is not None]
    if not branches:
        return None
    both = join(*branches)
    low, high = both.low, both.high
    if len(branches) == 2:
        yes, no = branches
        low, high = _of_decided(at[0], yes, no, low, high)
    return at.made(
        low, high, *branches, at[0], nan=both.nan, integer=both.integer, nonzero=both.nonzero
    )


def _of_decided(
    condition: Range, yes: Range, no: Range, low: Array, high: Array
) -> tuple[Array, Array]:
    """Where a box's condition is decided, the branch that it chooses."""
    decided = condition.low == condition.high
    if condition.nan or condition.low.size == 1 or not decided.any():
        return low, high
    condition, yes, no = together(condition, yes, no)
    if condition.low.shape != decided.shape:
        return low, high
    ends = []
    for joined, a, b in ((low, yes.low, no.low), (high, yes.high, no.high)):
        chosen = np.where(condition.low >= 1, a, b)
        ends.append(np.where(decided, chosen, joined))
    return ends[0], ends[1]


@transfer("Max", pointwise=True)
def larger(at: At) -> Range | None:
    """The largest; NaN where one of them is."""
    return _extreme(at, np.maximum)


@transfer("Min", pointwise=True)
def smaller(at: At) -> Range | None:
    """The smallest; NaN where one of them is."""
    return _extreme(at, np.minimum)


def _extreme(at: At, pick: np.ufunc) -> Range | None:
    parts = [each for each in at.read if each is not None]
    if not parts:
        return None
    found = parts[0]
    for part in parts[1:]:
        a, b = together(found, part)
        found = at.made(pick(a.low, b.low), pick(a.high, b.high), a, b,
                        integer=a.integer and b.integer)  # fmt: skip
    return found


@transfer("Clip", pointwise=True)
def clipped(at: At) -> Range:
    """Between two limits, of any opset. A limit below the other wins as onnxruntime has it: max."""
    x = at[0]
    low, high = at.attribute("min", -np.inf), at.attribute("max", np.inf)
    least = at[1] if at.has(1) else Range.of(low, low)
    most = at[2] if at.has(2) else Range.of(high, high)
    x, least, most = together(x, least, most)
    return at.made(
        np.minimum(np.maximum(x.low, least.low), most.low),
        np.minimum(np.maximum(x.high, least.high), most.high),
        *(each for each in at.read if each is not None),
        integer=x.integer and least.integer and most.integer,
    )  # fmt: skip
