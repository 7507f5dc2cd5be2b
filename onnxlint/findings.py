"""Findings: what a rule reports, and where."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from msgspec import Struct, field
from msgspec.structs import force_setattr, replace

from onnxlint.fix import Fix, all_of
from onnxlint.model.graph.place import Located, Place, shortened
from onnxlint.severity import Severity

LONGEST_MESSAGE = 5_000
"""Characters of a message or a hint; a choice, as of names: it may quote any number of them."""


class Finding(Struct, frozen=True):
    """What a rule yields: the thing it is about and one sentence, with the numbers behind it.

    Args:
        subject: the node, value, scope or place that the sentence is about.
        message: what was seen; says the number and the number that it was compared with.
        measured: the number seen, for machines.
        limit: the number that it was compared with.
        unit: what both count, e.g. `"fraction of channels"`.
        severity: only where this finding is graver or milder than its rule's default.
        evidence: further facts for machines; JSON types only. Where a rule judges several promises
            about one place, `promise` says which: each is a finding of its own.
        fix: a repair that changes no result, where there is one.
        hint: one line on what to do about what was seen here; where nothing can be said beyond
            the rule's own advice, None.
    """

    subject: Located
    message: str
    measured: float | int | None = None
    limit: float | int | None = None
    unit: str | None = None
    severity: Severity | None = None
    evidence: Mapping[str, Any] = field(default_factory=dict)
    fix: Fix | None = None
    hint: str | None = None

    def __post_init__(self) -> None:
        for name, text in (("message", self.message), ("hint", self.hint)):
            if isinstance(text, str) and len(text) > LONGEST_MESSAGE:
                force_setattr(self, name, shortened(text, LONGEST_MESSAGE))

    @classmethod
    def of_nodes(cls, nodes: Sequence[Located], message: str, **rest: Any) -> Finding:
        """One finding for nodes of one cause: at the first, their number behind the message.

        What is measured is that number, if nothing else is given.
        """
        said: dict[str, Any] = {"measured": len(nodes), "limit": 0, "unit": "nodes"}
        said = rest if "measured" in rest else said | rest
        if len(nodes) == 1:
            return cls(nodes[0], message, **said)
        said["evidence"] = {"count": len(nodes), **said.get("evidence", {})}
        return cls(nodes[0], f"{message} ({len(nodes):,} nodes)", **said)


def counted(number: int, one: str, several: str | None = None) -> str:
    """A number and what it counts: "1 input", "2 inputs", "3 entries" where that is given."""
    return f"{number:,} {one if number == 1 else several or one + 's'}"


def listed(names: Sequence[str], most: int = 5) -> str:
    """The first names, and how many more there are: "Conv, Relu and 3 more"."""
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


SHOWN_PLACES = 5
"""Places that a finding of many names; a choice: the first ones show what they have in common."""


def together(
    findings: Iterable[Finding], unit: str, *, at: Located | None = None
) -> Iterator[Finding]:
    """One finding for those of one cause, one a severity: they stand or fall together.

    It has the message and the hint of the first, at its place or `at` another; how many there are,
    as so many of `unit`, and where the first ones are, is its evidence. Its fix makes all fixes.
    """
    groups: dict[Severity | None, _Group] = {}
    for finding in findings:
        group = groups.get(finding.severity)
        if group is None:
            group = groups[finding.severity] = _Group(finding)
        group.add(finding)
    for group in groups.values():
        yield group.finding(unit, at)


ENGINE_PREFIX = "LNT"
"""How the codes of the engine's own findings begin; no pack may take it."""

MOST_FINDINGS = 1_000
"""Findings of one rule and severity that are told one by one: a choice, far beyond what anybody
reads, so that a report does not grow with a model of a million faults."""


