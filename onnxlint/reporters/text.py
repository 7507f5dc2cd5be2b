"""The report for people: by model and module, repeats folded, one summary line."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sized
from itertools import groupby, pairwise

import click

from onnxlint.findings import Diagnostic
from onnxlint.model.graph.place import Place
from onnxlint.report import FixReport, Metrics, ModelReport
from onnxlint.safety.printable import printable
from onnxlint.severity import Severity

FOLD_AFTER = 3
"""Findings of one rule that are shown for one model; the others are counted."""

COLOURS = {Severity.ERROR: "red", Severity.WARNING: "yellow", Severity.INFO: "blue"}


def render(
    reports: Iterable[ModelReport],
    *,
    show: Severity = Severity.WARNING,
    verbose: bool = False,
    hints: bool = True,
) -> str:
    """Findings down to the severity `show`, then a summary; `verbose` folds and hides nothing."""
    done = list(reports)
    lines = [*_distrusted(done)]
    lines += [line for report in done for line in _model(report, show, verbose, hints)]
    return "\n".join([*lines, _summary(done)]) + "\n"


def _distrusted(reports: Iterable[ModelReport]) -> Iterator[str]:
    """A line for each configuration that lies with a model, and had no say in something."""
    held = {report.configuration for report in reports}
    for file in sorted((each for each in held if each and each.ignored), key=lambda c: c.file):
        keys = printable(", ".join(file.ignored))
        yield (
            f"{click.style(printable(file.file), bold=True)} lies with the model and is not "
            f"trusted; ignored: {keys} (--trust-config or --config trusts it)"
        )


def _model(report: ModelReport, show: Severity, verbose: bool, hints: bool) -> Iterator[str]:
    shown = [f for f in report.findings if verbose or f.severity.rank <= show.rank]
    mended = report.mending
    if report.error is None and not shown and not verbose and not _says_something(mended):
        return
    yield click.style(printable(report.path), bold=True)
    if report.error is not None:
        yield f"  {click.style('cannot lint', fg='red')}: {printable(report.error)}"
    if mended is not None:
        yield from _mending(mended, verbose)
    for _, group in groupby(shown, key=lambda f: (f.severity.rank, f.code, f.name)):
        yield from _rule(list(group), verbose, hints)
    if verbose:
        for code, reason in sorted(report.not_applicable.items()):
            yield click.style(f"  {code} not applicable: {printable(reason)}", dim=True)
    yield ""


def _says_something(mended: FixReport | None) -> bool:
    return mended is not None and bool(mended.fixed or mended.refused or mended.problem)


def _mending(mended: FixReport, verbose: bool) -> Iterator[str]:
    if mended.problem is not None:
        yield f"  {click.style('not written', fg='red')}: {printable(mended.problem)}"
    elif mended.written is not None:
        yield f"  written: {printable(mended.written)}"
    if mended.unverified is not None and mended.fixed:
        yield f"  {click.style('not verified', fg='yellow')}: {printable(mended.unverified)}"
    for (code, name), group in groupby(mended.fixed, key=lambda f: (f.code, f.name)):
        fixed = list(group)
        yield f"  {click.style('fixed', fg='green')} {click.style(code, bold=True)} {name}"
        shown = fixed if verbose else fixed[:FOLD_AFTER]
        for finding in shown:
            yield f"    {printable(_where(finding.place))}{printable(finding.fix or '')}"
        yield from _folded(fixed, shown)
    for reason, refusals in groupby(mended.refused, key=lambda refusal: refusal[1]):
        refused = [finding for finding, _ in refusals]
        yield f"  {click.style('not fixed', fg='yellow')}: {printable(reason)}"
        shown = refused if verbose else refused[:FOLD_AFTER]
        for finding in shown:
            yield f"    {finding.code} {finding.name}: {printable(str(finding.place))}"
        yield from _folded(refused, shown)


def _folded(found: Sized, shown: Sized) -> Iterator[str]:
    if len(shown) < len(found):
        yield click.style(f"    … and {len(found) - len(shown):,} more", dim=True)


def _rule(findings: list[Diagnostic], verbose: bool, hints: bool) -> Iterator[str]:
    first = findings[0]
    severity = click.style(first.severity.value, fg=COLOURS[first.severity])
    yield f"  {severity} {click.style(first.code, bold=True)} {first.name}"
    shown = findings if verbose else findings[:FOLD_AFTER]
    for module, group in groupby(shown, key=lambda finding: finding.place.module):
        if module:
            yield click.style(f"    in {printable(module)}", dim=True)
        for finding, following in pairwise([*group, None]):
            assert finding is not None
            marks = click.style(" [synthetic]", dim=True) if finding.synthetic else ""
            marks += click.style(" [fixable]", fg="green") if finding.fix is not None else ""
            yield f"    {printable(_where(finding.place))}{printable(finding.message)}{marks}"
            for key, told in _WITNESS:
                if key in finding.evidence:
                    yield f"      {told} {printable(str(finding.evidence[key]))}"
            if hints and finding.hint and (following is None or following.hint != finding.hint):
                yield click.style(f"    hint: {printable(finding.hint)}", dim=True)
    yield from _folded(findings, shown)


_WITNESS = ("witness", "replay it with --data"), ("witness_problem", "witness not saved:")


def _where(place: Place) -> str:
    if place == Place():
        return ""
    source = f" ({place.source})" if place.source else ""
    value = f" → {place.value!r}" if place.value and place.node_index is not None else ""
    return f"{place}{value}{source}: "


def _summary(reports: list[ModelReport]) -> str:
    counts = {severity: sum(r.count(severity) for r in reports) for severity in Severity}
    words = ", ".join(_counted(number, severity.value) for severity, number in counts.items())
    colour = next((COLOURS[severity] for severity, number in counts.items() if number), "green")
    unread = sum(report.error is not None for report in reports)
    failed = f", {_counted(unread, 'model')} not linted" if unread else ""
    told = click.style(words, fg=colour) + click.style(failed, fg="red") + _how(reports)
    return _not_executed(reports) + told + _fixes(reports) + "".join(_metrics(reports))


def _not_executed(reports: list[ModelReport]) -> str:
    """That models were not run, before anything else: much less is known of them."""
    not_executed = [report for report in reports if report.not_executed is not None]
    if not not_executed:
        return ""
    if len(reports) > 1:
        told = f"{len(not_executed)} of {_counted(len(reports), 'model')} not run; "
    else:
        told = f"not run ({printable((not_executed[0].not_executed or '').partition(':')[0])}); "
    return click.style(told, fg="yellow")


def _metrics(reports: list[ModelReport]) -> Iterator[str]:
    """How each model that was compared with labels meets them, a line each."""
    for report in reports:
        if report.metrics is not None:
            name = f"{printable(report.path)}: " if len(reports) > 1 else ""
            yield f"\n{name}{_told_metrics(report.metrics)}"


def _told_metrics(metrics: Metrics) -> str:
    numbers = {
        "accuracy": metrics.accuracy,
        "log loss": metrics.log_loss,
        "calibration error": metrics.calibration_error,
        "RMSE": metrics.rmse,
        "R²": metrics.r2,
        **(metrics.baselines or {}),
    }
    told = [f"{name} {number:.4g}" for name, number in numbers.items() if number is not None]
    if metrics.recall:
        worst = min(metrics.recall, key=lambda name: metrics.recall[name])  # type: ignore[index]
        told.insert(1, f"least recall {metrics.recall[worst]:.4g} (class {printable(worst)})")
    where = f"output {printable(metrics.output)!r}, {_counted(metrics.samples, 'label')}"
    return f"{', '.join(told)} ({where})"


def _fixes(reports: list[ModelReport]) -> str:
    """What fixes could do, or did."""
    mendings = [report.mending for report in reports if report.mending is not None]
    if not mendings:
        fixable = sum(report.fixable for report in reports)
        return f"\n{fixable:,} fixable with --fix" if fixable else ""
    fixed = sum(len(mending.fixed) for mending in mendings)
    refused = sum(len(mending.refused) for mending in mendings)
    return f"\n{fixed:,} fixed" + (f", {refused:,} not fixed" if refused else "")


def _how(reports: list[ModelReport]) -> str:
    """What stood behind the findings: models, rules, samples, time."""
    done = [report for report in reports if report.rules_run]
    if not done:
        return ""
    models = f" in {_counted(len(done), 'model')}" if len(reports) > 1 else ""
    rules = max(report.rules_run for report in done)
    ran = [report for report in done if report.samples]
    data = "" if any(report.not_executed for report in done) else ", nothing run"
    if ran:
        data = f" on {ran[0].samples} {printable(ran[0].data or '')}"
    if ran and not ran[0].data.startswith("synthesised"):  # type: ignore[union-attr]
        samples = _counted(ran[0].samples or 0, "sample")
        data = f" on {samples} of {printable(ran[0].data or '')}"
    skipped = max(len(report.not_applicable) for report in done)
    seconds = sum(report.seconds for report in reports)
    return f"{models}: {rules} rules ran{data}, {skipped} not applicable; {seconds:.1f} s"


def _counted(number: int, noun: str) -> str:
    plural = noun if noun == "info" or number == 1 else f"{noun}s"
    return f"{number} {plural}"
