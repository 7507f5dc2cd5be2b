"""What came and went between runs of one model, and how its figures moved."""

from __future__ import annotations

import os
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from msgspec import Struct

from onnxlint.history.records import Found, Record, Recorded
from onnxlint.severity import Severity

RANKS = {severity.value: severity.rank for severity in Severity}
BARS = "▁▂▃▄▅▆▇█"
SHORTEST_HASH = 8
"""Hex digits from which on a name is taken for the beginning of a hash; a choice, as git's 7."""


class Change(Struct, frozen=True):
    """What a run depended on, and is not as in the run before; None where it was not there."""

    what: str
    before: str | None
    now: str | None


class Standing(Struct, frozen=True):
    """A finding that stands, and the number of the run in which it came."""

    finding: Found
    since: int


class Step(Struct, frozen=True):
    """A model in one run, beside those before.

    `came` and `went` are findings of rules that judged now and before, however long before;
    `unjudged` were there before, and the rule does not judge any more; `first_judged` are there,
    and the rule never judged before. `changed` is what differs of what the run depended on.
    """

    run: Recorded
    record: Record
    came: tuple[Found, ...] = ()
    went: tuple[Found, ...] = ()
    unjudged: tuple[Found, ...] = ()
    first_judged: tuple[Found, ...] = ()
    changed: tuple[Change, ...] = ()
    is_first: bool = False


class Story(Struct, frozen=True):
    """One model over runs, the oldest first; `elsewhere` are other paths of the same bytes.

    `standing` are the findings of each rule in the last run in which that judged.
    """

    location: str
    steps: tuple[Step, ...]
    elsewhere: tuple[str, ...] = ()
    standing: tuple[Standing, ...] = ()

    @property
    def figures(self) -> Mapping[str, tuple[float | None, ...]]:
        """Figures by name, one a run; those that were never there are left out."""
        names = {name: None for step in self.steps for name in step.record.figures}
        return {name: tuple(step.record.figures.get(name) for step in self.steps)
                for name in sorted(names)}  # fmt: skip


def stories(runs: Sequence[Recorded]) -> list[Story]:
    """Every model by its path, with its runs; in the order of the paths."""
    held: dict[str, list[tuple[Recorded, Record]]] = defaultdict(list)
    paths: dict[str, set[str]] = defaultdict(set)
    for run in runs:
        for record in run.models:
            held[record.location].append((run, record))
            if record.sha256:
                paths[record.sha256].add(record.location)
    made = []
    for location in sorted(held):
        steps, standing = _told(held[location])
        hashes = {step.record.sha256 for step in steps if step.record.sha256}
        others = set().union(*(paths[each] for each in hashes)) - {location}
        made.append(Story(location, tuple(steps), tuple(sorted(others)), tuple(standing)))
    return made


def of_model(told: Iterable[Story], name: str, sha256: str | None = None) -> list[Story]:
    """Those of a path, of the bytes of the file there, or of a hash's beginning."""
    location = os.path.abspath(name)  # noqa: PTH100 - of a link, where it lies
    prefix = name.lower()
    is_hash = len(prefix) >= SHORTEST_HASH and set(prefix) <= set("0123456789abcdef")

    def fits(story: Story) -> bool:
        hashes = {step.record.sha256 or "" for step in story.steps}
        named = {step.record.path for step in story.steps}
        return (
            location == story.location or name in named or sha256 in hashes
            or (is_hash and any(each.startswith(prefix) for each in hashes))
        )  # fmt: skip

    return [story for story in told if fits(story)]


def _told(rows: Sequence[tuple[Recorded, Record]]) -> tuple[list[Step], list[Standing]]:
    """The steps of a model, and what stands after the last."""
    steps: list[Step] = []
    known: dict[str, _Known] = {}
    previous: frozenset[str] = frozenset()
    for run, now in rows:
        ran = frozenset({*now.ran, *(each.code for each in now.findings)})
        judged = ran | {code for code in now.not_applicable
                        if code in known and known[code].conditions == now.conditions}  # fmt: skip
        before = [each for rule in known.values() for each in rule.standing]
        kept, gone, new = _matched(before, now.findings)
        answered = {code for code, rule in known.items()
                    if rule.ran or rule.conditions == now.conditions}  # fmt: skip
        steps.append(Step(
            run, now,
            came=tuple(each for each in new if each.code in answered),
            went=tuple(each for each in gone if each.code in judged),
            unjudged=tuple(each for each in gone if ran and each.code in previous - judged),
            first_judged=tuple(each for each in new if steps and each.code not in answered),
            changed=tuple(_changes(steps[-1], run, now)) if steps else (),
            is_first=not steps,
        ))  # fmt: skip
        came_in = {id(each): standing.since for standing, each in kept}
        for code in judged | ({*now.not_applicable} - {*known}):
            standing = (Standing(each, came_in.get(id(each), run.number))
                        for each in now.findings if each.code == code)  # fmt: skip
            has_run = code in ran or (code in known and known[code].ran)
            known[code] = _Known(now.conditions, has_run, tuple(standing))
        previous = judged if ran else previous
    left = (each for code in sorted(known) for each in known[code].standing)
    return steps, sorted(left, key=lambda each: RANKS.get(each.finding.severity, len(RANKS)))


class _Known(Struct, frozen=True):
    """A rule as it last judged: under which conditions, whether there was anything to judge."""

    conditions: tuple[object, ...]
    ran: bool
    standing: tuple[Standing, ...]


def _changes(before: Step, run: Recorded, now: Record) -> Iterator[Change]:
    """What the run depended on and the one before did not: files, options, seed, versions."""
    old, new = _depended(before.run, before.record), _depended(run, now)
    for what in [*new, *(each for each in old if each not in new)]:
        if old.get(what) != new.get(what):
            yield Change(what, old.get(what), new.get(what))


def _depended(run: Recorded, record: Record) -> dict[str, str]:
    told = {"model": record.sha256, **dict(sorted(record.hashes.items())),
            "options": " ".join(record.options) or "none",
            "seed": None if record.seed is None else str(record.seed)}  # fmt: skip
    versions = {f"version of {name}": each for name, each in sorted(run.versions.items())}
    return {name: each for name, each in (told | versions).items() if each is not None}


_KEYS: tuple[Callable[[Found], str], ...] = (
    lambda found: found.fingerprint,
    lambda found: found.structural,
)


def _matched(
    before: Sequence[Standing], now: Sequence[Found]
) -> tuple[list[tuple[Standing, Found]], list[Found], list[Found]]:
    """Findings of both sides, and of only one: they match by names, else by their structure."""
    kept: list[tuple[Standing, Found]] = []
    gone, new = [*before], [*now]
    for key in _KEYS:
        waiting: dict[str, deque[Found]] = defaultdict(deque)
        for each in new:
            waiting[key(each)].append(each)
        rest = []
        for standing in gone:
            name = key(standing.finding)
            if name and waiting[name]:
                kept.append((standing, waiting[name].popleft()))
            else:
                rest.append(standing)
        taken = {id(each) for _, each in kept}
        gone, new = rest, [each for each in new if id(each) not in taken]
    return kept, [each.finding for each in gone], new


def sparkline(values: Sequence[float | None]) -> str:
    """A bar a run, from the lowest to the highest; a dot where there is no value."""
    known = [value for value in values if value is not None]
    low, high = (min(known), max(known)) if known else (0.0, 0.0)

    def bar(value: float) -> str:
        share = 0.0 if high == low else (value / 2 - low / 2) / (high / 2 - low / 2)
        return BARS[round((len(BARS) - 1) * share)]

    return "".join("·" if value is None else bar(value) for value in values)