def folded(findings: Iterable[Finding]) -> Iterator[Finding]:
    """The findings of a rule; those beyond `MOST_FINDINGS` of a severity as one.

    Raises:
        TypeError: one of them is not a finding.
    """
    counts: Counter[Severity | None] = Counter()

    def beyond() -> Iterator[Finding]:
        for finding in findings:
            if not isinstance(finding, Finding):
                raise TypeError(f"yielded a {type(finding).__name__}, which is not a Finding")
            severity = finding.severity if isinstance(finding.severity, Severity) else None
            counts[severity] += 1
            if counts[severity] < MOST_FINDINGS:
                told.append(finding)
            else:
                yield finding

    told: list[Finding] = []
    rest = list(together(beyond(), "such findings"))
    yield from told
    yield from rest


class _Group:
    """Findings that are told as one; of most of them only the fix is kept."""

    def __init__(self, first: Finding) -> None:
        self._first = first
        self._count = 0
        self._places: list[str] = []
        self._fixes: list[Fix] = []

    def add(self, finding: Finding) -> None:
        self._count += 1
        if len(self._places) < SHOWN_PLACES:
            self._places.append(str(finding.subject.place))
        if finding.fix is not None:
            self._fixes.append(finding.fix)

    def finding(self, unit: str, at: Located | None) -> Finding:
        first, count = self._first, self._count
        if count == 1:
            return first if at is None else replace(first, subject=at)
        return replace(
            first,
            subject=first.subject if at is None else at,
            message=f"{first.message} ({count:,} {unit})",
            measured=count,
            limit=0,
            unit=unit,
            evidence={**first.evidence, "count": count, "places": self._places},
            fix=all_of(self._fixes),
        )


class Diagnostic(Struct, frozen=True):
    """A finding as the reporters get it: judged, placed, and free of the model it came from.

    `fix` says what `--fix` would do about it, None where that is for a person to decide; `hint`
    says in one line what that person can do. `surroundings` is a hash of what stands at the place
    and what feeds it, free of names; empty where the finding is about the whole model. `fed_by`
    names the nodes that feed the one at its place.
    """

    code: str
    name: str
    severity: Severity
    message: str
    place: Place
    measured: float | int | None = None
    limit: float | int | None = None
    unit: str | None = None
    evidence: Mapping[str, Any] = field(default_factory=dict)
    synthetic: bool = False
    fix: str | None = None
    hint: str | None = None
    surroundings: str = ""
    fed_by: tuple[str, ...] = ()

    @property
    def fingerprint(self) -> str:
        """16 hex digits that stay the same while the finding does: no measured number is in it."""
        place = self.place
        is_unnamed = place.node_index is not None and place.value is None
        where = place.node or (place.node_index if is_unnamed else None)
        # what else the contract promises of the place is broken by another defect
        promise = [key] if (key := self.evidence.get("promise")) is not None else []
        return _digest(
            self.code, place.scope, where, place.op_type, place.value, *promise, *self._lost
        )

    @property
    def structural_fingerprint(self) -> str:
        """16 hex digits that stay the same where nodes and values are renamed."""
        return _digest(self.code, self.surroundings, *self._lost)

    @property
    def is_note(self) -> bool:
        """Whether it is the engine's own and only informs: of a choice that it made, no loss."""
        return self.code.startswith(ENGINE_PREFIX) and self.severity is Severity.INFO

    @property
    def _lost(self) -> list[str]:
        """What an engine's finding is about: it has no place to be told apart by."""
        lost = self.evidence.get("lost") if self.code.startswith(ENGINE_PREFIX) else None
        return [] if lost is None else [str(lost)]

    def order(self) -> tuple[int, str, str, int, str, str]:
        """Sort key of every report: severity, code, scope, node index, value, message."""
        place = self.place
        index = -1 if place.node_index is None else place.node_index
        return (
            self.severity.rank,
            self.code,
            place.scope,
            index,
            place.value or "",
            self.message,
        )


def _digest(*identity: object) -> str:
    return hashlib.sha256(json.dumps(identity).encode()).hexdigest()[:16]
