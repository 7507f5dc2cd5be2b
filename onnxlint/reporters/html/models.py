"""What the page shows of one model: facts, findings by rule, metrics, and the trace."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby

from msgspec import Struct
from msgspec.structs import fields

from onnxlint.findings import Diagnostic
from onnxlint.model.graph.place import Place
from onnxlint.report import Metrics, ModelReport, TraceRow
from onnxlint.reporters.html.items import Item, command, number
from onnxlint.reporters.html.items import paragraphs as told
from onnxlint.reporters.html.sections.section import Section, sections
from onnxlint.reporters.protocol import Run
from onnxlint.reporters.summary import counted, metrics_line, problems, run_on
from onnxlint.reporters.verdicts import of_model, state
from onnxlint.severity import Severity

MOST_ROWS = 2_000
"""Rows of a trace that are shown; a choice, some 500 kB of a page. The JSON report has all."""

_MEASURES = {
    "accuracy": "Accuracy", "log_loss": "Log loss", "calibration_error": "Calibration error",
    "rmse": "RMSE", "r2": "R²",
}  # fmt: skip


class Numbers(Struct, frozen=True):
    """The numbers that rules and modules have on the page, by name: its filter compares these."""

    rules: Mapping[str, int]
    modules: Mapping[str, int]


class Group(Struct, frozen=True):
    """Findings of one rule and severity in one model, and what the rule says of itself."""

    severity: str
    code: str
    name: str
    summary: Sequence[str]
    why: Sequence[str]
    fix: Sequence[str]
    items: Sequence[Item]


class Model(Struct, frozen=True):
    """One model, as the templates read it; `number` counts the models of the page from 1.

    `page` leads to the page that it has for itself, if there is one."""

    number: int
    report: ModelReport
    groups: Sequence[Group]
    sections: Sequence[Section] = ()
    page: str | None = None

    @property
    def id(self) -> str:
        """Where it is on the page."""
        return f"model-{self.number}"

    def drawn(self, place: Place) -> str | None:
        """Where on the page a place of the model is drawn."""
        views = {each.name: each.view for each in self.sections}
        box = views["drawing"].anchor(place) if views.get("drawing") else None
        return box and f"drawing-{self.number}-{box}"

    @property
    def verdict(self) -> str:
        """In a few words."""
        return of_model(self.report) + state(self.report)

    @property
    def counts(self) -> list[int]:
        """Findings by severity."""
        return [self.report.count(each) for each in Severity]

    @property
    def problems(self) -> list[tuple[str, str]]:
        """What could not be done."""
        return [*problems(self.report)]

    @property
    def facts(self) -> list[tuple[str, str]]:
        """What was read and run, each with its title."""
        return [(title, text) for title, text in _facts(self.report) if text]

    @property
    def metrics(self) -> str:
        """How it meets the labels, in one sentence; empty without labels."""
        return "" if self.report.metrics is None else metrics_line(self.report.metrics)

    @property
    def measures(self) -> list[tuple[str, str]]:
        """The same as a table."""
        metrics = self.report.metrics
        return [] if metrics is None else [*_measures(metrics, self._classes_of(metrics))]

    def _classes_of(self, metrics: Metrics) -> int:
        """How many an output tells apart: labels need not hold all of them."""
        parts = (
            each.view.part for each in self.sections if each.name == "predictions" and each.view
        )
        heads = (head for part in parts for head in part.heads if head.output == metrics.output)
        known = len(metrics.classes or metrics.recall or ())
        return next((int(head.classes) for head in heads), known)

    @property
    def shows_predictions(self) -> bool:
        """Whether a section of its own shows them, with the measures."""
        return any(each.name == "predictions" and each.problem is None for each in self.sections)

    @property
    def recall(self) -> list[tuple[str, float]]:
        """By class, those that are numbers."""
        recall = (self.report.metrics and self.report.metrics.recall) or {}
        return [(name, share) for name, share in recall.items() if math.isfinite(share)]

    @property
    def not_applicable(self) -> list[tuple[str, str]]:
        """Rules that had nothing to judge, with the reason."""
        return sorted(self.report.not_applicable.items())

    @property
    def trace_titles(self) -> list[str]:
        """The columns of the trace."""
        return [field.name for field in fields(TraceRow)]

    @property
    def trace(self) -> list[list[str]]:
        """Its rows, as many as are shown."""
        return [_row(row) for row in (self.report.trace or ())[:MOST_ROWS]]

    @property
    def rows_left_out(self) -> int:
        """How many rows are not shown."""
        return max(0, len(self.report.trace or ()) - MOST_ROWS)


def model(run: Run, report: ModelReport, numbers: Numbers, at: int) -> Model:
    """One model of a run, the one with this number."""
    alike: Counter[str] = Counter()
    groups = []
    for key, group in groupby(report.findings, key=lambda f: (f.severity.rank, f.code, f.name)):
        _, code, name = key
        found = list(group)
        rule = numbers.rules[f"{code} {name}"]
        items = [_item(each, report, alike, at, rule, numbers) for each in found]
        groups.append(_group(run, found[0], items))
    return Model(at, report, groups, [*sections(report, at)])


def _item(
    finding: Diagnostic, report: ModelReport, alike: Counter[str], at: int, rule: int,
    numbers: Numbers,
) -> Item:  # fmt: skip
    alike[finding.fingerprint] += 1
    count = alike[finding.fingerprint]
    ending = f"-{count}" if count > 1 else ""
    return Item(
        finding,
        id=f"finding-{at}-{finding.fingerprint}{ending}",
        rule=rule,
        module=numbers.modules[finding.place.module or ""],
        command=command(report, finding),
    )


def _group(run: Run, first: Diagnostic, items: Sequence[Item]) -> Group:
    rule = run.rules.get(first.code)
    if rule is None:  # the engine's own, or found by a rule that is no longer there
        return Group(first.severity.value, first.code, first.name, (), (), (), items)
    about = rule.documentation
    return Group(first.severity.value, first.code, first.name, told(about.summary),
                 told(about.why), told(about.fix), items)  # fmt: skip


def _facts(report: ModelReport) -> Iterator[tuple[str, str]]:
    ran = counted(report.rules_run, "rule") + " ran"
    yield "Checked", f"{ran}{run_on(report)}, {len(report.not_applicable):,} not applicable"
    yield "Not executed", report.not_executed or ""
    yield (
        "Fails on",
        f"{report.fail_on.value}s" if report.fail_on != Severity.INFO else "any finding",
    )
    yield "SHA-256", report.sha256 or ""
    yield "External data", ", ".join(report.external or ())
    held = report.configuration
    if held is not None:
        trust = "" if held.trusted else " (lies with the model and is not trusted)"
        ignored = f"; ignored: {', '.join(held.ignored)}" if held.ignored else ""
        yield "Configuration", f"{held.file}{trust}{ignored}"
    yield "First sample files", ", ".join(report.sample_files or ())
    yield "Crashed rules", ", ".join(report.crashed)
    yield "Rules not run", ", ".join(report.not_run)


def _measures(metrics: Metrics, classes: int) -> Iterator[tuple[str, str]]:
    yield "Output", metrics.output
    yield "Task", metrics.task
    yield "Labelled samples", f"{metrics.samples:,}"
    if metrics.train is not None:
        yield "Labelled training samples", f"{metrics.train.samples:,}"
    for name, title in _MEASURES.items():
        value, trained = getattr(metrics, name), getattr(metrics.train, name, None)
        if value is not None:
            yield title, number(value)
        if trained is not None:
            yield f"{title} on training samples", number(trained)
    if metrics.log_loss is not None and metrics.task == "classification" and classes > 1:
        yield f"Log loss of equal probabilities, ln {classes:,}", number(math.log(classes))
    measure = "RMSE" if metrics.task == "regression" else "accuracy"
    for name, value in (metrics.baselines or {}).items():
        yield f"Simple model {name}: {measure}", number(value)


def _row(row: TraceRow) -> list[str]:
    return [_cell(getattr(row, field.name)) for field in fields(TraceRow)]


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, tuple):
        return "x".join(map(str, value)) or "scalar"
    return number(value) if isinstance(value, int | float) else str(value)
