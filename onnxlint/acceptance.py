"""Accepted findings: a file of what a team knows of and ships with; only news is reported."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable
from functools import partial
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct

from onnxlint.config import shown
from onnxlint.findings import ENGINE_PREFIX, Diagnostic
from onnxlint.remote.address import is_remote
from onnxlint.report import ModelReport, Suppressed
from onnxlint.safety.printable import json_text
from onnxlint.severity import Severity
from onnxlint.toml_tables import ConfigError, exists, is_file, real_path

if TYPE_CHECKING:
    from onnxlint.model.graph.surroundings import Surroundings

ACCEPTED_FILE = "onnxlint-accepted.json"
VERSION = 1

LARGEST_FILE = 64 * 1024**2
"""Bytes of a file of accepted findings; a choice, a hundred thousand entries."""


class Entry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One accepted finding: which rule, in which model, where; no number that was measured.

    `model` is a path from the file's folder. `fed_by` names what feeds the node it is at,
    `count` is how many places one finding of many has, `surroundings` the hash of what stands at
    its place. `reason` is for whoever edits the file.
    """

    model: str
    code: str
    name: str
    severity: Severity
    scope: str = ""
    node: str | None = None
    value: str | None = None
    op_type: str | None = None
    fed_by: tuple[str, ...] = ()
    module: str | None = None
    count: int = 1
    fingerprint: str
    structural_fingerprint: str
    surroundings: str = ""
    reason: str = ""

    @classmethod
    def of(cls, finding: Diagnostic, model: str, reason: str = "") -> Entry:
        """What accepts a finding of a model."""
        place = finding.place
        return cls(
            model=model, code=finding.code, name=finding.name, severity=finding.severity,
            scope=place.scope, node=place.node, value=place.value, op_type=place.op_type,
            fed_by=finding.fed_by, module=place.module, count=_count(finding),
            fingerprint=finding.fingerprint,
            structural_fingerprint=finding.structural_fingerprint,
            surroundings=finding.surroundings, reason=reason,
        )  # fmt: skip

    @property
    def where(self) -> str:
        """Its place in words."""
        return self.node or self.value or self.op_type or self.scope or "model"

    def covers(self, finding: Diagnostic) -> bool:
        """Whether a finding at its place is no graver, and no larger, than what was accepted."""
        return finding.severity.rank >= self.severity.rank and _count(finding) <= self.count


def _count(finding: Diagnostic) -> int:
    count = finding.evidence.get("count")
    return count if type(count) is int else 1


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    version: int
    findings: list[Entry]


class Accepted(Struct, frozen=True):
    """The accepted findings of a file."""

    file: Path
    entries: tuple[Entry, ...] = ()

    @classmethod
    def read(cls, file: Path) -> Accepted:
        """Reads a file.

        Raises:
            ConfigError: it cannot be read, or is no file of accepted findings.
        """
        if exists(file) and not is_file(file):  # a pipe would be waited for
            raise ConfigError(f"{file}: is not a file; name one that 'onnxlint accept' wrote")
        try:
            with file.open("rb") as opened:
                data = opened.read(LARGEST_FILE + 1)
        except FileNotFoundError as error:
            told = f"{file}: there is no such file; write it with 'onnxlint accept'"
            raise ConfigError(told) from error
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else error
            raise ConfigError(f"{file}: cannot be read ({reason})") from error
        if len(data) > LARGEST_FILE:
            raise ConfigError(f"{file}: is larger than accepted findings may be (limit 64 MiB)")
        try:
            content = msgspec.json.decode(data, type=_File)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
            raise ConfigError(
                f"{file}: is no file of accepted findings ({error}); "
                "write one with 'onnxlint accept'"
            ) from error
        if content.version != VERSION:
            raise ConfigError(
                f"{file}: has version {content.version}, and this onnxlint reads {VERSION}; "
                "write it again with 'onnxlint accept'"
            )
        return cls(file, tuple(content.findings))

    def of(self, model: str) -> tuple[Entry, ...]:
        """The entries of a model."""
        name = self.name_of(model)
        return tuple(entry for entry in self.entries if entry.model == name)

    def name_of(self, model: str) -> str:
        """A model's path from the folder of the file, with slashes; its address, if it has one."""
        if is_remote(model):
            return model
        path, folder = real_path(model), real_path(self.file.parent)
        within = path.relative_to(folder) if path.is_relative_to(folder) else path
        return str(PurePosixPath(*within.parts))

    def updated(
        self, reports: Iterable[ModelReport], *, only_prune: bool, never: Collection[str] = ()
    ) -> Accepted:
        """With the findings of these models, which were judged under this file.

        An entry that met a finding is written as that now is. With `only_prune` entries that met
        none go, where their rule looked, and nothing new comes in; without it they stay. Rules of
        the codes `never` are not accepted, and of the engine only its notes.
        """
        entries = list(self.entries)
        for report in reports:
            name, judged = self.name_of(report.path), {*report.ran, *report.not_applicable}
            gone = {(each.code, each.fingerprint) for each in report.gone}
            met = [each for each in report.suppressed if each.kind == "accepted"]
            notes = {each.finding.fingerprint for each in met if each.finding.is_note}
            kept = [
                e
                for e in entries
                if e.model == name
                and e.fingerprint not in notes
                and (e.code not in judged or (not only_prune and _gone_key(e) in gone))
            ]
            kept += [Entry.of(each.finding, name, each.reason) for each in met]
            if not only_prune:
                kept += [
                    Entry.of(f, name)
                    for f in report.findings
                    if f.code not in never and _is_acceptable(f)
                ]
            entries = [e for e in entries if e.model != name] + kept
        return Accepted(self.file, tuple(sorted(entries, key=_order)))

    def text(self) -> str:
        """What stands in the file: the same entries give the same bytes."""
        entries = sorted(self.entries, key=_order)
        return json_text({"version": VERSION, "findings": msgspec.to_builtins(entries)}) + "\n"


