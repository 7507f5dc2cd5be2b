"""Bodies of facts about a model, each computed once and only when a selected rule asks for it."""

from __future__ import annotations

import importlib
import typing
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from functools import cache
from itertools import chain
from typing import Any, Protocol, TypeVar

from onnxlint.contributions import Contributions
from onnxlint.model.graph.place import NotApplicable
from onnxlint.settings import Settings

T = TypeVar("T")


class Unavailable(NotApplicable):
    """An analysis that cannot be had for this model; the message says why."""


class Foreseeing(Protocol):
    """An analysis that knows what it will be asked, and can do it before: see `foresees`."""

    def foresee(self) -> Iterator[None]:
        """Does what takes long of that, step by step; it runs no model."""


class Analyses:
    """Gives rules the analyses they ask for, and builds each at most once.

    An analysis is a class with a classmethod `build`, whose parameters name by their types the
    analyses that it is built from; one with a method `close` is closed at the end. One whose
    `works_beside` is true has its work done by a process of its own, and is built first. One that
    hangs on a setting has it as `asked_by`, with what is said where the setting is None. One with
    a method `contribute` puts into the report what it has to say, after all rules ran, and those
    that it is built from before it; one with a classmethod `contribute_failure` says why it cannot
    be had (`onnxlint.contributions`).
    """

    def __init__(self, *given: object) -> None:
        self._known: dict[type, Any] = {}
        self._built: list[Any] = []
        self._failed: dict[type, Exception] = {}
        self._settled: dict[str, Exception | None] = {}
        self.are_settled = False
        """Whether an analysis is there that settles what others ask of the worker."""
        for thing in given:
            self.give(thing)

    def get(self, kind: type[T]) -> T:
        """The analysis of this type.

        Raises:
            NotApplicable: the model has nothing for it to look at, or it cannot be had.
        """
        if kind in self._failed:
            raise self._failed[kind]
        if kind not in self._known:
            try:
                self._check_asked_for(kind)
                wanted: dict[str, Any] = {
                    name: self.get(needed)
                    for name, needed in _needs(kind).items()  # type: ignore[arg-type]
                }
                self._know(kind, _builder(kind)(**wanted))
                self._built.append(self._known[kind])
            except Exception as error:
                self._failed[kind] = self._settled[name_of(kind)] = error
                raise
        return self._known[kind]  # type: ignore[no-any-return]

    def _know(self, kind: type, thing: object) -> None:
        self._known[kind], self._settled[name_of(kind)] = thing, None
        self.are_settled |= settles(kind)

    def _check_asked_for(self, kind: type) -> None:
        if (asked := asked_by(kind)) is not None:
            setting, why_not = asked
            if getattr(self.get(Settings), setting) is None:
                raise Unavailable(why_not)

    def start(self, kinds: Iterable[type]) -> None:
        """Builds these, whose work goes on in processes of their own."""
        for kind in sorted(kinds, key=lambda each: each.__qualname__):
            with suppress(Exception):  # whoever asks for it is told
                self.get(kind)

    def give(self, thing: object) -> None:
        """Adds what no analysis builds: the model, the worker."""
        self._know(type(thing), thing)

    def check_not_missing(self, names: Iterable[str]) -> None:
        """Looks for one that cannot be had, as far as that is known before another is built.

        So whoever needs these, in this order, need not be loaded to be told why it has no use.

        Raises:
            NotApplicable: the first of them that is not there cannot be had.
        """
        for name in names:
            if name not in self._settled:
                return
            failure = self._settled[name]
            if isinstance(failure, NotApplicable):
                raise failure
            if failure is not None:
                return

    def have(self, kind: type[T]) -> T | None:
        """The analysis of this type if something already built it."""
        return self._known.get(kind)

    def failure(self, kind: type) -> Exception | None:
        """Why this analysis cannot be had; None where it can, or nobody asked for it."""
        return self._failed.get(kind)

    @property
    def ran_on_synthetic(self) -> bool:
        """Whether the model ran on synthetic inputs, as an analysis tells that ran it."""
        return any(getattr(each, "ran_on_synthetic", False) for each in self._built)

    def contributions(self) -> Contributions:
        """What all of them have to say in the report."""
        report = Contributions()
        for kind, problem in self._failed.items():
            if (contribute := getattr(kind, "contribute_failure", None)) is not None:
                contribute(problem, report)
        for analysis in self._built:
            if hasattr(analysis, "contribute"):
                analysis.contribute(report)
        return report

    def close(self) -> None:
        """Closes the analyses that hold processes; what was given belongs to the giver."""
        for analysis in reversed(self._built):
            if hasattr(analysis, "close"):
                analysis.close()


