"""The report for people: by model and module, repeats folded, then a summary."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence, Sized
from dataclasses import dataclass
from itertools import groupby, pairwise

import click

from onnxlint.findings import Diagnostic
from onnxlint.model.graph.place import Place
from onnxlint.report import FixReport, ModelReport
from onnxlint.reporters.summary import COLOURS, counted, summary
from onnxlint.safety.printable import printable
from onnxlint.severity import Severity

FOLD_AFTER = 3
"""Findings of one rule that are shown for one model; the others are counted."""

NAMED_MODELS = 20
"""Models without findings that are named; the others are counted. A choice: a few lines."""


@dataclass(frozen=True, slots=True)
class _View:
    """What is shown: findings down to a severity, all repeats, hints, why rules did not apply."""

    show: Severity
    repeats: bool
    hints: bool
    not_applicable: bool

    def of(self, findings: Iterable[Diagnostic]) -> list[Diagnostic]:
        """Those that are shown."""
        return [found for found in findings if found.severity.rank <= self.show.rank]


def render(
    reports: Iterable[ModelReport],
    *,
    show: Severity | None = None,
    verbose: bool = False,
    hints: bool = True,
    not_applicable: bool = False,
    width: int | None = None,
    seconds: float | None = None,
) -> str:
    """The whole report, ending in a line break.

    Args:
        reports: of all models.
        show: the mildest severity whose findings are shown; warnings, or with `verbose` infos.
        verbose: whether every repeat is shown, and why rules were not applicable.
        hints: whether what to do is shown.
        not_applicable: whether it is shown why rules were not applicable.
        width: columns of the terminal; without it no line is broken.
        seconds: how long the command took.
    """
    done = list(reports)
    mildest = show or (Severity.INFO if verbose else Severity.WARNING)
    view = _View(mildest, verbose, hints, not_applicable or verbose)
    lines = [*_lines(done, view), *summary(done, seconds)]
    if width is not None:
        from onnxlint.reporters.wrapping import wrapped

        lines = [piece for line in lines for piece in wrapped(line, width)]
    return "\n".join(lines) + "\n"


def _lines(reports: Sequence[ModelReport], view: _View) -> Iterator[str]:
    yield from _distrusted(reports)
    clean = []
    for report in reports:
        lines = [*_model(report, view)]
        if lines:
            yield from (click.style(printable(report.path), bold=True), *lines, "")
        else:
            clean.append(report)
    if clean and len(reports) > 1:
        yield _clean(clean, view)
    yield from _hidden(reports, view)


def _clean(clean: Sequence[ModelReport], view: _View) -> str:
    """The models of which there is nothing to tell, in one line."""
    what = "findings"
    if any(report.findings for report in clean):
        what = " or ".join(f"{each}s" for each in Severity if each.rank <= view.show.rank)
    shown = clean if view.repeats else clean[:NAMED_MODELS]
    names = ", ".join(printable(report.path) for report in shown)
    rest = len(clean) - len(shown)
    told = click.style(f"{counted(len(clean), 'model')} without {what}", fg="green")
    return f"{told}: {names}" + (f" … and {rest:,} more" if rest else "")


def _hidden(reports: Sequence[ModelReport], view: _View) -> Iterator[str]:
    """How many findings are too mild to be shown, and what shows them."""
    mild = [each for each in Severity if each.rank > view.show.rank]
    numbers = {each: sum(report.count(each) for report in reports) for each in mild}
    told = [counted(number, each.value) for each, number in numbers.items() if number]
    if told:
        mildest = max((each for each in mild if numbers[each]), key=lambda each: each.rank)
        yield click.style(f"{' and '.join(told)} not shown (--show {mildest.value})", dim=True)


def _distrusted(reports: Sequence[ModelReport]) -> Iterator[str]:
    """A line for each configuration that lies with a model, and had no say in something."""
    held = {report.configuration for report in reports}
    for file in sorted((each for each in held if each and each.ignored), key=lambda c: c.file):
        keys = printable(", ".join(file.ignored))
        yield (
            f"{click.style(printable(file.file), bold=True)} lies with the model and is not "
            f"trusted; ignored: {keys} (--trust-config or --config trusts it)"
        )


def _model(report: ModelReport, view: _View) -> Iterator[str]:
    """What there is to tell of one model, but its name."""
    if report.error is not None:
        yield f"  {click.style('cannot lint', fg='red')}: {printable(report.error)}"
    shown, mended = view.of(report.findings), report.mending
    if mended is not None and (shown or view.repeats or _says_something(mended)):
        yield from _mending(mended, view.repeats)
    for _, group in groupby(shown, key=lambda f: (f.severity.rank, f.code, f.name)):
        yield from _rule(list(group), view)
    if view.not_applicable:
        for code, reason in sorted(report.not_applicable.items()):
            yield click.style(f"  {code} not applicable: {printable(reason)}", dim=True)


def _says_something(mended: FixReport) -> bool:
    return bool(mended.fixed or mended.refused or mended.problem)


def _mending(mended: FixReport, repeats: bool) -> Iterator[str]:
    if mended.problem is not None:
        yield f"  {click.style('not written', fg='red')}: {printable(mended.problem)}"
    elif mended.written is not None:
        yield f"  written: {printable(mended.written)}"
    if mended.unverified is not None and mended.fixed:
        yield f"  {click.style('not verified', fg='yellow')}: {printable(mended.unverified)}"
    for (code, name), group in groupby(mended.fixed, key=lambda f: (f.code, f.name)):
        fixed = list(group)
        yield f"  {click.style('fixed', fg='green')} {click.style(code, bold=True)} {name}"
        shown = fixed if repeats else fixed[:FOLD_AFTER]
        for finding in shown:
            yield f"    {printable(_where(finding.place))}{printable(finding.fix or '')}"
        yield from _folded(fixed, shown)
    for reason, refusals in groupby(mended.refused, key=lambda refusal: refusal[1]):
        refused = [finding for finding, _ in refusals]
        yield f"  {click.style('not fixed', fg='yellow')}: {printable(reason)}"
        shown = refused if repeats else refused[:FOLD_AFTER]
        for finding in shown:
            yield f"    {finding.code} {finding.name}: {printable(str(finding.place))}"
        yield from _folded(refused, shown)


def _folded(found: Sized, shown: Sized) -> Iterator[str]:
    if len(shown) < len(found):
        yield click.style(f"    … and {len(found) - len(shown):,} more", dim=True)


def _rule(findings: list[Diagnostic], view: _View) -> Iterator[str]:
    first = findings[0]
    severity = click.style(first.severity.value, fg=COLOURS[first.severity])
    yield f"  {severity} {click.style(first.code, bold=True)} {first.name}"
    shown = findings if view.repeats else findings[:FOLD_AFTER]
    yield from _findings(sorted(shown, key=lambda each: bool(each.place.module)), view)
    yield from _folded(findings, shown)


def _findings(findings: Sequence[Diagnostic], view: _View) -> Iterator[str]:
    """Findings of one rule, those without a module first: beneath a heading all are of it."""
    heading = None
    for finding, following in pairwise([*findings, None]):
        assert finding is not None
        module = finding.place.module
        if module and module != heading:
            yield click.style(f"    in {printable(module)}", dim=True)
        heading = module
        yield from _finding(finding)
        if view.hints and finding.hint and (following is None or following.hint != finding.hint):
            yield click.style(f"    hint: {printable(finding.hint)}", dim=True)


def _finding(finding: Diagnostic) -> Iterator[str]:
    marks = click.style(" [synthetic]", dim=True) if finding.synthetic else ""
    marks += click.style(" [fixable]", fg="green") if finding.fix is not None else ""
    yield f"    {printable(_where(finding.place))}{printable(finding.message)}{marks}"
    for key, told in _WITNESS:
        if key in finding.evidence:
            yield f"      {told} {printable(str(finding.evidence[key]))}"


_WITNESS = ("witness", "reproduce with --data"), ("witness_problem", "witness not saved:")


def _where(place: Place) -> str:
    if place == Place():
        return ""
    source = f" ({place.source})" if place.source else ""
    value = f" → {place.value!r}" if place.value and place.node_index is not None else ""
    return f"{place}{value}{source}: "
