"""A fleet as a whole, for people and for programs: rules, exporters, the worst models."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import click
from msgspec import Struct

from onnxlint.findings import counted
from onnxlint.fleet.orders import VERDICTS
from onnxlint.fleet.tally import ExporterTally, Tally
from onnxlint.reporters.summary import COLOURS
from onnxlint.safety.printable import json_text, printable
from onnxlint.severity import Severity
from onnxlint.version import __version__

SUMMARY_VERSION = 1
MOST_LINES = 25
"""Rules, and exporters, that a text lists; a choice, a screen. JSON has all."""
MOST_COLUMNS = 8
"""Rules that a table of exporters has a column for; a choice, what a page is wide."""
NAMED_RULES = 4
"""Rules that a line of an exporter names; a choice."""


class Overview(Struct, frozen=True):
    """The tally of a fleet, and how many models it is to have."""

    tally: Tally
    expected: int

    @property
    def is_complete(self) -> bool:
        """Whether all models are in it."""
        return self.tally.models == self.expected

    @property
    def verdicts(self) -> str:
        """How the models were judged, on one line."""
        told = ", ".join(f"{self.tally.verdicts[name]:,} {name}" for name in VERDICTS)
        rest = "" if self.is_complete else f" of {self.expected:,}"
        return f"{self.tally.models:,}{rest} {'model' if self.expected == 1 else 'models'}: {told}"

    @property
    def severities(self) -> str:
        """How many findings there are, on one line."""
        told = self.tally.severities
        away = (
            f"; {self.tally.suppressed:,} suppressed or accepted" if self.tally.suppressed else ""
        )
        counts = (counted(told[each.value], each.value, _PLURALS[each]) for each in Severity)
        return ", ".join(counts) + away

    def columns(self) -> list[str]:
        """The rules that exporters are compared by: the most frequent ones above info."""
        grave = [code for code, rule in self.tally.sorted_rules()
                 if rule.severity is not Severity.INFO]  # fmt: skip
        return grave[:MOST_COLUMNS]


_PLURALS = {Severity.ERROR: "errors", Severity.WARNING: "warnings", Severity.INFO: "infos"}


def text(overview: Overview) -> str:
    """The summary for a terminal."""
    return "".join(f"{line}\n" for line in _lines(overview))


def _lines(overview: Overview) -> Iterator[str]:
    tally = overview.tally
    failed = "red" if tally.exit_code else "green"
    yield click.style(overview.verdicts, fg=failed)
    yield overview.severities
    if tally.rules:
        yield from ("", _row("Rules", ("models", "findings")))
        for code, rule in tally.sorted_rules()[:MOST_LINES]:
            severity = click.style(f"{rule.severity.value:<8}", fg=COLOURS[rule.severity])
            name = printable(f"{code} {rule.name}")
            yield f"  {severity} {name:<40.40}{rule.models:>10,}{rule.findings:>10,}"
        yield from _more(len(tally.rules))
    if tally.exporters:
        yield from ("", _row("Exporters", ("models", "failed")) + "  rules, with models")
        for exporter in tally.sorted_exporters()[:MOST_LINES]:
            numbers = (exporter.models, exporter.verdicts[VERDICTS[1]])
            yield f"{_row('  ' + _called(exporter), numbers)}  {_frequent(exporter)}".rstrip()
        yield from _more(len(tally.exporters))
    if tally.worst:
        yield from ("", "Worst models", f"  {'errors':>8}{'warnings':>10}")
        for each in tally.worst:
            yield f"  {each.errors:>8,}{each.warnings:>10,}  {printable(each.path)}"
    yield from _not_linted(tally)


def _row(name: str, numbers: Sequence[int | str]) -> str:
    told = "".join(f"{each:>10,}" if isinstance(each, int) else f"{each:>10}" for each in numbers)
    return f"{name:<51.51}{told}"


def _called(exporter: ExporterTally) -> str:
    return printable(f"{exporter.name} {exporter.version}".strip())


def _frequent(exporter: ExporterTally) -> str:
    rules = sorted(exporter.rules.items(), key=lambda each: (-each[1], each[0]))
    return ", ".join(f"{code} {number:,}" for code, number in rules[:NAMED_RULES])


def _more(number: int) -> Iterator[str]:
    if number > MOST_LINES:
        yield f"  … and {number - MOST_LINES:,} more; --format json has all"


def _not_linted(tally: Tally) -> Iterator[str]:
    if not tally.unlinted:
        return
    yield from ("", "Not linted")
    for each in tally.unlinted:
        yield f"  {printable(each.path)}: {printable(each.reason)}"
    rest = tally.verdicts[VERDICTS[2]] - len(tally.unlinted)
    if rest:
        yield f"  … and {rest:,} more; the dataset has all: verdict = 'not linted'"


def json(overview: Overview) -> str:
    """The summary for programs."""
    return json_text(document(overview)) + "\n"


def document(overview: Overview) -> dict[str, Any]:
    """The summary as plain data."""
    tally = overview.tally
    return {
        "version": SUMMARY_VERSION,
        "tool": {"name": "onnxlint", "version": __version__},
        "complete": overview.is_complete,
        "models": tally.models,
        "expected": overview.expected,
        "verdicts": tally.verdicts,
        "findings": tally.severities,
        "suppressed": tally.suppressed,
        "rules": [
            {"code": code, "name": rule.name, "severity": rule.severity.value,
             "models": rule.models, "findings": rule.findings}
            for code, rule in tally.sorted_rules()
        ],
        "exporters": [
            {"name": each.name, "version": each.version, "models": each.models,
             "verdicts": each.verdicts, "rules": dict(sorted(each.rules.items()))}
            for each in tally.sorted_exporters()
        ],
        "worst": [
            {"path": each.path, "errors": each.errors, "warnings": each.warnings,
             "infos": each.infos}
            for each in tally.worst
        ],
        "not_linted": [{"path": each.path, "reason": each.reason} for each in tally.unlinted],
    }  # fmt: skip


def html(overview: Overview) -> str:
    """The summary as a page."""
    from onnxlint.reporters.html.printing import rendered

    tally = overview.tally
    return rendered(
        "fleet.html.jinja", ["fleet"], overview=overview, tally=tally, columns=overview.columns(),
        rules=tally.sorted_rules(), exporters=tally.sorted_exporters()[:MOST_LINES],
        more_exporters=max(0, len(tally.exporters) - MOST_LINES), verdicts=VERDICTS,
        version=__version__,
    )  # fmt: skip
