"""What a reporter is, and what it is told of the run beside the reports of models."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Protocol, runtime_checkable

from msgspec import Struct, field

from onnxlint.findings import Diagnostic
from onnxlint.report import ModelReport
from onnxlint.rules.rule import Rule
from onnxlint.severity import Severity
from onnxlint.version import __version__


class View(Struct, frozen=True):
    """How much of the findings people asked to see; machines get all.

    `show` is the mildest severity that is shown; `repeats` whether every finding of one rule is;
    `width` the columns of the terminal, None where no line is to be broken. `tells_failure` is
    whether the reasons of a failure are in it: standard error tells them, too.
    """

    show: Severity = Severity.WARNING
    repeats: bool = False
    hints: bool = True
    not_applicable: bool = False
    width: int | None = None
    tells_failure: bool = True

    def of(self, findings: Iterable[Diagnostic]) -> list[Diagnostic]:
        """Those that are shown."""
        return [found for found in findings if found.severity.rank <= self.show.rank]


class Run(Struct, frozen=True, dict=True):
    """The run that is reported: the tool, its packs and their rules, and how much to show.

    `packs` are the versions of rule packs by name. Relative paths of models, and of the source
    files that their nodes come from, count from `folder`. `models` is how many will be reported.
    """

    version: str = __version__
    packs: Mapping[str, str] = field(default_factory=dict)
    folder: Path = field(default_factory=Path.cwd)
    models: int = 1
    view: View = field(default_factory=View)
    chosen: Iterable[Iterable[Rule]] = ()
    """The rules that were chosen for each model."""
    libraries: Mapping[str, str] = field(default_factory=dict)
    """Versions of what reads and runs models, by name."""

    @cached_property
    def rules(self) -> Mapping[str, Rule]:
        """Every rule that was chosen for a model, by code."""
        found: dict[str, Rule] = {}
        for rules in dict.fromkeys(map(tuple, self.chosen)):
            for rule in rules:
                found.setdefault(rule.code, rule)
        return dict(sorted(found.items()))


class Outcome(Struct, frozen=True):
    """How the run ended.

    `error` says why nothing could be checked, None where something was. `failures` are reasons
    beyond single findings why the exit code is 1, `notes` what else is to be known. `seconds` is
    how long it took, which is for people: no format for machines depends on the clock.
    """

    exit_code: int = 0
    error: str | None = None
    failures: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    seconds: float | None = None

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why the run failed, beyond single findings."""
        return (*([] if self.error is None else [self.error]), *self.failures)


class Reporter(Protocol):
    """One format of the report. What its methods return is written one behind the other.

    A format that can be read while models are linted returns the text of each at once; another
    gathers them, and returns everything at the end.
    """

    def begin(self) -> str:
        """What stands before the first model."""
        ...

    def model(self, report: ModelReport) -> str:
        """What is written as soon as a model's report is there; they come in their order."""
        ...

    def end(self, outcome: Outcome) -> str:
        """What stands behind the last model."""
        ...


@runtime_checkable
class Paged(Protocol):
    """A reporter whose report of several models has a file for each of them beside it."""

    def begin_pages(self, folder: str) -> None:
        """Models will have pages of their own, in this folder, relative to the report."""
        ...

    def page(self, report: ModelReport) -> tuple[str, str]:
        """The name of a model's file, and its text; asked before `model` takes the report."""
        ...


class Gathering:
    """A reporter that begins to write at the end, for its format is one whole."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.reports: list[ModelReport] = []

    def begin(self) -> str:
        """Nothing."""
        return ""

    def model(self, report: ModelReport) -> str:
        """Keeps it."""
        self.reports.append(report)
        return ""


MakeReporter = Callable[[Run], Reporter]
"""What an entry point of the group `onnxlint.reporters` names."""


def rendered(reporter: Reporter, reports: Iterable[ModelReport], outcome: Outcome) -> str:
    """The whole of a report."""
    parts = [reporter.begin(), *map(reporter.model, reports), reporter.end(outcome)]
    return "".join(parts)
