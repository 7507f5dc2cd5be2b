"""What stands on the page of a run: its verdict, its models, and what findings are filtered by."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import quote

from msgspec import Struct
from msgspec.structs import replace

from onnxlint.findings import Diagnostic
from onnxlint.report import ModelReport
from onnxlint.reporters.html.models import Model, Numbers, model
from onnxlint.reporters.protocol import Outcome, Run
from onnxlint.reporters.summary import counted
from onnxlint.reporters.verdicts import aside, badness, in_a_word
from onnxlint.severity import Severity


class Choice(Struct, frozen=True):
    """What can be chosen in the filter; findings have its `number`, `count` of them."""

    number: int
    name: str
    count: int


class Page(Struct, frozen=True):
    """All that the templates read of a run."""

    verdict: str
    counts: str
    outcome: Outcome
    versions: str
    models: Sequence[Model]
    worst_first: Sequence[Model]
    severities: Sequence[tuple[str, int]]
    rules: Sequence[Choice]
    modules: Sequence[Choice]

    @property
    def findings(self) -> int:
        """How many there are in all models."""
        return sum(count for _, count in self.severities)

    @property
    def title(self) -> str:
        """The verdict, and the model where there is one."""
        of = f": {self.models[0].report.path}" if len(self.models) == 1 else ""
        return f"onnxlint {self.verdict}{of}"


LONGEST_NAME = 60
"""Characters of a model's name in the name of its page; a choice, far below what disks take."""


def file_name(report: ModelReport, number: int) -> str:
    """The file of a model's own page: its number among those of the run, and its name."""
    stem = re.sub(r"[^A-Za-z0-9._-]+", "-", Path(report.path).stem).strip("-.")[:LONGEST_NAME]
    return f"{number:04}-{stem or 'model'}.html"


def page(
    run: Run, reports: Sequence[ModelReport], outcome: Outcome, folder: str | None = None
) -> Page:
    """The page of a run; `folder` is where each model has a page of its own, if it has."""
    found = [finding for report in reports for finding in report.findings]
    rules = _choices(f"{finding.code} {finding.name}" for finding in found)
    modules = _choices(finding.place.module or "" for finding in found)
    numbers = Numbers({each.name: each.number for each in rules},
                      {each.name: each.number for each in modules})  # fmt: skip
    models = [model(run, report, numbers, at) for at, report in enumerate(reports, 1)]
    if folder is not None:
        models = [replace(each, page=_link(folder, each)) for each in models]
    return Page(
        verdict=in_a_word(reports, outcome),
        counts=_counts(reports),
        outcome=outcome,
        versions=_versions(run),
        models=models,
        worst_first=sorted(models, key=lambda each: badness(each.report)),
        severities=_severities(found),
        rules=rules,
        modules=modules,
    )


def _link(folder: str, model: Model) -> str:
    return f"{quote(os.fsencode(folder))}/{file_name(model.report, model.number)}"


def _counts(reports: Sequence[ModelReport]) -> str:
    words = [counted(sum(r.count(each) for r in reports), each.value) for each in Severity]
    return f"{', '.join(words)} in {counted(len(reports), 'model')}{aside(reports)}."


def _severities(found: Sequence[Diagnostic]) -> list[tuple[str, int]]:
    return [(each.value, sum(f.severity is each for f in found)) for each in Severity]


def _choices(names: Iterator[str]) -> list[Choice]:
    """Every name that occurs, in the order of the alphabet, with its number on the page."""
    counts = Counter(names)
    return [Choice(at, name, counts[name]) for at, name in enumerate(sorted(counts))]


def _versions(run: Run) -> str:
    others = [*sorted(run.packs.items()), *run.libraries.items()]
    named = (f"{name} {number}".strip() for name, number in others)
    return ", ".join([f"onnxlint {run.version}", *named])
