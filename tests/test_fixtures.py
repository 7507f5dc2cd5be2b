"""Real exports of every framework: each mistake is found, and a sound model is left alone."""

from __future__ import annotations

import tomllib
from contextlib import closing
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from onnxlint.analyses.execution.worker import Workers
from onnxlint.config import Loaded, load
from onnxlint.job import plan
from onnxlint.pipeline import lint_model
from onnxlint.rules.packs import discover
from onnxlint.severity import Severity, Stage

FIXTURES = Path(__file__).parent.parent / "fixtures"
ELSEWHERE = ("baselines/", "language/", "numeric/", "series/", "shifts/", "two_sets/")
"""Judged by tests of their own: test_baselines.py, test_language.py, test_numeric_fixtures.py,
test_series.py, test_modes.py, test_two_sets.py."""
MODELS: list[dict[str, Any]] = tomllib.loads((FIXTURES / "expected.toml").read_text())["models"]


@cache
def defaults() -> Loaded:
    return load(None)


@pytest.fixture(scope="module")
def workers():
    with closing(Workers()) as workers:
        yield workers


@pytest.mark.parametrize("entry", MODELS, ids=lambda entry: entry["path"])
def test_every_mistake_is_found_and_nothing_else(entry, workers):
    path = str(FIXTURES / entry["path"])
    job = plan(defaults(), discover(), path, stage=Stage(entry["stage"]))
    if "data" in entry:
        data = FIXTURES / entry["data"]
        job = replace(job, settings=replace(job.settings, data=data))
    report = lint_model(job, workers=workers)
    assert report.complete, report
    known = {rule.code for rule in discover().rules}
    allowed = {*entry["expect"], *entry.get("may", ())}
    missing = (set(entry["expect"]) & known) - {finding.code for finding in report.findings}
    grave = [finding for finding in report.findings if finding.severity is not Severity.INFO]
    surplus = [f"{f.code} at {f.place}: {f.message}" for f in grave if f.code not in allowed]
    assert not missing
    assert not surplus


def test_every_fixture_is_listed():
    files = {str(f.relative_to(FIXTURES)) for f in FIXTURES.rglob("*.onnx")}
    listed = {entry["path"] for entry in MODELS}
    assert {file for file in files if not file.startswith(ELSEWHERE)} == listed
