"""How a report is shown: in which format, how much of it, how wide."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from onnxlint.cli.colours import terminal_width
from onnxlint.report import ModelReport
from onnxlint.severity import Severity


@dataclass(frozen=True)
class Presentation:
    """What the command line asks of the report; `show` is None where it does not say."""

    format_: str
    show: str | None
    quiet: bool
    verbose: bool
    not_applicable: bool
    hints: bool

    def rendered(
        self, reports: Sequence[ModelReport], packs: Mapping[str, str], *, seconds: float,
        on_terminal: bool,
    ) -> str:  # fmt: skip
        """The report; `on_terminal` says whether it may go there, and has to fit."""
        if self.format_ == "json":
            from onnxlint.reporters import json

            return json.render(reports, packs)
        from onnxlint.reporters import text

        return text.render(
            reports,
            show=self._mildest(reports),
            verbose=self.verbose,
            hints=self.hints,
            not_applicable=self.not_applicable,
            width=terminal_width() if on_terminal else None,
            seconds=seconds,
        )

    def _mildest(self, reports: Sequence[ModelReport]) -> Severity:
        """The mildest severity of findings that are shown."""
        if self.show is not None:
            return Severity(self.show)
        if self.verbose:
            return Severity.INFO
        if self.quiet:
            return Severity.ERROR
        failing = {report.fail_on for report in reports}
        return Severity.INFO if Severity.INFO in failing else Severity.WARNING
