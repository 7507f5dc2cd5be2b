"""The conformance and light models inside the installed onnx: valid, so none may get an error.

What onnxruntime cannot load gets RUN001 with the reason; nothing crashes. Most cases of an operator
differ in a number: some of each are always tried, and `make test-all` tries the others, too.
"""

from __future__ import annotations

import gc
import warnings
from collections import Counter
from contextlib import closing
from functools import cache
from pathlib import Path

import onnx
import pytest
from msgspec.structs import replace

from onnxlint.analyses.execution.worker import Workers
from onnxlint.config import load
from onnxlint.job import plan
from onnxlint.pipeline import lint_model
from onnxlint.report import ModelReport
from onnxlint.rules.packs import discover
from onnxlint.settings import Settings
from onnxlint.severity import Severity

DATA = Path(onnx.__file__).parent / "backend" / "test" / "data"
LIGHT = sorted((DATA / "light").glob("*.onnx"))
SHARDS = 6
KEPT = 1
"""So many cases of every kind are always tried: of every operator, or of those of its expansion;"""
SHARE = 16
"""and one of so many of its others."""
LARGE = {"light_vgg19", "light_zfnet512"}
"""Light models of light_bvlc_alexnet's kind, a few convolutions and layers of 4,096 units."""


@cache
def node_cases() -> list[tuple[str, bytes]]:
    """Name and serialized model of every operator's conformance case."""
    from onnx.backend.test.case.node import collect_testcases

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # numpy's, while onnx computes the expected outputs
        cases = collect_testcases(None)
    return [(case.name, case.model.SerializeToString()) for case in cases if case.model]


def operators(model: bytes) -> tuple[str, ...]:
    """What a case is made of; the opset stands for the rest."""
    return tuple(sorted({node.op_type for node in onnx.ModelProto.FromString(model).graph.node}))


@cache
def split_cases() -> tuple[list[tuple[str, bytes]], list[tuple[str, bytes]]]:
    """The cases that are always tried, and the others."""
    seen: Counter[tuple[str, ...]] = Counter()
    often, seldom = [], []
    for case in node_cases():
        kind = operators(case[1])
        number, seen[kind] = seen[kind], seen[kind] + 1
        (often if number < KEPT or number % SHARE == 0 else seldom).append(case)
    return often, seldom


def lint_all(paths: list[Path]) -> list[ModelReport]:
    job = plan(load(None), discover(), "", settings=Settings(samples=2, time_limit=60))
    others = tuple(rule for rule in job.rules if rule.family != "NUM")
    job = replace(job, rules=others)  # a search for inputs in each of them takes minutes
    with closing(Workers()) as workers:
        reports = [lint_model(replace(job, path=str(path)), workers=workers) for path in paths]
    gc.collect()  # a fork copies what they leave behind
    return reports


def assert_no_error(report: ModelReport) -> None:
    assert report.error is None
    assert report.crashed == ()
    errors = [f for f in report.findings if f.severity is Severity.ERROR]
    loads = "RUN001" not in {finding.code for finding in errors}
    wrong = [finding for finding in errors if loads or finding.code.startswith("LNT")]
    assert not wrong, [(report.path, finding.code, finding.message) for finding in wrong]


def assert_none_fails(cases: list[tuple[str, bytes]], folder: Path) -> None:
    paths = []
    for name, model in cases:
        paths.append(folder / f"{name}.onnx")
        paths[-1].write_bytes(model)
    for report in lint_all(paths):
        assert_no_error(report)


@pytest.mark.parametrize("shard", range(SHARDS))
def test_no_error_on_operator_cases(shard, tmp_path):
    cases = split_cases()[0][shard::SHARDS]
    assert len(cases) > 50
    assert_none_fails(cases, tmp_path)


def test_no_hazard_of_an_operator_case_is_an_error(tmp_path):
    job = plan(load(None), discover(), "", select=("NUM",))
    for name, model in split_cases()[0]:
        path = tmp_path / f"{name}.onnx"
        path.write_bytes(model)
        assert_no_error(lint_model(replace(job, path=str(path), static_only=True)))


@pytest.mark.slow
@pytest.mark.parametrize("shard", range(SHARDS))
def test_no_error_on_the_other_operator_cases(shard, tmp_path):
    assert_none_fails(split_cases()[1][shard::SHARDS], tmp_path)


@pytest.mark.parametrize("folder", ["simple", "pytorch-converted", "pytorch-operator"])
def test_no_error_on_stored_cases(folder):
    paths = sorted((DATA / folder).glob("*/model.onnx"))
    assert paths
    for report in lint_all(paths):
        assert_no_error(report)


@pytest.mark.parametrize(
    "path",
    [
        pytest.param(p, marks=[pytest.mark.slow] if p.stem in LARGE else [], id=p.stem)
        for p in LIGHT
    ],
)
def test_light_models_collapse_without_an_error(path):
    (report,) = lint_all([path])
    assert_no_error(report)
    assert "PRD002" in {finding.code for finding in report.findings}
