"""How far two outputs are from each other, as values and as decisions."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from msgspec import Struct

from onnxlint.analyses.static.output_heads import Head, differing_decisions
from onnxlint.analyses.static.precision import Rounding, finite_parts
from onnxlint.model.graph.nodes import Value
from onnxlint.model.graph.place import Place

if TYPE_CHECKING:
    from onnxlint.types import Array

SMALLEST_PEAK = 0.01
"""An output that stays below it is compared as if it reached it: what cancels is all noise."""

_QUANTISED = 5.0
_ALLOWANCES = ((2.0**-52, 1e-4), (2.0**-23, 1.0), (2.0**-10, 2.0), (2.0**-7, 5.0))
"""What rounding may do at each precision, as a multiple of what it may do in float32."""


class Difference(Struct, frozen=True):
    """How one output differs.

    `measured` is the largest difference relative to the output's peak; for integers, booleans and
    strings the share of elements that differ; infinite where a shape differs, or where only one
    of the two has a NaN or an infinity. `allowance` says how much more, or less, than float32
    the model's precision rounds. `flipped` counts the decisions (of `decisions`) that differ: the
    class with the highest score, the labels beyond one half, the integers; there are none where
    the output is not recognised as a prediction.
    """

    value: Value
    measured: float
    allowance: float
    largest: float
    peak: float
    flipped: int
    decisions: int
    shapes: tuple[tuple[int, ...], tuple[int, ...]]

    @property
    def place(self) -> Place:
        """The output's."""
        return self.value.place

    def limit(self, limit: float) -> float:
        """A limit that is meant for float32, at the model's precision."""
        return limit * self.allowance

    def exceeds(self, limit: float) -> bool:
        """Whether the difference exceeds rounding, by a limit that is meant for float32."""
        return self.measured > self.limit(limit)

    def described(self, limit: float) -> str:
        """The difference and what it was compared with: a limit that is meant for float32."""
        before, after = self.shapes
        if before != after:
            return f"in shape: {list(before)} in one run, {list(after)} in the other"
        if math.isinf(self.measured):
            return "by NaN or infinity in only one of the two"
        allowed = f"(limit {_percent(self.limit(limit))})"
        if not self.peak:
            return f"in {self.flipped:,} of {self.decisions:,} elements {allowed}"
        share = _percent(self.measured)
        told = f"by {self.largest:.3g}, {share} of the peak {self.peak:.3g} {allowed}"
        if self.decisions:
            told += f"; {self.flipped:,} of {self.decisions:,} decisions change"
        return told


def _percent(share: float) -> str:
    return f"{100 * share:.3g}%"


def compare(
    value: Value, before: Array, after: Array, head: Head | None, rounding: Rounding
) -> Difference:
    """The difference of an output between two runs."""
    known = (allowed for epsilon, allowed in _ALLOWANCES if rounding.epsilon <= epsilon)
    allowance = _QUANTISED if rounding.quantised else next(known, _QUANTISED)
    shapes = (before.shape, after.shape)
    if before.shape != after.shape or before.dtype != after.dtype:
        return Difference(value, math.inf, allowance, math.inf, 0.0, 0, 0, shapes)
    if before.dtype.kind != "f":
        flipped = _differing(before, after, rounding)
        share = flipped / max(1, before.size)
        return Difference(value, share, allowance, share, 0.0, flipped, before.size, shapes)
    largest, peak = _distance(before, after)
    flipped, decisions = _flips(before, after, head)
    measured = largest / max(peak, SMALLEST_PEAK)
    return Difference(value, measured, allowance, largest, peak, flipped, decisions, shapes)


def _differing(before: Array, after: Array, rounding: Rounding) -> int:
    """How many elements differ; 8-bit numbers of a quantised model by more than one step."""
    import numpy as np

    if rounding.quantised and before.dtype.itemsize == 1 and before.dtype.kind in "iu":
        return int((np.abs(before.astype(int) - after.astype(int)) > 1).sum())
    return int((before != after).sum())


def _distance(before: Array, after: Array) -> tuple[float, float]:
    """The largest difference and the largest magnitude, both of finite elements."""
    import numpy as np

    one, other, alike = finite_parts(before, after)
    if not alike.all():
        return math.inf, 1.0
    if not one.size:
        return 0.0, 0.0
    return float(np.abs(one - other).max()), float(np.abs(one).max())


def _flips(before: Array, after: Array, head: Head | None) -> tuple[int, int]:
    """How many decisions differ, and how many there are."""
    if head is None or not before.ndim or not before.size:
        return 0, 0
    differ = differing_decisions(before, after, head)
    return int(differ.sum()), int(differ.size)