def _is_acceptable(finding: Diagnostic) -> bool:
    return finding.is_note or not finding.code.startswith(ENGINE_PREFIX)


def _gone_key(entry: Entry) -> tuple[str, str]:
    return entry.code, entry.fingerprint


def _order(entry: Entry) -> tuple[str, ...]:
    return (entry.model, entry.code, entry.scope, entry.where, entry.fingerprint,
            entry.structural_fingerprint)  # fmt: skip


def known(
    findings: Iterable[Diagnostic], accepted: Accepted, entries: Iterable[Entry],
    surroundings: Surroundings,
) -> tuple[list[Diagnostic], list[Suppressed], list[Entry]]:  # fmt: skip
    """Findings that are new, those that are accepted, and the entries that met none.

    An entry meets one finding: at its place; else, as after a renaming, where the same stands and
    its own place has gone; else by its names, if what stood there stands nowhere else.
    """
    new, away, left = list(findings), list[Suppressed](), list(entries)
    for key, is_same in (
        (_both, lambda *_: True),
        (_structure, partial(_is_renamed, surroundings)),
        (_names, lambda entry, _: entry.surroundings not in surroundings),
    ):
        waiting: dict[Any, list[Entry]] = {}
        for entry in reversed(left):
            waiting.setdefault(key(entry), []).append(entry)
        still_new: list[Diagnostic] = []
        for finding in new:
            met = _taken(waiting.get(key(finding), []), finding, is_same)
            if met is None:
                still_new.append(finding)
            else:
                away.append(Suppressed(finding, "accepted", met.reason, shown(accepted.file)))
        new, left = still_new, [entry for each in waiting.values() for entry in each]
    return new, away, left


def _is_renamed(surroundings: Surroundings, entry: Entry, finding: Diagnostic) -> bool:
    """Whether a finding where the same stands may be an accepted one under another name.

    It is not where that one's own place is there still, mended, or was taken out of its place.
    """
    if not entry.node and entry.value is not None:
        return not surroundings.has_value(entry.scope, entry.value)
    named = surroundings.named(entry.scope, entry.node) if entry.node else []
    if named:  # exporters count on: relu_3 becomes relu_4, and relu_2 takes its name
        own, other = (entry.scope, entry.node), (finding.place.scope, finding.place.node)
        return _uncounted(*own) == _uncounted(*other) and all(
            node.op_type == entry.op_type and not surroundings.is_at(node, entry.surroundings)
            for node in named
        )
    are_there = any(surroundings.has(entry.scope, name) for name in entry.fed_by)
    return not are_there or entry.fed_by == finding.fed_by


_NUMBER = re.compile(r"[._-]*\d+")


def _uncounted(scope: str, node: str | None) -> tuple[str, str]:
    """The names of a place, without the numbers that exporters give."""
    return _NUMBER.sub("", scope), _NUMBER.sub("", node or "")


def _taken(
    waiting: list[Entry], finding: Diagnostic, is_same: Callable[[Entry, Diagnostic], bool]
) -> Entry | None:
    for at in reversed(range(len(waiting))):
        if waiting[at].covers(finding) and is_same(waiting[at], finding):
            return waiting.pop(at)
    return None


def _both(each: Entry | Diagnostic) -> tuple[str, str]:
    return each.fingerprint, each.structural_fingerprint


def _structure(each: Entry | Diagnostic) -> str:
    return each.structural_fingerprint


def _names(each: Entry | Diagnostic) -> str:
    return each.fingerprint
