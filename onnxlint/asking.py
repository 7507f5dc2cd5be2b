"""What rules ask for: read off their signatures, or off the index of their pack."""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from functools import cache

from onnxlint.analyses import (
    asked_by,
    closure,
    effort_of,
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


@cache
def asks_no_more(rule: Rule) -> bool:
    """Whether a rule asks the worker nothing once the analysis is there that settles what it does.

    It is loaded for that.
    """
    kinds = frozenset[type]().union(*map(closure, (*rule.requests.values(), *rule.wishes.values())))
    settling = [kind for kind in kinds if settles(kind)]
    settled = frozenset[type]().union(*map(closure, settling))
    return bool(settled) and not any(map(takes_worker, kinds - settled))


def beside(rules: Iterable[Rule]) -> list[type]:
    """The analyses of rules that have a process of their own."""
    return [*map(_kind, sorted(frozenset[str]().union(*(needs_of(each).beside for each in rules))))]


def name_of(kind: type) -> str:
    """How an index calls an analysis."""
    return f"{kind.__module__}:{kind.__qualname__}"


def _kind(name: str) -> type:
    module, _, qualified = name.partition(":")
    kind: type = getattr(importlib.import_module(module), qualified)
    return kind


@cache
def _read(rule: Rule) -> Needs:
    requests, wishes = rule.requests.values(), rule.wishes.values()
    requested = frozenset[type]().union(*map(closure, requests))
    runs = any(map(runs_model, requests))
    return Needs(
        requested=frozenset(map(name_of, requested)),
        beside=frozenset(name_of(kind) for kind in requested if getattr(kind, "works_beside", 0)),
        runs=runs,
        may_run=runs or any(map(runs_model, wishes)),
        effort=sum(map(effort_of, requested.union(*map(closure, wishes)))),
        settings=tuple(sorted({asked for kind in requested if (asked := asked_by(kind))})),
    )
