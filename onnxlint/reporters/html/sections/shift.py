"""The section of the samples beside the training data: features, and layers."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from onnxlint.report import ModelReport
from onnxlint.reporters.html.sections.figures import short
from onnxlint.shift_report import FeatureShift, LayerShift, ShiftReport, Side, size_of

MOST_ROWS = 500
"""Features that are shown; a choice, some 100 kB of a page."""


class Row(Struct, frozen=True):
    """A feature as it is shown."""

    feature: FeatureShift
    size: str
    train: str
    data: str


class View(Struct, frozen=True):
    """What the template reads."""

    part: ShiftReport
    report: ModelReport

    @property
    def rows(self) -> list[Row]:
        """Features, as many as are shown, the most shifted first."""
        return [
            Row(each, size_of(each), _told(each, each.train), _told(each, each.data))
            for each in self.part.features[:MOST_ROWS]
        ]

    @property
    def left_out(self) -> int:
        """How many are not shown."""
        return max(0, len(self.part.features) - MOST_ROWS)

    @property
    def layers(self) -> Sequence[LayerShift]:
        """Layers, in the order of the file."""
        return self.part.layers


def _told(feature: FeatureShift, side: Side) -> str:
    parts = []
    if side.mean is not None and side.deviation is not None:
        parts.append(f"{short(side.mean)} ± {short(side.deviation)}")
    if side.missing:
        parts.append(f"{side.missing:.1%} missing")
    if feature.value is not None and side.share is not None:
        parts.append(f"{side.share:.1%} {feature.value}")
    return ", ".join(parts)
