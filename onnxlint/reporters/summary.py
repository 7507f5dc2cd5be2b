"""The last lines of the report for people: counts, and what stood behind them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

import click

from onnxlint.report import Metrics, ModelReport
from onnxlint.reporters.protocol import Outcome, View
from onnxlint.safety.printable import printable
from onnxlint.severity import Severity

SHOWN_GONE = 3
"""Accepted findings that are gone and named; the others are counted."""

COLOURS = {Severity.ERROR: "red", Severity.WARNING: "yellow", Severity.INFO: "blue"}


def summary(
    reports: Sequence[ModelReport], view: View, outcome: Outcome, *, tables: bool = True
) -> Iterator[str]:
    """What was found in all models, on how much, and what follows from it beyond the findings.

    Findings that are not shown are counted only. Without `tables` each fact is a line.
    """
    found = _found(reports) + _hidden(reports, view.show) + _aside(reports) + _models(reports)
    yield _not_executed(reports) + found + _how(reports, outcome.seconds)
    yield from _fixes(reports)
    yield from _gone(reports)
    for report in reports:
        if report.metrics is not None:
            name = f"{printable(report.path)}: " if len(reports) > 1 else ""
            yield name + metrics_line(report.metrics)
            if tables and report.metrics.confusion is not None:
                from onnxlint.reporters.confusion_text import confusion_lines

                yield from confusion_lines(report.metrics.confusion)
    for reason in outcome.reasons if view.tells_failure else ():
        yield f"{click.style('failed', fg='red')}: {printable(reason)}"
    yield from map(printable, outcome.notes)


def unlinted(report: ModelReport) -> str:
    """How to call it that a model's report has an error: some rules may have run before."""
    return "incomplete" if report.ran or report.findings else "cannot lint"


def problems(report: ModelReport) -> Iterator[tuple[str, str]]:
    """What could not be done about a model, each with the reason."""
    if report.error is not None:
        yield unlinted(report), report.error
    if report.mending is not None and report.mending.problem is not None:
        yield "not written", report.mending.problem


BUILT_IN = "onnxlint_rules"


def others(packs: Mapping[str, str]) -> Iterator[str]:
    """The packs that are not built in, with their versions, in one line."""
    named = [f"{name} {version}".strip() for name, version in sorted(packs.items())
             if name != BUILT_IN]  # fmt: skip
    if named:
        yield f"also with rules of {printable(', '.join(named))}"


def counted(number: int, noun: str) -> str:
    """`1 model`, `1,200 models`."""
    plural = noun if noun == "info" or number == 1 else f"{noun}s"
    return f"{number:,} {plural}"


def _not_executed(reports: Sequence[ModelReport]) -> str:
    """That models were not run, before anything else: much less is known of them."""
    reasons = [report.not_executed for report in reports if report.not_executed is not None]
    if not reasons:
        return ""
    if len(reports) > 1:
        told = f"{len(reasons):,} of {counted(len(reports), 'model')} not executed; "
    else:
        told = f"model not executed ({printable(reasons[0].partition(':')[0])}); "
    return click.style(told, fg="yellow")


def _found(reports: Sequence[ModelReport]) -> str:
    counts = {severity: sum(r.count(severity) for r in reports) for severity in Severity}
    words = ", ".join(counted(number, severity.value) for severity, number in counts.items())
    colour = next((COLOURS[severity] for severity, number in counts.items() if number), "green")
    return click.style(words, fg=colour)


def _hidden(reports: Sequence[ModelReport], show: Severity) -> str:
    """How many findings are too mild to be shown, and what shows them."""
    mild = [f for report in reports for f in report.findings if f.severity.rank > show.rank]
    if not mild:
        return ""
    mildest = max((found.severity for found in mild), key=lambda each: each.rank)
    return click.style(f" ({len(mild):,} not shown; --show {mildest.value})", dim=True)


def _aside(reports: Sequence[ModelReport]) -> str:
    """How many findings do not count."""
    kinds = Counter(each.kind for report in reports for each in report.suppressed)
    told = [f"{number:,} {kind}" for kind, number in sorted(kinds.items())]
    return click.style(f" ({', '.join(told)})", dim=True) if told else ""


def _gone(reports: Sequence[ModelReport]) -> Iterator[str]:
    """The accepted findings that are no longer there."""
    gone = [(report, each) for report in reports for each in report.gone]
    for report, each in gone[:SHOWN_GONE]:
        model = f"{printable(report.path)}: " if len(reports) > 1 else ""
        what = f"{each.code} {each.name} at {each.where}"
        yield f"{model}{printable(what)} is accepted and gone"
    if gone:
        rest = f"{len(gone) - SHOWN_GONE:,} more; " if len(gone) > SHOWN_GONE else ""
        yield f"{rest}'onnxlint accept --prune' takes out what is gone"


