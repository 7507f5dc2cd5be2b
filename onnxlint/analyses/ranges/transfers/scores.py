"""What learned models make of their sums: scores, probabilities, labels."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from msgspec.structs import replace

from onnxlint.analyses.inputs.hints.attributes import elements
from onnxlint.analyses.ranges.at import At
from onnxlint.analyses.ranges.range import Range

if TYPE_CHECKING:
    from onnxlint.types import Array

PROBABLE = ("LOGISTIC", "SOFTMAX", "SOFTMAX_ZERO")
"""Transformations whose results lie in [0, 1], whatever they are given."""


def transformed(at: At, low: Array, high: Array, post: str) -> Range | None:
    """Sums, an interval for each target, after the transformation that an attribute names."""
    if post in PROBABLE:
        found = at.made(0.0, 1.0, mixes=True, loose=True)
        return replace(found, free=False)
    if post != "NONE":
        return None
    low, high = (np.reshape(end, (1, -1)) for end in (low, high))
    if low.size == 1:
        low, high = low.reshape(()), high.reshape(())
    return at.made(low, high, mixes=True)


def scored(at: At, low: Array, high: Array, post: str, *, is_single: bool) -> Range:
    """Scores of classes. Where one of two has weights, the other gets -s or 1 - s."""
    if is_single:
        least, most = float(low.min()), float(high.max())
        ends = [least, most, -least, -most, 1 - least, 1 - most, 0.0, 1.0]
        low, high = np.array(min(ends)), np.array(max(ends))
        if post.startswith("SOFTMAX"):  # onnxruntime leaves such a pair as it is
            return at.made(low, high, mixes=True)
    found = transformed(at, low, high, post)
    return at.top(1) if found is None else _fitting(at, found)


def _fitting(at: At, found: Range) -> Range:
    """One interval for all where the output has not as many classes as there are intervals."""
    dims = at.dims_out(1)
    if found.low.ndim and (dims is None or dims[-1] != found.low.shape[-1]):
        return found.hull
    return found


def labelled(at: At, *names: str) -> Range:
    """The labels that may come out; of text nothing is known."""
    numbers = [each for name in names for each in elements(at.node, name)
               if isinstance(each, int)]  # fmt: skip
    if not numbers:
        return at.top(0)
    ends = [*numbers, *((-1, 1) if len(numbers) < 2 else ())]
    found = at.made(min(ends), max(ends), integer=True, mixes=True, loose=True)
    return replace(found, free=False, nan=False)
