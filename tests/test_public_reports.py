"""Public reports of wrong models, rebuilt: each is found by name, and its repaired twin is silent.

`reports/` holds them; docs/public_reports.md tells them to readers, and has to agree.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing
from functools import cache
from pathlib import Path

import pytest
from reports import FOUND, UNSEEN
from reports.report import Report

from onnxlint.analyses.execution.worker import Workers
from onnxlint.config import Loaded, load
from onnxlint.findings import Diagnostic
from onnxlint.job import plan
from onnxlint.pipeline import lint_model
from onnxlint.rules.packs import discover
from onnxlint.severity import Severity
from onnxlint.testing import Example, saved

PAGE = Path(__file__).parent.parent / "docs" / "public_reports.md"


@cache
def defaults() -> Loaded:
    return load(None)


@pytest.fixture(scope="module")
def workers() -> Iterator[Workers]:
    with closing(Workers()) as workers:
        yield workers


def grave(text: str, workers: Workers) -> list[Diagnostic]:
    """What the default command says of a model at warning or error."""
    example = Example.parse(text)
    with saved(example) as path:
        settings = example.settings_in(path.parent)
        job = plan(defaults(), discover(), str(path), settings=settings)
        report = lint_model(job, workers=workers)
    assert report.complete, report
    return [finding for finding in report.findings if finding.severity is not Severity.INFO]


def stands_at(finding: Diagnostic, place: str) -> bool:
    found = finding.place
    return place in (found.node, found.value, found.op_type)


@pytest.mark.parametrize("report", FOUND, ids=lambda report: report.thread)
def test_report_is_found_by_name_and_its_twin_is_silent(report: Report, workers: Workers):
    said = grave(report.bad, workers)
    named = [f for f in said if f.code == report.rule and stands_at(f, report.place)]
    assert any(report.says in finding.message for finding in named), said
    assert {finding.severity for finding in named} == {report.severity}
    assert grave(report.twin, workers) == []


def rows() -> dict[str, list[str]]:
    """The cells of the page's table, by thread."""
    lines = PAGE.read_text("utf-8").splitlines()
    cells = ([cell.strip() for cell in line.strip("|").split(" | ")] for line in lines)
    return {c[0]: c for c in cells if re.fullmatch(r"[\w.-]+/[\w.-]+#\d+", c[0])}


def test_page_tells_every_report():
    told = rows()
    assert [*told] == [report.thread for report in (*FOUND, *UNSEEN)]
    for report in FOUND:
        rule = next(rule for rule in discover().rules if rule.code == report.rule)
        says = f"{rule.code} {rule.name} ({report.severity})"
        assert told[report.thread][1:] == [report.defect, says, report.verdict]
    assert all(told[report.thread][3].startswith("cannot be seen") for report in UNSEEN)


def test_threads_are_different_and_exporters_many():
    threads = [report.thread for report in (*FOUND, *UNSEEN)]
    assert len({*threads}) == len(threads) > 40
    assert len({thread.partition("#")[0] for thread in threads}) > 20
