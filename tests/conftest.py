"""Shared by all tests: models from text, and the command run as a user runs it."""

from __future__ import annotations

import compileall
import gc
import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

import hypothesis
import pytest
from forked_command import can_fork, run_forked
from huge_pages import keep_gathered
from inference_here import APART, inference_here
from kinds import RUNNING, kind, lacks, runs
from onnx import defs
from snapshots import RECORDING, are_comparable, form_of, known_forms
from spare_workers import OWN, end_spare_workers, spare_workers

import onnxlint.rule_runner  # before `_listen` looks for who judges
from onnxlint.findings import Diagnostic, Finding
from onnxlint.model.file.load import open_model
from onnxlint.model.graph.graph import Graph
from onnxlint.rules import diagnosis
from onnxlint.rules.rule import Rule
from onnxlint.runtime.shape_inference import ort_symbolic  # noqa: F401 - once, not in each fork
from onnxlint.severity import Severity, Stage
from onnxlint.testing import Example, model_from_text, run_rule, saved

defs.has("Relu")  # onnx registers its operators at the first question; in each fork, it takes 20 ms
NO_CLOCK: dict[str, Any] = {
    "deadline": None, "suppress_health_check": [hypothesis.HealthCheck.too_slow]
}  # fmt: skip
"""No test fails because a machine is slow, or because its first example loads something."""
hypothesis.settings.register_profile("all", max_examples=100, **NO_CLOCK)  # make test-all
hypothesis.settings.register_profile("usual", max_examples=40, **NO_CLOCK)
hypothesis.settings.register_profile("ci", max_examples=25, derandomize=True, **NO_CLOCK)
# A gate must not fail by chance; new examples are for the desk.
hypothesis.settings.load_profile("ci" if os.environ.get("CI") else "usual")


def tries(most: int) -> hypothesis.settings:
    """The settings of a property: `most` examples by `make test-all`, and their share by others."""
    return hypothesis.settings(
        max_examples=most * hypothesis.settings.default.max_examples // 100, deadline=None
    )


ROOT = Path(__file__).parent.parent
collect_ignore = [] if find_spec("griffe") else ["test_docs.py"]
"""What reads the pages needs the extra `docs`, which the oldest releases are tested without."""

os.environ["ONNXLINT_NO_CACHE"] = "1"  # every test judges its models itself
os.environ["ONNXLINT_NO_SERVER"] = "1"  # and runs the code that it stands beside

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


def pytest_configure(config: pytest.Config) -> None:
    """Compiles the packages once, and not in each of the hundreds of processes that tests start.

    They may be told to write no bytecode, by PYTHONDONTWRITEBYTECODE.
    """
    if not hasattr(config, "workerinput"):
        for package in ("onnxlint", "rules"):
            compileall.compile_dir(ROOT / package, quiet=2)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """Nothing that is collected is garbage, now or later: to look for some costs seconds."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def pytest_collection_finish() -> None:
    """Whatever is forked from now on has what was collected."""
    if hasattr(os, "register_at_fork"):
        keep_gathered()


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
def _collected(request: pytest.FixtureRequest) -> Iterator[None]:
    """What a module leaves behind is freed: a fork copies it, and there are thousands of them."""
    yield
    remembered = _forget(request.module)
    if remembered or request.path.stem in RUNNING:  # elsewhere it costs more than the copies
        gc.collect()


def _forget(module: ModuleType) -> bool:
    """Clears what functions of a module remember; says whether they did."""
    named = [each for each in vars(module).values() if hasattr(each, "cache_clear")]
    caches = [each for each in named if each.__module__ == module.__name__]
    for cached in caches:
        cached.cache_clear()
    return bool(caches)


@pytest.fixture(autouse=True, scope="module")
def _few_processes(request: pytest.FixtureRequest) -> Iterator[None]:
    """Keeps a worker's process for the next one, and infers shapes in this process."""
    file = request.path.stem
    with (
        nullcontext() if file in OWN else spare_workers(),
        nullcontext() if file in APART else inference_here(),
    ):
        yield


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


@pytest.fixture(scope="session")
def acme_site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the example's wheel is installed, as pip does it."""
    folder = tmp_path_factory.mktemp("acme")
    shutil.copytree(
        ROOT / "examples" / "acme-rules",
        folder / "source",
        ignore=shutil.ignore_patterns("*cache*"),
    )
    built = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        cwd=folder / "source", capture_output=True, text=True,
    )  # fmt: skip
    assert built.returncode == 0, built.stderr
    with zipfile.ZipFile(next(folder.glob("*.whl"))) as wheel:
        wheel.extractall(folder / "site")
    return folder / "site"


@pytest.fixture
def onnxlint(request: pytest.FixtureRequest, tmp_path: Path) -> Run:
    """Runs `python -m onnxlint …` in the test's folder."""

    def run(*arguments: object, stdin: bytes | None = None, **environment: str):
        given = [*map(str, arguments)]
        if can_fork(environment) and request.node.get_closest_marker("fresh") is None:
            done = run_forked(given, tmp_path, stdin, environment, timeout=120)
        else:
            done = subprocess.run(
                [sys.executable, "-m", "onnxlint", *given],
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


SAID: list[Diagnostic] = []
"""What rules said since the test began: every message must be in the snapshot of its rule."""


def _listen() -> None:
    """Has every finding that becomes a diagnostic in this process noted down."""
    original = diagnosis.diagnostic

    def noting(rule: Rule, finding: Finding, **judged: Any) -> Diagnostic:
        made = original(rule, finding, **judged)
        if rule.function.__module__.startswith("onnxlint_rules."):
            SAID.append(made)
        return made

    for module in [*sys.modules.values()]:
        if module.__name__.startswith("onnxlint") and vars(module).get("diagnostic") is original:
            module.diagnostic = noting  # type: ignore[attr-defined]


_listen()


@pytest.fixture(autouse=True)
def _known_messages(request: pytest.FixtureRequest) -> Iterator[None]:
    """Compares what rules said with their snapshots; inputs that hypothesis makes are left out."""
    SAID.clear()
    yield
    said = {(found.code, form_of(found)) for found in SAID}
    if RECORDING in os.environ:
        RECORDED.update(said)
    elif are_comparable() and not hasattr(request.function, "hypothesis"):
        compared = ((code, form) for code, form in said if _forms(code))
        unknown = sorted(f"{code}: {form}" for code, form in compared if form not in _forms(code))
        assert not unknown, "not in tests/snapshots; run `make snapshots` and read the diff"


RECORDED: set[tuple[str, str]] = set()


@cache
def _forms(code: str) -> set[str]:
    return known_forms(code)


def pytest_sessionfinish() -> None:
    """Ends what is left, and writes what was recorded, each process its own file."""
    end_spare_workers()
    if RECORDED:
        by_code: dict[str, list[str]] = {}
        for code, form in sorted(RECORDED):
            by_code.setdefault(code, []).append(form)
        file = Path(os.environ[RECORDING]) / f"{os.getpid()}.json"
        file.write_text(json.dumps(by_code))