def is_analysis(kind: type) -> bool:
    """Whether rules can ask for this type beside what every run is given."""
    return hasattr(kind, "build")


def asked_by(kind: type) -> tuple[str, str] | None:
    """The setting without which nobody asked for an analysis, and what is said where it is None.

    An analysis has it as `asked_by`. Rules that cannot do without are then not even loaded.
    """
    return getattr(kind, "asked_by", None)


def name_of(kind: type) -> str:
    """How an index calls an analysis."""
    return f"{kind.__module__}:{kind.__qualname__}"


@cache
def in_order(kind: type) -> tuple[type, ...]:
    """An analysis and everything that it is built from, in the order in which it is built."""
    needed = _needs(kind).values() if is_analysis(kind) else ()
    return (*dict.fromkeys(chain.from_iterable(map(in_order, needed))), kind)


@cache
def closure(kind: type) -> frozenset[type]:
    """An analysis and everything that it is built from."""
    return frozenset(in_order(kind))


def runs_model(kind: type) -> bool:
    """Whether an analysis, or one that it is built from, is the process that runs the model."""
    if getattr(kind, "runs_model", False):  # it says so itself: nothing else needs to be loaded
        return True
    return any(getattr(needed, "runs_model", False) for needed in closure(kind))


def foresees(kind: type) -> bool:
    """Whether an analysis is `Foreseeing`: to ask the protocol takes Python fifty times as long."""
    return hasattr(kind, "foresee")


def settles(kind: type) -> bool:
    """Whether what is built from an analysis alone asks the worker nothing: `settles = True`."""
    return getattr(kind, "settles", False)


def takes_worker(kind: type) -> bool:
    """Whether an analysis is handed the process that runs the model."""
    needed = _needs(kind).values() if is_analysis(kind) else ()
    return any(getattr(each, "runs_model", False) for each in needed)


@cache
def is_timed(kind: type) -> bool:
    """Whether an analysis, or one that it is built from, measures time: `is_timed = True`."""
    return any(getattr(needed, "is_timed", False) for needed in closure(kind))


def effort_of(kind: type) -> int:
    """What an analysis adds to the effort of a rule: rules that ask for least run first.

    One that loads the model in another way than it ships has more as `effort`: what needs only a
    run of it as it ships comes before, and finds it loaded.
    """
    return getattr(kind, "effort", 1)


_INNER = {
    "Work": "onnxlint.analyses.execution.run_budget",
    "Worker": "onnxlint.analyses.execution.worker",
}
"""Analyses that are not public, each with its module."""


class _Names(dict[str, Any]):
    """What the names of a signature mean: of its module, else public ones, loaded when asked for.

    So a module need not import, but for type checkers, the analyses that another is built from.
    """

    def __init__(self, own: Mapping[str, Any]) -> None:
        super().__init__(own)

    def __missing__(self, name: str) -> Any:
        home = _INNER.get(name, "onnxlint")
        try:
            return getattr(importlib.import_module(home), name)
        except AttributeError:
            raise KeyError(name) from None


def _builder(kind: type) -> Any:
    if not is_analysis(kind):
        raise TypeError(f"{kind.__name__} is not an analysis: classmethod 'build' is missing")
    return kind.build  # type: ignore[attr-defined]


@cache
def _needs(kind: type) -> dict[str, type]:
    builder = _builder(kind)
    hints = typing.get_type_hints(builder.__func__, localns=_Names(builder.__globals__))
    return {name: hint for name, hint in hints.items() if name != "return"}