def _models(reports: Sequence[ModelReport]) -> str:
    problems = Counter(unlinted(report) for report in reports if report.error is not None)
    unread, partial = problems["cannot lint"], problems["incomplete"]
    read = len(reports) - unread
    told = f" in {counted(read, 'model')}" if read and len(reports) > 1 else ""
    if unread:
        told += click.style(f", {counted(unread, 'model')} not linted", fg="red")
    if partial:
        told += click.style(f", {counted(partial, 'model')} incomplete", fg="red")
    return told


def _how(reports: Sequence[ModelReport], seconds: float | None) -> str:
    """What stood behind the findings: rules, samples, time."""
    time = "" if seconds is None else f"; {seconds:.1f} s"
    judged = [report for report in reports if report.rules_run or report.error is None]
    if not judged:
        return time
    rules = _span(report.rules_run for report in judged)
    noun = "rule" if rules == "1" else "rules"
    skipped = _span(len(report.not_applicable) for report in judged)
    return f": {rules} {noun} ran{_data(judged)}, {skipped} not applicable{time}"


def run_on(report: ModelReport) -> str:
    """On what a model was run, as ` on 8 synthetic inputs (seed 0)`."""
    return _data([report])


def _span(numbers: Iterable[int]) -> str:
    """`97`, or `12 to 97` where it is not the same for all models."""
    least, *_, most = sorted([*numbers] * 2)
    return f"{least:,}" if least == most else f"{least:,} to {most:,}"


def _data(judged: Sequence[ModelReport]) -> str:
    """On what the models were run, those on the same together; they may differ in what they got."""
    runs = Counter((each.samples, each.data) for each in judged if each.samples)
    fed = [(_described(samples or 0, data or ""), models) for (samples, data), models in
           runs.most_common()]  # fmt: skip
    idle = sum(not each.samples and each.not_executed is None for each in judged)
    if not fed:
        nothing = "model" if len(judged) == 1 else "models"
        return f", {nothing} not executed" if idle == len(judged) else ""
    if len(fed) == 1 and not idle:
        return f" on {fed[0][0]}"
    told = [f"{data} ({counted(models, 'model')})" for data, models in fed]
    return f" on {', '.join(told)}" + (f", {counted(idle, 'model')} not executed" if idle else "")


def _described(samples: int, data: str) -> str:
    """`8 synthetic inputs (seed 0)`, `400 samples of digits.npz`."""
    kind, synthetic, rest = data.partition("synthetic inputs")
    if synthetic and not kind:
        return f"{counted(samples, 'synthetic input')}{printable(rest)}"
    return f"{counted(samples, 'sample')} of {printable(data)}"


def _fixes(reports: Sequence[ModelReport]) -> Iterator[str]:
    """What fixes could do, or did."""
    mendings = [report.mending for report in reports if report.mending is not None]
    if not mendings:
        fixable = sum(report.fixable for report in reports)
        if fixable:
            yield f"{fixable:,} fixable with --fix"
        return
    fixed = sum(len(mending.fixed) for mending in mendings)
    refused = sum(len(mending.refused) for mending in mendings)
    yield f"{fixed:,} fixed" + (f", {refused:,} not fixed" if refused else "")


_NUMBERED = {
    "order": "folders are classes in sorted order",
    "numbers": "folders are called like their class numbers",
    "metadata": "classes by their names in the model's metadata",
}
"""How labels became class numbers, where that is not plain."""


_CONSTANT = ("majority class", "mean")
"""What always the same answer is: of classes, and of numbers."""


def metrics_line(metrics: Metrics) -> str:
    """How a model meets the labels."""
    told = [*_figures(metrics)]
    if metrics.recall:
        worst, recall = min(metrics.recall.items(), key=lambda each: each[1])
        told.insert(1, f"lowest recall {recall:.4g} (class {printable(worst)})")
    unit = "reconstructed sample" if metrics.task == "reconstruction" else "label"
    where = f"output {printable(metrics.output)!r}, {counted(metrics.samples, unit)}"
    numbered = _NUMBERED.get(metrics.numbered_by or "")
    line = f"{', '.join(told)} ({where}{f'; {numbered}' if numbered else ''})"
    if metrics.train is None:
        return line
    trained = f"{', '.join(_figures(metrics.train))} ({counted(metrics.train.samples, 'label')})"
    return f"{line}; on training samples {trained}"


def _figures(metrics: Metrics) -> Iterator[str]:
    """Each number with its name."""
    numbers = {
        "accuracy": metrics.accuracy,
        "log loss": metrics.log_loss,
        "calibration error": metrics.calibration_error,
        "RMSE": metrics.rmse,
        "R²": metrics.r2,
        _CONSTANT[metrics.task == "regression"]: metrics.constant,
        **{printable(name): each for name, each in (metrics.baselines or {}).items()},
    }
    yield from (f"{name} {number:.4g}" for name, number in numbers.items() if number is not None)
