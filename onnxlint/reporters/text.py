"""The report for people: by model and module, repeats folded, then a summary."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence, Sized
from itertools import groupby, pairwise

import click

from onnxlint.findings import Diagnostic
from onnxlint.report import FixReport, ModelReport
from onnxlint.reporters.places import where
from onnxlint.reporters.protocol import Outcome, Run, View
from onnxlint.reporters.summary import COLOURS, counted, others, summary, unlinted
from onnxlint.safety.printable import printable
from onnxlint.severity import Severity

FOLD_AFTER = 3
"""Findings of one rule that are shown for one model; the others are counted."""

NAMED_MODELS = 20
"""Models without findings that are named; the others are counted. A choice: a few lines."""


class Text:
    """The format `full`: each model as soon as it is linted, those without findings at the end."""

    def __init__(self, run: Run) -> None:
        self._view = run.view
        self._models, self._packs = run.models, run.packs
        self._reports: list[ModelReport] = []
        self._clean: list[ModelReport] = []
        self._distrusted: set[str] = set()

    def begin(self) -> str:
        """Nothing."""
        return ""

    def model(self, report: ModelReport) -> str:
        """Its lines."""
        self._reports.append(report)
        lines = [*_model(report, self._view)]
        if lines:
            lines = [click.style(printable(report.path), bold=True), *lines, ""]
        else:
            self._clean.append(report)
        return self._written([*self._of_configuration(report), *lines])

    def end(self, outcome: Outcome) -> str:
        """The summary."""
        lines = []
        if self._clean and self._models > 1:
            lines += [_clean(self._clean, self._view), ""]
        lines += [*summary(self._reports, self._view, outcome), *others(self._packs)]
        return self._written(lines)

    def _of_configuration(self, report: ModelReport) -> Iterator[str]:
        """A line, once, for a configuration that lies with models, and had no say in something."""
        held = report.configuration
        if held is not None and held.ignored and held.file not in self._distrusted:
            self._distrusted.add(held.file)
            keys = printable(", ".join(held.ignored))
            yield (
                f"{click.style(printable(held.file), bold=True)} lies with the model and is not "
                f"trusted; ignored: {keys} (--trust-config or --config trusts it)"
            )

    def _written(self, lines: Iterable[str]) -> str:
        width = self._view.width
        if width is not None:
            from onnxlint.reporters.wrapping import wrapped

            lines = [piece for line in lines for piece in wrapped(line, width)]
        return "".join(f"{line}\n" for line in lines)


def _clean(clean: Sequence[ModelReport], view: View) -> str:
    """The models of which there is nothing to tell, in one line."""
    what = "findings"
    if any(report.findings for report in clean):
        what = " or ".join(f"{each}s" for each in Severity if each.rank <= view.show.rank)
    shown = clean if view.repeats else clean[:NAMED_MODELS]
    names = ", ".join(printable(report.path) for report in shown)
    rest = len(clean) - len(shown)
    told = click.style(f"{counted(len(clean), 'model')} without {what}", fg="green")
    return f"{told}: {names}" + (f" … and {rest:,} more" if rest else "")


def _model(report: ModelReport, view: View) -> Iterator[str]:
    """What there is to tell of one model, but its name."""
    if report.error is not None:
        yield f"  {click.style(unlinted(report), fg='red')}: {printable(report.error)}"
    if report.series is not None:
        from onnxlint.reporters.series_text import series_lines

        yield from series_lines(report.series, all_of_them=view.repeats)
    if report.shift is not None:
        from onnxlint.reporters.shift_text import shift_lines

        yield from shift_lines(report.shift, all_of_them=view.repeats)
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
            yield f"    {printable(where(finding.place))}{printable(finding.fix or '')}"
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
        yield click.style(f"    … and {len(found) - len(shown):,} more (-v shows all)", dim=True)


def _rule(findings: list[Diagnostic], view: View) -> Iterator[str]:
    first = findings[0]
    severity = click.style(first.severity.value, fg=COLOURS[first.severity])
    yield f"  {severity} {click.style(first.code, bold=True)} {first.name}"
    shown = findings if view.repeats else findings[:FOLD_AFTER]
    yield from _findings(sorted(shown, key=lambda each: bool(each.place.module)), view)
    yield from _folded(findings, shown)


def _findings(findings: Sequence[Diagnostic], view: View) -> Iterator[str]:
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
    yield f"    {printable(where(finding.place))}{printable(finding.message)}{marks}"
    for key, told in _WITNESS:
        if key in finding.evidence:
            yield f"      {told} {printable(str(finding.evidence[key]))}"


_WITNESS = ("witness", "reproduce with --data"), ("witness_problem", "witness not saved:")
