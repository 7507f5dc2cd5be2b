"""Histories for a terminal and for programs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from onnxlint.findings import counted
from onnxlint.history.records import Found
from onnxlint.history.trends import Step, Story, sparkline

HISTORY_VERSION = 1
SHOWN_DIGITS = 12
MOST_FINDINGS = 20
"""Of a kind and run that are listed; a choice. JSON has all."""

CHANGES = (
    ("came", "+"), ("went", "-"), ("unjudged", "?"), ("first_judged", "*"),
)  # fmt: skip
"""What can happen to a finding, as the fields of a step, and its sign."""

LEGEND = (
    "+ came, - went, ? no longer judged, * its rule did not judge before, "
    "~ what the run depended on changed; "
    "bars from the lowest to the highest value, '·' where there is none"
)


def lines(told: Sequence[Story], *, detailed: bool) -> Iterator[str]:
    """What is told of each model; `detailed` lists every run."""
    for story in told:
        yield f"{story.location}: {counted(len(story.steps), 'run')}, last {_verdict(story)}"
        for name, values in story.figures.items():
            known = [value for value in values if value is not None]
            if detailed or name in ("errors", "warnings"):
                ends = f"{known[0]:,.6g} → {known[-1]:,.6g}"
                yield f"  {name:<20} {sparkline(values)}  {ends}"
        if detailed:
            yield from (f"  same bytes: {path}" for path in story.elsewhere)
            for step in story.steps:
                yield from _step(step)
            yield from _standing(story)
    if detailed:
        yield LEGEND


_HEX = set("0123456789abcdef")


def _verdict(story: Story) -> str:
    return story.steps[-1].record.verdict


def _standing(story: Story) -> Iterator[str]:
    if story.standing:
        yield f"  {counted(len(story.standing), 'finding')} now"
    for each in story.standing[:MOST_FINDINGS]:
        yield f"    since run {each.since} {_finding(each.finding)}"
    if len(story.standing) > MOST_FINDINGS:
        yield f"    {len(story.standing) - MOST_FINDINGS:,} more"


def _finding(found: Found) -> str:
    place = f"{found.place}: " if found.place else ""
    return f"{found.severity} {found.code} {found.name}: {place}{found.message}"


def _step(step: Step) -> Iterator[str]:
    record = step.record
    digest = (record.sha256 or "")[:SHOWN_DIGITS]
    yield f"  run {step.run.number} {step.run.at} {record.verdict} {digest}".rstrip()
    if record.error:
        yield f"    {record.error}"
    for change in step.changed[:MOST_FINDINGS]:
        yield f"    ~ {change.what}: {shown(change.before)} → {shown(change.now)}"
    for name, sign in CHANGES:
        found: tuple[Found, ...] = getattr(step, name)
        for each in found[:MOST_FINDINGS]:
            yield f"    {sign} {_finding(each)}"
        if len(found) > MOST_FINDINGS:
            yield f"    {sign} {len(found) - MOST_FINDINGS:,} more"


def shown(told: str | None) -> str:
    """What a run depended on: of a hash its first digits, as of commits."""
    if told is None:
        return "none"
    return told[:SHOWN_DIGITS] if len(told) == 64 and set(told) <= _HEX else told


def document(told: Sequence[Story]) -> dict[str, Any]:
    """Histories as plain data: every run with what is recorded of the model, and its changes."""
    return {"version": HISTORY_VERSION, "models": [_story(story) for story in told]}


def _story(story: Story) -> dict[str, Any]:
    return {
        "location": story.location,
        "same_bytes": list(story.elsewhere),
        "figures": {name: list(values) for name, values in story.figures.items()},
        "runs": [
            {
                "run": step.run.number,
                "at": step.run.at,
                "exit_code": step.run.exit_code,
                "versions": dict(step.run.versions),
                "model": msgspec.to_builtins(step.record),
                **{name: msgspec.to_builtins(getattr(step, name)) for name, _ in CHANGES},
                "changed": msgspec.to_builtins(step.changed),
            }
            for step in story.steps
        ],
        "standing": msgspec.to_builtins(story.standing),
    }
