"""The section of a series of checkpoints: curves of the whole model, and how its weights moved."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

from msgspec import Struct

from onnxlint.report import ModelReport
from onnxlint.reporters.html.sections.figures import line, short
from onnxlint.reporters.series_text import name_of
from onnxlint.series_report import Curve, SeriesReport, TensorCurve, sparkline

MOST_ROWS = 1_000
"""Weights that are shown; a choice, some 200 kB of a page."""


class Plot(Struct, frozen=True):
    """A curve as it is drawn; `line` are its finite points, `text` says the same in words."""

    title: str
    line: str
    low: str
    high: str
    text: str


class Row(Struct, frozen=True):
    """How a weight moved from checkpoint to checkpoint, and how large it became."""

    layer: str
    update: str
    ends: str
    mean: str


class View(Struct, frozen=True):
    """What the template reads."""

    part: SeriesReport
    report: ModelReport

    @property
    def counted(self) -> str:
        """How many checkpoints, and which."""
        series = self.part
        first, last = series.named(0), series.named(len(series.steps) - 1)
        return f"{len(series.files):,} checkpoints, {first} to {last} (by {series.steps_from})."

    @property
    def plots(self) -> list[Plot]:
        """The curves of the whole model."""
        return [plot for name, curve in self.part.scalars() if (plot := _plot(name, curve))]

    @property
    def rows(self) -> list[Row]:
        """Weights of layers, as many as are shown."""
        return [_row(each) for each in self._matrices[:MOST_ROWS]]

    @property
    def left_out(self) -> int:
        """How many are not shown."""
        return max(0, len(self._matrices) - MOST_ROWS)

    @property
    def not_measured(self) -> list[str]:
        """What could not be had, and why."""
        reasons = Counter(self.part.not_measured.values())
        of = len(self.part.files)
        return [f"in {count:,} of {of:,} checkpoints: {why}" for why, count in reasons.items()]

    @property
    def _matrices(self) -> Sequence[TensorCurve]:
        return [each for each in self.part.tensors if each.is_matrix]


def _plot(name: str, curve: Curve) -> Plot | None:
    known = _known(curve)
    if len(known) < 2:
        return None
    low, high = short(min(known)), short(max(known))
    text = f"{name}: {short(known[0])} at first, {short(known[-1])} at last, {low} to {high}"
    return Plot(name, line(known), low, high, text)


def _row(tensor: TensorCurve) -> Row:
    return Row(
        name_of(tensor),
        sparkline(tensor.update, logarithmic=True),
        _ends(tensor.update),
        _ends(tensor.mean),
    )


def _ends(curve: Curve) -> str:
    known = _known(curve)
    return f"{short(known[0])} → {short(known[-1])}" if known else ""


def _known(curve: Curve) -> list[float]:
    return [value for value in curve if value is not None and math.isfinite(value)]
