"""What analyses have to say in a model's report, beside the findings of rules."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Struct, field

from onnxlint.model.graph.place import Place
from onnxlint.report import Metrics, TraceRow
from onnxlint.series_report import SeriesReport
from onnxlint.severity import Severity
from onnxlint.shift_report import ShiftReport


class Loss(Struct, frozen=True):
    """What could not be looked at, and why: rules that are silent about it did not judge it.

    `lost` is what, in a word or two, and `hint` what to do about it in a line. An error means that
    the linter could not do its job.
    """

    message: str
    lost: str
    severity: Severity = Severity.WARNING
    evidence: Mapping[str, Any] = field(default_factory=dict)
    hint: str | None = None


class Defect(Struct, frozen=True):
    """A mistake of our own that a run brought to light: where, and both numbers."""

    message: str
    place: Place
    evidence: Mapping[str, Any] = field(default_factory=dict)


class Contributions(Struct):
    """Parts of the report that analyses fill in; see `ModelReport` for what the fields mean."""

    samples: int | None = None
    data: str | None = None
    sample_files: tuple[str, ...] | None = None
    not_executed: str | None = None
    trace: tuple[TraceRow, ...] | None = None
    metrics: Metrics | None = None
    series: SeriesReport | None = None
    shift: ShiftReport | None = None
    losses: list[Loss] = field(default_factory=list)
    defects: list[Defect] = field(default_factory=list)
