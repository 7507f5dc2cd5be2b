"""Shared by all tests: models from text, and the command run as a user runs it."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import hypothesis
import pytest
from kinds import kind, lacks, runs

from onnxlint.findings import Diagnostic
from onnxlint.model.file.load import open_model
from onnxlint.model.graph.graph import Graph
from onnxlint.rules.rule import Rule
from onnxlint.runtime.shape_inference import ort_symbolic  # noqa: F401 - once, not in each fork
from onnxlint.severity import Severity, Stage
from onnxlint.testing import Example, model_from_text, run_rule, saved

hypothesis.settings.register_profile("ci", derandomize=True, deadline=None)
if os.environ.get("CI"):  # a gate must not fail by chance; new examples are for the desk
    hypothesis.settings.load_profile("ci")

SOUND = (
    "net (float[N, 3] x) => (float[N, 2] y) <float[3, 2] w = {1, 2, 3, 4, 5, 6}> {y = MatMul(x, w)}"
)
FLAWED = """net (float[N, 3] x) => (float[N, 2] y) <float[3, 2] w = {1, 2, 3, 4, 5, 6}> {
    h = MatMul(x, w)
    s = Softmax(h)
    y = Softmax(s)
}"""

Run = Callable[..., subprocess.CompletedProcess[str]]


def findings(rule: Rule, text: str, stage: Stage = Stage.TRAINED) -> tuple[Diagnostic, ...]:
    """What a rule says of a model in ONNX text, written as the examples of rules are."""
    example = Example.parse(text)
    with saved(example) as path:
        report = run_rule(
            rule, path, stage=stage, settings=example.settings_in(path.parent), **example.options
        )
    assert report.complete, report
    return report.findings


def severities(rule: Rule, text: str) -> list[Severity]:
    """The severities alone of what a rule says."""
    return [found.severity for found in findings(rule, text)]


@pytest.hookimpl(tryfirst=True)  # before the options -m and -k choose
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks every test with its kind."""
    for item in items:
        item.add_marker(kind(item))
        if runs(item):
            item.add_marker("runtime")
        if package := lacks(item):
            item.add_marker(pytest.mark.skip(reason=f"a newer {package} does this"))


@pytest.fixture(autouse=True, scope="module")
def _collected() -> Iterator[None]:
    """What a module leaves behind is freed: a fork copies it, and there are thousands of them."""
    yield
    gc.collect()


@pytest.fixture
def write_model(tmp_path: Path) -> Callable[..., Path]:
    """Writes a model given in ONNX text to a file of the test's folder."""

    def write(text: str = SOUND, name: str = "model.onnx") -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(model_from_text(text).SerializeToString())
        return path

    return write


@pytest.fixture
def graph_of(write_model: Callable[..., Path]):
    """Opens a model given in ONNX text as a graph."""

    @contextmanager
    def read(text: str) -> Iterator[Graph]:
        with open_model(str(write_model(text))) as model:
            yield Graph(model)

    return read


@pytest.fixture
def onnxlint(tmp_path: Path) -> Run:
    """Runs `python -m onnxlint …` in the test's folder."""

    def run(*arguments: object, stdin: bytes | None = None, **environment: str):
        done = subprocess.run(
            [sys.executable, "-m", "onnxlint", *map(str, arguments)],
            cwd=tmp_path,
            input=stdin,
            capture_output=True,
            env=os.environ | environment,
            timeout=120,
            check=False,
        )
        return subprocess.CompletedProcess(
            done.args, done.returncode, done.stdout.decode(), done.stderr.decode()
        )

    return run
