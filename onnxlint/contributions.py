"""What analyses have to say in a model's report, beside the findings of rules."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable

from msgspec import Struct, field

from onnxlint.model.graph.place import Place
from onnxlint.report import Metrics, TraceRow
from onnxlint.series_report import SeriesReport
from onnxlint.severity import Severity


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
    losses: list[Loss] = field(default_factory=list)
    defects: list[Defect] = field(default_factory=list)


@runtime_checkable
class Contributor(Protocol):
    """An analysis that has something for the report."""

    def contribute(self, report: Contributions) -> None:
        """Puts it there, after all rules ran; analyses that it is built from came before."""


@runtime_checkable
class FailureContributor(Protocol):
    """An analysis whose absence the report explains."""

    @classmethod
    def contribute_failure(cls, problem: Exception, report: Contributions) -> None:
        """Says there why it cannot be had."""
