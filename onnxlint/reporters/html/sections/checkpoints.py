"""The section of a series of checkpoints: curves of the whole model, and how its weights moved."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

from msgspec import Struct

from onnxlint.report import ModelReport
from onnxlint.reporters.html.sections.figures import BARS_HEIGHT, BARS_WIDTH, Span, short
from onnxlint.reporters.series_text import name_of
from onnxlint.series_report import Curve, SeriesReport, TensorCurve, sparkline

MOST_ROWS = 1_000
"""Weights that are shown; a choice, some 200 kB of a page."""


class Plot(Struct, frozen=True):
    """A curve as it is drawn; `line` are its finite points, `text` says the same in words."""

    title: str
    line: str
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
        scalars = self.part.scalars()
        return [plot for name, curve in scalars if (plot := _plot(self.part, name, curve))]

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


def _plot(series: SeriesReport, name: str, curve: Curve) -> Plot | None:
    known = [(at, value) for at, value in enumerate(curve)
             if value is not None and math.isfinite(value)]  # fmt: skip
    if len(known) < 2:
        return None

    def told(point: tuple[int, float]) -> str:
        return f"{short(point[1])} at {series.named(point[0])}"

    ends = known[0], known[-1]
    low, high = (pick(known, key=lambda point: point[1]) for pick in (min, max))
    values = {value for _, value in ends}
    more = [f"{kind} {told(point)}" for kind, point in (("lowest", low), ("highest", high))
            if point[1] not in values]  # fmt: skip
    steps = Span(series.steps[0], series.steps[-1])
    points = " ".join(
        f"{steps.at(series.steps[at], BARS_WIDTH):.4g},"
        f"{BARS_HEIGHT - Span(low[1], high[1]).at(value, BARS_HEIGHT):.4g}"
        for at, value in known
    )
    return Plot(name, points, ", ".join([*map(told, ends), *more]))


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
