"""A section of a model card, as model hubs show README.md: what was checked, and what was found."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from onnxlint.report import Metrics, ModelReport
from onnxlint.reporters.confusion_markdown import confusion_table
from onnxlint.reporters.markdown_text import code, plain
from onnxlint.reporters.places import where
from onnxlint.reporters.protocol import Gathering, Outcome
from onnxlint.reporters.summary import counted, run_on, unlinted
from onnxlint.reporters.verdicts import of_model
from onnxlint.severity import Severity

MOST_FINDINGS = 20
"""Findings of a model that are named; the others are counted. A choice: a screen of a card."""

MOST_CLASSES = 20
"""Classes whose recall has a row; a choice, as above."""

LONGEST = 300
"""Characters of a line; a choice, a card is read by people."""

_MEASURES = {
    "accuracy": "Accuracy", "log_loss": "Log loss", "calibration_error": "Calibration error",
    "rmse": "RMSE", "r2": "R²",
}  # fmt: skip


class Card(Gathering):
    """The format `card`."""

    def end(self, outcome: Outcome) -> str:
        """The section."""
        lines = ["## Quality (onnxlint)"]
        if outcome.error is not None:
            lines += ["", f"**Nothing checked**: {plain(outcome.error, LONGEST)}"]
        for report in self.reports:
            if len(self.reports) > 1:
                lines += ["", f"### {code(report.path, LONGEST)}"]
            lines += ["", *_model(report)]
        return "\n".join([*lines, "", f"<sub>{plain(self._versions(), LONGEST)}</sub>"]) + "\n"

    def _versions(self) -> str:
        others = [*sorted(self.run.packs.items()), *self.run.libraries.items()]
        named = (f"{name} {number}".strip() for name, number in others)
        return ", ".join([f"onnxlint {self.run.version}", *named])


def _model(report: ModelReport) -> Iterator[str]:
    if report.error is not None:
        yield f"**{unlinted(report)}**: {plain(report.error, LONGEST)}"
        return
    yield f"**{of_model(report)}**: {_counts(report)}."
    yield ""
    yield from ("| | |", "|---|---|")
    if report.sha256 is not None:
        yield f"| SHA-256 | `{report.sha256}` |"
    yield f"| Checked | {_checked(report)} |"
    if report.not_executed is not None:
        yield f"| Not executed | {_cell(report.not_executed)} |"
    if report.metrics is not None:
        yield from _metrics(report.metrics)
        if report.metrics.confusion is not None:
            yield from ("", *confusion_table(report.metrics.confusion))
    yield from _findings(report)


def _counts(report: ModelReport) -> str:
    counts = [counted(report.count(each), each.value) for each in Severity]
    kinds = [each.kind for each in report.suppressed]
    counts += [f"{kinds.count(kind):,} {kind}" for kind in ("accepted", "suppressed")
               if kind in kinds]  # fmt: skip
    return ", ".join(counts)


def _checked(report: ModelReport) -> str:
    skipped = f"{len(report.not_applicable):,} not applicable"
    return _cell(f"{counted(report.rules_run, 'rule')}{run_on(report)}, {skipped}")


def _metrics(metrics: Metrics) -> Iterator[str]:
    unit = "sample" if metrics.task == "reconstruction" else "labelled sample"
    on = f"{counted(metrics.samples, unit)}, {metrics.task}"
    yield f"| Output {code(metrics.output, LONGEST)} | {_cell(on)} |"
    for name, title in _MEASURES.items():
        value, trained = getattr(metrics, name), getattr(metrics.train, name, None)
        if value is not None:
            yield f"| {title} | {value:.4g} |"
        if trained is not None:
            yield f"| {title} on training samples | {trained:.4g} |"
    measure = "accuracy" if metrics.rmse is None else "RMSE"
    if metrics.constant is not None:
        answer = "mean of the labels" if metrics.task == "regression" else "most frequent class"
        yield f"| Always the {answer}: {measure} | {metrics.constant:.4g} |"
    yield from _recalls(metrics.recall or {})
    for name, value in (metrics.baselines or {}).items():
        yield f"| Baseline {_cell(name)}: {measure} | {value:.4g} |"


def _recalls(recall: Mapping[str, float]) -> Iterator[str]:
    """The recall of each class; of many those with the lowest."""
    shown = list(recall.items())
    if len(shown) > MOST_CLASSES:
        shown = sorted(shown, key=lambda each: each[1])[:MOST_CLASSES]
    for name, share in shown:
        yield f"| Recall of {_cell(name)} | {share:.4g} |"
    if len(recall) > len(shown):
        yield f"| Recall of others | {len(recall) - len(shown):,} classes, none lower |"


def _findings(report: ModelReport) -> Iterator[str]:
    told = [each for each in report.findings if each.severity is not Severity.INFO]
    if told:
        yield ""
    for finding in told[:MOST_FINDINGS]:
        text = plain(where(finding.place) + finding.message, LONGEST)
        yield f"- {finding.severity.value} {finding.code} {plain(finding.name, LONGEST)}: {text}"
    yield from _more(told[MOST_FINDINGS:])


def _more(rest: Iterable[object]) -> Iterator[str]:
    left = len([*rest])
    if left:
        yield f"- … and {left:,} more"


def _cell(text: str) -> str:
    return plain(text, LONGEST).replace("\n", " ")
