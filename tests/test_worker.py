"""The worker's ways to die are findings; nothing else is lost, and nothing is left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from conftest import FLAWED

from onnxlint.config import load
from onnxlint.job import plan
from onnxlint.pipeline import lint_model
from onnxlint.rules.packs import discover
from onnxlint.runtime.worker.client import Worker
from onnxlint.runtime.worker.environment import environment
from onnxlint.settings import Settings
from onnxlint.severity import Severity

FOREVER = """net (float[1] x) => (float[1] y) {
    trip = Constant<value: tensor = int64 {2147483647}>()
    go = Constant<value: tensor = bool {1}>()
    y = Loop(trip, go, x)<body: graph = b (int64 i, bool c, float[1] s) => (bool c2, float[1] t) {
        c2 = Identity(c)
        t = Cos(s)
    }>
}"""

GREEDY = """net (float[1] x) => (float[N, N] y) {
    size = Shape(x)
    large = Constant<value: tensor = int64[1] {200000}>()
    side = Mul(size, large)
    shape = Concat<axis: int = 0>(side, side)
    y = Expand(x, shape)
}"""


def lint_with(path, **settings):
    given = Settings(samples=1, **settings)
    return lint_model(plan(load(None), discover(), str(path), settings=given))


def crash_of(report):
    (finding,) = [finding for finding in report.findings if finding.code == "RUN003"]
    return finding.message


@pytest.mark.parametrize(
    ("module", "sentence"),
    [
        ("crashing", "crashed the process (SIGSEGV)"),
        ("hanging", "longer than the 8 s allowed"),
        ("lying", "send an invalid reply"),
        ("not_there", "ended the process with exit status 1"),
    ],
)
def test_death_is_a_finding_and_static_ones_stay(module, sentence, write_model, monkeypatch):
    monkeypatch.setattr(Worker, "module", f"workers.{module}")
    report = lint_with(write_model(FLAWED), time_limit=8)
    assert sentence in crash_of(report)
    assert "ARC001" in {finding.code for finding in report.findings}
    assert report.complete


def test_endless_model_is_ended(write_model):
    assert "longer than the 8 s allowed" in crash_of(lint_with(write_model(FOREVER), time_limit=8))


def test_what_a_limit_left_out_is_told(write_model, monkeypatch):
    """Also where the rule that tells of a limit is not selected."""
    monkeypatch.setattr(Worker, "module", "workers.hanging")
    path = write_model(FLAWED)
    given = Settings(time_limit=4)
    report = lint_model(plan(load(None), discover(), str(path), select=["RUN004"], settings=given))
    (lost,) = [finding for finding in report.findings if finding.code == "LNT002"]
    assert "longer than the 4 s allowed: findings that need this run are missing" in lost.message
    assert lost.hint == "raise --time-limit"
    assert lost.severity is Severity.WARNING


@pytest.mark.skipif(sys.platform != "linux", reason="memory is capped where the platform can")
def test_greedy_model_is_ended(write_model):
    report = lint_with(write_model(GREEDY), memory_limit=4 << 30, time_limit=60)
    assert "ran out of the 4,096 MiB allowed" in crash_of(report)


def test_dead_worker_is_replaced_for_the_next_model(write_model):
    worker = Worker(time_limit=30)
    worker.start()
    assert worker._process is not None
    worker._process.kill()
    worker._process.wait()
    worker.load(write_model().read_bytes(), write_model().parent)
    worker.close()


def children(pid: int) -> list[str]:
    """Process numbers of its children, as Linux lists them."""
    listed = Path(f"/proc/{pid}/task/{pid}/children")
    return listed.read_text().split() if listed.exists() else []


@pytest.mark.skipif(sys.platform != "linux", reason="reads the process table")
@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGKILL])
def test_neither_child_nor_file_outlives_the_linter(end, write_model, tmp_path):
    path, scratch = write_model(FOREVER), tmp_path / "scratch"
    scratch.mkdir()
    linter = subprocess.Popen(
        [sys.executable, "-m", "onnxlint", str(path), "--select", "ACT"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=os.environ | {"TMPDIR": str(scratch)},
        preexec_fn=heed_interrupts,
    )  # fmt: skip
    workers = wait_for(lambda: children(linter.pid))
    time.sleep(1.5)
    linter.send_signal(end)
    _, errors = linter.communicate(timeout=20)
    assert b"Traceback" not in errors
    wait_for(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in workers))  # noqa: PTH110
    assert not list(scratch.iterdir())


def heed_interrupts():
    """A test that runs in the background of a shell has inherited that they are ignored."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def wait_for(condition, seconds=10.0):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if result := condition():
            return result
        time.sleep(0.05)
    raise AssertionError("it never came true")


def test_the_worker_inherits_what_it_needs_and_no_secret(monkeypatch, tmp_path):
    for name in ("AWS_SECRET_ACCESS_KEY", "GITHUB_TOKEN", "PYTHONSTARTUP", "PATHS"):
        monkeypatch.setenv(name, "secret")
    for name in ("OMP_NUM_THREADS", "LC_ALL", "LD_LIBRARY_PATH"):
        monkeypatch.setenv(name, "kept")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.syspath_prepend("")
    variables = environment()
    assert "secret" not in variables.values()
    assert [*variables.values()].count("kept") == 3
    assert variables["PATH"] == os.environ["PATH"]
    assert {"", str(tmp_path)}.isdisjoint(variables["PYTHONPATH"].split(os.pathsep))
