"""What came and went between runs of one model, and how its figures moved."""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import pairwise

from msgspec import Struct

from onnxlint.history.records import Found, Record, Recorded

BARS = "▁▂▃▄▅▆▇█"
SHORTEST_HASH = 8
"""Hex digits from which on a name is taken for the beginning of a hash; a choice, as git's 7."""


class Step(Struct, frozen=True):
    """A model in one run, beside the run before.

    `came` and `went` are findings of rules that judged both; `unjudged` were there before, and the
    rule did not judge now; `first_judged` are there, and the rule did not judge before.
    """

    run: Recorded
    record: Record
    came: tuple[Found, ...] = ()
    went: tuple[Found, ...] = ()
    unjudged: tuple[Found, ...] = ()
    first_judged: tuple[Found, ...] = ()


class Story(Struct, frozen=True):
    """One model over runs, the oldest first; `elsewhere` are other paths of the same bytes."""

    location: str
    steps: tuple[Step, ...]
    elsewhere: tuple[str, ...] = ()

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
        steps = _steps(held[location])
        hashes = {step.record.sha256 for step in steps if step.record.sha256}
        others = set().union(*(paths[each] for each in hashes)) - {location}
        made.append(Story(location, tuple(steps), tuple(sorted(others))))
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


def _steps(rows: Sequence[tuple[Recorded, Record]]) -> list[Step]:
    steps = [Step(*rows[0])]
    for (_, before), (run, now) in pairwise(rows):
        gone, new = _unmatched(before.findings, now.findings)
        judged, known = {*now.ran}, {*before.ran}
        steps.append(Step(
            run, now,
            came=tuple(each for each in new if each.code in known),
            went=tuple(each for each in gone if each.code in judged),
            unjudged=tuple(each for each in gone if each.code not in judged),
            first_judged=tuple(each for each in new if each.code not in known),
        ))  # fmt: skip
    return steps


def _unmatched(
    before: Sequence[Found], now: Sequence[Found]
) -> tuple[Sequence[Found], Sequence[Found]]:
    """Findings of only one side: they match by their names, else by their structure."""
    for key in (lambda found: found.fingerprint, lambda found: found.structural):
        before, now = _without(before, now, key), _without(now, before, key)
    return before, now


def _without(
    some: Sequence[Found], others: Sequence[Found], key: Callable[[Found], str]
) -> list[Found]:
    left = Counter(key(each) for each in others)
    rest = []
    for each in some:
        if key(each) and left[key(each)] > 0:
            left[key(each)] -= 1
        else:
            rest.append(each)
    return rest


def sparkline(values: Sequence[float | None]) -> str:
    """A bar a run, from the lowest to the highest; a dot where there is no value."""
    known = [value for value in values if value is not None]
    low, high = (min(known), max(known)) if known else (0.0, 0.0)

    def bar(value: float) -> str:
        share = 0.0 if high == low else (value / 2 - low / 2) / (high / 2 - low / 2)
        return BARS[round((len(BARS) - 1) * share)]

    return "".join("·" if value is None else bar(value) for value in values)
