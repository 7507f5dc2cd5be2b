"""What rules ask for: read off their signatures, or off the index of their pack."""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from functools import cache
from itertools import chain

from onnxlint.analyses import (
    asked_by,
    closure,
    effort_of,
    in_order,
    name_of,
    runs_model,
    settles,
    takes_worker,
)
from onnxlint.rules.rule import Needs, Rule, Written


def needs_of(rule: Rule) -> Needs:
    """What it asks for; it is loaded only where no index says so."""
    return rule.written.needs if isinstance(rule.written, Written) else _read(rule)


def needs_worker(rule: Rule) -> bool:
    """Whether a rule asks for an analysis that runs the model, and is nothing without it."""
    return needs_of(rule).runs


def wants_worker(rule: Rule) -> bool:
    """Whether a rule has a use for a run of the model, needed or not."""
    return needs_of(rule).may_run


def rests_on(rule: Rule, kind: type) -> bool:
    """Whether a rule cannot do without an analysis, asked for or needed for another."""
    return name_of(kind) in needs_of(rule).requested


def asks_no_more(rule: Rule) -> bool:
    """Whether a rule asks the worker nothing once what settles it is there."""
    return needs_of(rule).settled


def beside(rules: Iterable[Rule]) -> list[type]:
    """The analyses of rules that have a process of their own."""
    return [*map(_kind, sorted(frozenset[str]().union(*(needs_of(each).beside for each in rules))))]


def _kind(name: str) -> type:
    module, _, qualified = name.partition(":")
    kind: type = getattr(importlib.import_module(module), qualified)
    return kind


@cache
def _read(rule: Rule) -> Needs:
    requests, wishes = rule.requests.values(), rule.wishes.values()
    requested = tuple(dict.fromkeys(chain.from_iterable(map(in_order, requests))))
    asked = frozenset(requested).union(*map(closure, wishes))
    runs = any(map(runs_model, requests))
    return Needs(
        requested=tuple(map(name_of, requested)),
        beside=frozenset(name_of(kind) for kind in requested if getattr(kind, "works_beside", 0)),
        runs=runs,
        may_run=runs or any(map(runs_model, wishes)),
        effort=sum(map(effort_of, asked)),
        settings=tuple(sorted({found for kind in requested if (found := asked_by(kind))})),
        settled=_is_settled(asked),
    )


def _is_settled(asked: frozenset[type]) -> bool:
    """Whether one of these settles what all of them ask the worker."""
    settled = frozenset[type]().union(*map(closure, filter(settles, asked)))
    return bool(settled) and not any(map(takes_worker, asked - settled))
