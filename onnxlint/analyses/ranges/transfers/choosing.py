"""Choices between values: Where, Max, Min, Clip."""

from __future__ import annotations

import numpy as np

from onnxlint.analyses.ranges import guards
from onnxlint.analyses.ranges.at import At
from onnxlint.analyses.ranges.range import Range, join, together
from onnxlint.analyses.ranges.registry import transfer


@transfer("Where", pointwise=True)
def chosen(at: At) -> Range | None:
    """One branch or the other, each under the condition that chooses it."""
    branches = [found for found in (guards.under(at, True, 1), guards.under(at, False, 2))
                if found is not None]  # fmt: skip
    if not branches:
        return None
    found = join(*branches)
    return at.made(
        found.low, found.high, *branches, at[0], nan=found.nan, integer=found.integer,
        nonzero=found.nonzero,
    )  # fmt: skip


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
