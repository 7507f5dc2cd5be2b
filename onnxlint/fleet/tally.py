"""What a fleet shows as a whole: counts that add up, part by part, and its worst models."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from onnxlint.fleet.orders import VERDICTS
from onnxlint.severity import Severity

MOST_WORST = 20
"""Models that are listed as the worst; a choice. The dataset has all."""

MOST_UNLINTED = 50
"""Models that are listed as not linted; a choice."""

MOST_EXPORTERS = 1_000
"""Exporters that are told apart, the first ones: a file may claim to come from anything."""

OTHERS = ("(others)", "")
UNKNOWN = ("(unknown)", "")
"""What wrote a model that could not be read, or that does not say."""


class RuleTally(msgspec.Struct):
    """What one rule found; its severity is the gravest that it reported."""

    name: str
    severity: Severity
    findings: int = 0
    models: int = 0


class ExporterTally(msgspec.Struct):
    """The models of one exporter, and in how many of them each rule found something."""

    name: str
    version: str
    verdicts: dict[str, int] = {}
    rules: dict[str, int] = {}

    @property
    def models(self) -> int:
        """How many there are."""
        return sum(self.verdicts.values())


class Worst(msgspec.Struct):
    """A model, and how many findings it has."""

    path: str
    errors: int
    warnings: int
    infos: int

    @property
    def order(self) -> tuple[int, int, str]:
        """Sort key: the worst first."""
        return -self.errors, -self.warnings, self.path


class Unlinted(msgspec.Struct):
    """A model that was not linted, or not to its end, and why."""

    path: str
    reason: str


class Tally(msgspec.Struct):
    """A fleet, or a part of it."""

    verdicts: dict[str, int] = {}
    severities: dict[str, int] = {}
    suppressed: int = 0
    judged: int = 0
    rules: dict[str, RuleTally] = {}
    exporters: list[ExporterTally] = []
    worst: list[Worst] = []
    unlinted: list[Unlinted] = []

    @property
    def models(self) -> int:
        """How many models there are."""
        return sum(self.verdicts.values())

    @property
    def exit_code(self) -> int:
        """That of a run: 2 where a model was not linted, 1 where one failed."""
        return max((VERDICTS.index(each) for each, number in self.verdicts.items() if number),
                   default=0)  # fmt: skip

    def sorted_rules(self) -> list[tuple[str, RuleTally]]:
        """Rules by how many models they found something in."""
        return sorted(self.rules.items(), key=lambda each: (-each[1].models, each[0]))

    def sorted_exporters(self) -> list[ExporterTally]:
        """Exporters by their models."""
        return sorted(self.exporters, key=lambda each: (-each.models, each.name, each.version))


def tally_of(models: Iterable[Mapping[str, Any]]) -> Tally:
    """The tally of models, each as the line of its report says."""
    total = _Adding()
    for model in models:
        total.add(model)
    return total.tally


def merged(tallies: Iterable[Tally]) -> Tally:
    """The sum of tallies, in their order."""
    total = _Adding()
    for tally in tallies:
        total.merge(tally)
    return total.tally


class _Adding:
    def __init__(self) -> None:
        self.tally = Tally(dict.fromkeys(VERDICTS, 0), {each.value: 0 for each in Severity})
        self._exporters: dict[tuple[str, str], ExporterTally] = {}

    def add(self, model: Mapping[str, Any]) -> None:
        tally, summary = self.tally, model["summary"]
        tally.verdicts[model["verdict"]] += 1
        for name in tally.severities:
            tally.severities[name] += summary[name]
        tally.suppressed += summary["suppressed"]
        tally.judged += summary["rules_run"] > 0 or bool(model["findings"])
        for code, found in _by_rule(model):
            self._rule(code, found)
        self._exporter(model)
        counts = tuple(summary[each.value] for each in Severity)
        if any(counts[:2]):
            self._worst([Worst(model["path"], *counts)])
        reason = _unlinted(model)
        if reason is not None and len(tally.unlinted) < MOST_UNLINTED:
            tally.unlinted.append(Unlinted(model["path"], reason))

    def merge(self, other: Tally) -> None:
        tally = self.tally
        for mine, others in (
            (tally.verdicts, other.verdicts),
            (tally.severities, other.severities),
        ):
            for name, number in others.items():
                mine[name] = mine.get(name, 0) + number
        tally.suppressed += other.suppressed
        tally.judged += other.judged
        for code, found in other.rules.items():
            self._rule(code, found)
        for each in other.exporters:
            _add_counts(self._told_apart(each.name, each.version), each)
        self._worst(other.worst)
        tally.unlinted += other.unlinted[: MOST_UNLINTED - len(tally.unlinted)]

    def _rule(self, code: str, found: RuleTally) -> None:
        own = self.tally.rules.setdefault(code, RuleTally(found.name, found.severity))
        own.findings += found.findings
        own.models += found.models
        if found.severity.rank < own.severity.rank:
            own.severity = found.severity

    def _exporter(self, model: Mapping[str, Any]) -> None:
        told = model["exporter"] or {}
        name, version = told.get("name") or "", told.get("version") or ""
        own = self._told_apart(name, version) if name or version else self._told_apart(*UNKNOWN)
        codes = {finding["code"]: 1 for finding in model["findings"]}
        _add_counts(own, ExporterTally("", "", {model["verdict"]: 1}, codes))

    def _told_apart(self, name: str, version: str) -> ExporterTally:
        known = self._exporters
        key = (name, version)
        if key not in known and len(known) >= MOST_EXPORTERS:
            key = OTHERS
        if key not in known:
            known[key] = ExporterTally(*key, dict.fromkeys(VERDICTS, 0), {})
            self.tally.exporters.append(known[key])
        return known[key]

    def _worst(self, more: list[Worst]) -> None:
        worst = self.tally.worst
        worst += more
        worst.sort(key=lambda each: each.order)
        del worst[MOST_WORST:]


def _add_counts(own: ExporterTally, more: ExporterTally) -> None:
    for mine, others in ((own.verdicts, more.verdicts), (own.rules, more.rules)):
        for name, number in others.items():
            mine[name] = mine.get(name, 0) + number


def _by_rule(model: Mapping[str, Any]) -> Iterator[tuple[str, RuleTally]]:
    found: dict[str, RuleTally] = {}
    for finding in model["findings"]:
        severity = Severity(finding["severity"])
        own = found.setdefault(finding["code"], RuleTally(finding["name"], severity, 0, 1))
        own.findings += 1
        own.severity = min(own.severity, severity, key=lambda each: each.rank)
    yield from found.items()


def _unlinted(model: Mapping[str, Any]) -> str | None:
    if model["verdict"] != VERDICTS[2]:
        return None
    if model["error"] is not None:
        return str(model["error"])
    ours = Counter(each["message"] for each in model["findings"] if each["code"].startswith("LNT"))
    return next(iter(ours), "a rule was not run")
