"""The section of a model beside its reference."""

from __future__ import annotations

import math
from collections.abc import Sequence

from msgspec import Struct

from onnxlint.portrait.comparison import Comparison, Pair
from onnxlint.report import ModelReport
from onnxlint.reporters.summary import counted

MOST_ROWS = 2_000
"""Layers that are shown; a choice, some 500 kB of a page."""

AROUND = 200
"""Of the layers before the first that diverges, how many are shown where there are too many."""

LEAST_EXPONENT = -8
"""Relative errors below 1e-8 have no bar: float32 tells apart 6e-8."""


class Row(Struct, frozen=True):
    """A pair of values, and how long the bar of its error is, out of 100."""

    pair: Pair
    bar: int
    error: str
    is_first: bool = False


class View(Struct, frozen=True):
    """What the template reads."""

    part: Comparison
    report: ModelReport

    @property
    def verdict(self) -> str:
        """Where the two begin to differ, in a sentence."""
        compared = counted(len(self.part.layers), "layer")
        limit = "" if self.part.limit is None else f" (limit {share_of(self.part.limit)})"
        if self.part.first is not None:
            first = self.part.layers[self.part.first]
            error = first.error if first.error is not None else math.inf
            return f"{first.value} is the first of {compared} to diverge: {share_of(error)}{limit}."
        if any(output.note for output in self.part.outputs):
            return "The outputs cannot all be compared."
        return f"No divergence in {compared}{limit}."

    @property
    def outputs(self) -> list[Row]:
        """Outputs, over all samples."""
        return [_row(pair) for pair in self.part.outputs]

    @property
    def layers(self) -> Sequence[Row]:
        """Layers, as many as are shown, the first that diverges among them."""
        begin, end = self._shown
        return [_row(pair, is_first=at == self.part.first)
                for at, pair in enumerate(self.part.layers[begin:end], begin)]  # fmt: skip

    @property
    def left_out(self) -> int:
        """How many are not shown."""
        begin, end = self._shown
        return len(self.part.layers) - (end - begin)

    @property
    def _shown(self) -> tuple[int, int]:
        most = len(self.part.layers)
        if most <= MOST_ROWS:
            return 0, most
        begin = min(max(0, (self.part.first or 0) - AROUND), most - MOST_ROWS)
        return begin, begin + MOST_ROWS


def _row(pair: Pair, *, is_first: bool = False) -> Row:
    if pair.error is None:
        return Row(pair, 0, pair.note)
    note = f" ({pair.note})" if pair.note else ""
    return Row(pair, _bar(pair.error), f"{share_of(pair.error)}{note}", is_first)


def _bar(error: float) -> int:
    """On a logarithmic scale, from nothing at 1e-8 to all of it at 1."""
    if error <= 0:
        return 0
    exponent = 0.0 if math.isinf(error) else math.log10(error)
    return round(100 * min(1.0, max(0.0, 1 - exponent / LEAST_EXPONENT)))


def share_of(error: float) -> str:
    """A relative error, in percent where that is short."""
    if math.isinf(error):
        return "infinite"
    return f"{error:.1%}" if error >= 1e-3 else f"{error:.1e}" if error else "equal"
