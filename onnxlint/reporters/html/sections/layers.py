"""The section of layers: a chart over depth, and a table."""

from __future__ import annotations

from dataclasses import dataclass

from onnxlint.portrait.layers import Layers
from onnxlint.report import ModelReport


@dataclass(frozen=True)
class View:
    """What the template reads."""

    part: Layers
    report: ModelReport
