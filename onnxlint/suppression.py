"""Findings that a configuration suppresses: for a reason, at a place, until a day."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Iterator, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from onnxlint.choosing import Mandate
from onnxlint.config import Loaded, Suppress, fits, shown
from onnxlint.findings import ENGINE_PREFIX, Diagnostic
from onnxlint.report import ModelReport, Suppressed
from onnxlint.rules.diagnosis import INCOMPLETE, engine_finding
from onnxlint.rules.packs import PackError, Registry
from onnxlint.toml_tables import ConfigError

EXPIRED = ("LNT004", "expired-suppression")
"""A suppression whose last day has passed, while its finding is still there."""

STALE = ("LNT003", "stale-suppression")
"""A suppression that no finding meets."""


NOTES = frozenset(INCOMPLETE)
"""Code and name of the engine's findings whose infos can be suppressed as those of a rule can."""


class Suppression(Struct, frozen=True):
    """One `[[suppress]]` that holds for a model; `number` counts those of its file from 1.

    `codes` are those of its rules, `usual` of those that run unless somebody says otherwise.
    """

    entry: Suppress
    codes: frozenset[str]
    usual: frozenset[str]
    file: str
    number: int

    def __str__(self) -> str:
        return f"suppress[{self.number}] of {self.file}"

    def meets(self, finding: Diagnostic) -> bool:
        """Whether it is about a finding."""
        if finding.code not in self.codes or (finding.code in NOTES and not finding.is_note):
            return False
        where = self.entry.where
        return where is None or any(fnmatchcase(name, where) for name in _names(finding))

    @property
    def has_expired(self) -> bool:
        """Whether its last day has passed, by the date of this machine."""
        until = self.entry.until
        return until is not None and until < datetime.date.today()


def _names(finding: Diagnostic) -> Iterator[str]:
    place = finding.place
    if finding.code in NOTES:
        yield str(finding.evidence.get("lost"))
    yield from filter(None, (place.module, place.node, place.value, place.scope))


def resolved(
    loaded: Loaded, registry: Registry, mandate: Mandate, model: str
) -> tuple[Suppression, ...]:
    """The suppressions that hold for a model.

    Raises:
        ConfigError: one has no reason, names no rule that there is, or a mandatory one in a file
            other than the policy's.
    """
    found, numbers = [], dict[Path, int]()
    for entry, file in zip(loaded.config.suppress, loaded.suppress_files, strict=True):
        numbers[file] = number = numbers.get(file, 0) + 1
        what = f"{file}: suppress[{number}]"
        if not entry.reason.strip():
            raise ConfigError(f"{what}: reason is empty; say why the finding does not count")
        holds = entry.model is None or fits(model, entry.model, file)
        if entry.rule in NOTES:
            codes = frozenset(INCOMPLETE[:1])
            found += [Suppression(entry, codes, codes, shown(file), number)] if holds else []
            continue
        if entry.rule.startswith(ENGINE_PREFIX):
            told = "is about the run, not the model; only infos of LNT002 can be suppressed"
            raise ConfigError(f"{what}: {entry.rule} {told}")
        try:
            rules = registry.select(entry.rule)
        except PackError as error:
            raise ConfigError(f"{what}: {error}") from error
        mandate.check_run((r for r in rules if mandate.mandatory.get(r.code) != file), what)
        if holds:
            usual = frozenset(rule.code for rule in rules if rule.runs_unasked(preview=False))
            codes = frozenset(rule.code for rule in rules)
            found.append(Suppression(entry, codes, usual, shown(file), number))
    return tuple(found)


def suppressed(
    findings: Iterable[Diagnostic], suppressions: Sequence[Suppression]
) -> tuple[list[Diagnostic], list[Suppressed]]:
    """Findings that count, and those that do not; where a suppression has expired it is told."""
    left: list[Diagnostic] = []
    away: list[Suppressed] = []
    expired: dict[Suppression, int] = {}
    for finding in findings:
        meeting = [each for each in suppressions if each.meets(finding)]
        holding = next((each for each in meeting if not each.has_expired), None)
        if holding is None:
            left.append(finding)
            for each in meeting:
                expired[each] = expired.get(each, 0) + 1
            continue
        until = holding.entry.until
        away.append(
            Suppressed(finding, "suppressed", holding.entry.reason, str(holding),
                       None if until is None else until.isoformat())
        )  # fmt: skip
    return [*left, *(_expired(each, number) for each, number in expired.items())], away


def _expired(each: Suppression, number: int) -> Diagnostic:
    return engine_finding(
        EXPIRED,
        f"{each} expired on {each.entry.until}; it would suppress {number} "
        f"finding{'s' * (number != 1)} of {each.entry.rule}",
        hint="fix the finding, or set a new date and say why",
        evidence={"rule": each.entry.rule, "until": str(each.entry.until), "count": number},
    )


class StaleSuppressions:
    """Suppressions that no finding of any model met, though all their rules looked for some."""

    def __init__(self) -> None:
        self._met: dict[Suppression, bool] = {}

    def add(self, suppressions: Iterable[Suppression], report: ModelReport) -> None:
        """Takes in the report of a model that these held for."""
        judged = {*report.ran, *report.not_applicable}
        findings = [*report.findings, *(away.finding for away in report.suppressed)]
        for each in suppressions:
            is_met = any(map(each.meets, findings))
            if is_met or each.usual <= judged:
                self._met[each] = self._met.get(each, False) or is_met

    def told_in(self, report: ModelReport) -> ModelReport:
        """A report that tells of them, too."""
        stale = [_stale(each) for each, is_met in self._met.items() if not is_met]
        if not stale:
            return report
        findings = sorted([*report.findings, *stale], key=Diagnostic.order)
        return replace(report, findings=tuple(findings))


def _stale(each: Suppression) -> Diagnostic:
    where = "" if each.entry.where is None else f" at {each.entry.where!r}"
    return engine_finding(
        STALE,
        f"{each} meets no finding: {each.entry.rule}{where} was not reported",
        hint="remove the entry, or correct its rule, model or where",
        evidence={"rule": each.entry.rule, "where": each.entry.where},
    )
