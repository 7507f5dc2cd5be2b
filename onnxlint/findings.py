"""Findings: what a rule reports, where, and how grave it is."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from onnxlint.model.draft import Draft


class Severity(StrEnum):
    """How grave a finding is.

    `ERROR`: the model will fail, or silently give wrong answers. `WARNING`: likely a defect, or a
    cost worth knowing. `INFO`: worth a look.
    """

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"

    @property
    def rank(self) -> int:
        """0 for the gravest, so that sorting puts errors first."""
        return _RANKS[self]


_RANKS = {severity: rank for rank, severity in enumerate(Severity)}


class Stage(StrEnum):
    """How far the model's training is: it decides which predictions are to be expected of it."""

    INIT = "init"
    TRAINED = "trained"


class NotApplicable(Exception):  # noqa: N818 - it says what a rule says, and is no failure
    """Raised by a rule or an analysis that finds nothing in the model that it could judge."""


LONGEST_NAME = 500
"""Characters of a name that a place tells. A choice: exporters' have 200, and one of a hostile file
a million, which would be told anew with each of thousands of findings."""

LONGEST_PATH = 4 * LONGEST_NAME
"""Characters of the path to a scope: it names some nodes, one within the other."""

LONGEST_MESSAGE = 5_000
"""Characters of a message; a choice, as of names: it may quote any number of them."""


def shortened(text: str, longest: int = LONGEST_NAME) -> str:
    """A text; of one that is longer than anybody reads, the beginning and the end."""
    if len(text) <= longest:
        return text
    head, tail = text[: longest // 2], text[-longest // 4 :]
    return f"{head}… {len(text) - len(head) - len(tail):,} characters …{tail}"


@dataclass(frozen=True, slots=True)
class Place:
    """Where in a model a finding is, named as Netron shows it; an absent fact is `None`.

    `scope` is empty for the main graph, else the path to a subgraph (`If_3/then_branch`) or a
    function (`function:domain::Name`). `node_index` counts the nodes of that scope from 0.
    """

    scope: str = ""
    node: str | None = None
    node_index: int | None = None
    op_type: str | None = None
    value: str | None = None
    module: str | None = None
    source: str | None = None

    @property
    def place(self) -> Place:
        """Itself, so that a place can stand wherever a located thing can."""
        return self

    def __str__(self) -> str:
        return " ".join(part for part in (self.scope, self._what()) if part) or "model"

    def _what(self) -> str:
        if self.node_index is None:
            return repr(self.value) if self.value is not None else ""
        name = repr(self.node) if self.node else f"#{self.node_index}"
        return f"{self.op_type} {name}"


class Located(Protocol):
    """Anything that a finding can point at: a node, a value, a scope, a place."""

    @property
    def place(self) -> Place:
        """Where it stands in the model."""
        ...


@dataclass(frozen=True, init=False, eq=False)
class Fix:
    """A safe repair of one finding; `onnxlint --fix` applies it, and keeps it if it held.

    `edit` gets a draft of the model and the `operands`, which are the rule's own vertices:
    `Fix("remove the initializer", Draft.remove, value)`. Several findings may share one fix.

    Args:
        description: what it does, as an order.
        edit: changes the draft; called only when the fix is applied.
        operands: what `edit` gets after the draft.
        exact: whether all outputs stay equal bit by bit; if not, within rounding of their dtype.
    """

    description: str
    edit: Callable[..., None]
    operands: tuple[Any, ...]
    exact: bool

    def __init__(
        self,
        description: str,
        edit: Callable[..., None],
        *operands: Any,
        exact: bool = True,
    ) -> None:
        object.__setattr__(self, "description", description)
        object.__setattr__(self, "edit", edit)
        object.__setattr__(self, "operands", operands)
        object.__setattr__(self, "exact", exact)

    def apply(self, draft: Draft) -> None:
        """Makes the repair in a draft of the model."""
        self.edit(draft, *self.operands)


@dataclass(frozen=True, slots=True)
class Finding:
    """What a rule yields: the thing it is about and one sentence, with the numbers behind it.

    Args:
        subject: the node, value, scope or place that the sentence is about.
        message: what was seen; says the number and the number that it was compared with.
        measured: the number seen, for machines.
        limit: the number that it was compared with.
        unit: what both count, e.g. `"fraction of channels"`.
        severity: only where this finding is graver or milder than its rule's default.
        evidence: further facts for machines; JSON types only.
        fix: a repair that changes no result, where there is one.
    """

    subject: Located
    message: str
    measured: float | int | None = None
    limit: float | int | None = None
    unit: str | None = None
    severity: Severity | None = None
    evidence: Mapping[str, Any] = field(default_factory=dict)
    fix: Fix | None = None

    def __post_init__(self) -> None:
        if isinstance(self.message, str) and len(self.message) > LONGEST_MESSAGE:
            object.__setattr__(self, "message", shortened(self.message, LONGEST_MESSAGE))


SHOWN_PLACES = 5
"""Places that a finding of many names; a choice: the first ones show what they have in common."""


def together(
    findings: Iterable[Finding], unit: str, *, at: Located | None = None
) -> Iterator[Finding]:
    """One finding for those of one cause, one a severity: they stand or fall together.

    It tells the first of them, at its place or `at` another; how many there are, as so many of
    `unit`, and where the first ones are, is its evidence. Its fix makes all their fixes.
    """
    groups: dict[Severity | None, _Group] = {}
    for finding in findings:
        group = groups.get(finding.severity)
        if group is None:
            group = groups[finding.severity] = _Group(finding)
        group.add(finding)
    for group in groups.values():
        yield group.finding(unit, at)


MOST_FINDINGS = 1_000
"""Findings of one rule and severity that are told one by one: a choice, far beyond what anybody
reads, so that a report does not grow with a model of a million faults."""


def folded(findings: Iterable[Finding]) -> Iterator[Finding]:
    """The findings of a rule; those beyond `MOST_FINDINGS` of a severity as one.

    Raises:
        TypeError: one of them is no finding.
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
            fix=_all_of(self._fixes),
        )


def _all_of(fixes: list[Fix]) -> Fix | None:
    """One fix that makes several; those that findings share are made once."""
    different = list({id(fix): fix for fix in fixes}.values())
    if len(different) < 2:
        return different[0] if different else None
    exact = all(fix.exact for fix in different)
    return Fix(different[0].description, _make_all, *different, exact=exact)


def _make_all(draft: Draft, *fixes: Fix) -> None:
    for fix in fixes:
        fix.apply(draft)


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """A finding as the reporters get it: judged, placed, and free of the model it came from.

    `fix` says what `--fix` would do about it; None where that is for a person to decide.
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

    @property
    def fingerprint(self) -> str:
        """16 hex digits that stay the same while the finding does: no measured number is in it."""
        place = self.place
        where = place.node or place.node_index if place.node_index is not None else None
        identity = [self.code, place.scope, where, place.op_type, place.value]
        return hashlib.sha256(json.dumps(identity).encode()).hexdigest()[:16]

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
