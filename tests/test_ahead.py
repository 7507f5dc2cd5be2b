"""The worker's process that is started ahead: who gets it, how it ends, and what it inherits."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import numpy as np
import psutil
import pytest
from test_worker import FOREVER

from onnxlint.__main__ import _runs_models
from onnxlint.runtime.protocol import Run
from onnxlint.runtime.worker import ahead
from onnxlint.runtime.worker.ahead import Taken, end_ahead, start_ahead, taken_over
from onnxlint.runtime.worker.client import LimitReached, Worker, WorkerDied
from onnxlint.runtime.worker.environment import MODULE, environment

pytestmark = pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="needs Linux")

FEED = {"x": np.zeros((1,), np.float32)}
PATIENCE = 60.0
"""Seconds until something that must happen is taken not to."""


@pytest.fixture(autouse=True)
def nothing_is_left():
    """Every process that a test starts has ended after it."""
    before = {*psutil.Process().children(recursive=True)}
    yield
    end_ahead()
    assert {*psutil.Process().children(recursive=True)} <= before


def until(condition: Callable[[], object]) -> None:
    last = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < last
        time.sleep(0.01)


def taken(worker: Worker) -> Taken:
    assert isinstance(worker._process, Taken)
    return worker._process


def is_killed(process: Taken | None) -> bool:
    """Whether there is one, which ends when it is killed."""
    assert process is not None
    process.kill()
    for each in (process.stdin, process.stdout, process.log):
        each.close()
    return process.wait() == -signal.SIGKILL


@pytest.fixture
def path(write_model):
    return write_model("net (float[1] x) => (float[1] y) { y = Cos(x) }")


def test_a_worker_takes_the_process_over(path):
    start_ahead()
    with closing(Worker(PATIENCE)) as worker:
        worker.load(path.read_bytes(), path.parent)
        assert worker.run(Run(FEED, [], ["y"])).outputs["y"] == 1
        pid = taken(worker).pid
    assert not psutil.pid_exists(pid)


def test_one_alone_gets_it(path):
    start_ahead()
    with closing(Worker(PATIENCE)) as first, closing(Worker(PATIENCE)) as second:
        for worker in (first, second):
            worker.load(path.read_bytes(), path.parent)
        taken(first)
        assert isinstance(second._process, subprocess.Popen)


def test_of_several_forks_one_gets_it():
    start_ahead()
    children = []
    for _ in range(4):
        child = os.fork()
        if not child:
            os._exit(taken_over(MODULE, None) is not None)
        children.append(child)
    got = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
    assert sum(got) == 1


def test_it_ends_with_the_fork_that_took_it_over():
    start_ahead()
    mine, theirs = os.pipe()
    child = os.fork()
    if not child:
        process = taken_over(MODULE, None)
        os.write(theirs, str(process.pid if process else 0).encode())
        signal.pause()
    process = psutil.Process(int(os.read(mine, 20)))
    assert process.is_running()
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    until(lambda: not process.is_running())
    os.close(mine)
    os.close(theirs)


def test_it_ends_where_nobody_takes_it():
    before = {*psutil.Process().children(recursive=True)}
    start_ahead()
    until(lambda: len(psutil.Process().children(recursive=True)) == len(before) + 2)
    started = {*psutil.Process().children(recursive=True)} - before
    end_ahead()
    assert not any(map(psutil.Process.is_running, started))
    assert taken_over(MODULE, None) is None


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_it_ends_with_a_command_that_is_ended(write_model, number):
    command = [sys.executable, "-m", "onnxlint", str(write_model(FOREVER)), "--time-limit", "600"]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as process:
        root = psutil.Process(process.pid)
        until(lambda: len(root.children(recursive=True)) >= 3)  # keeper, worker, judge
        family = root.children(recursive=True)
        process.send_signal(number)
        process.wait(PATIENCE)
    until(lambda: not any(map(psutil.Process.is_running, family)))


def test_its_end_is_told_as_of_any_other(write_model):
    path = write_model(FOREVER)
    start_ahead()
    with closing(Worker(PATIENCE)) as worker:
        worker.load(path.read_bytes(), path.parent)
        worker.time_limit = 0.5
        with pytest.raises(LimitReached, match=r"longer than the 0\.5 s allowed"):
            worker.run(Run(FEED, [], ["y"]))


def test_its_crash_is_told_as_of_any_other(path):
    start_ahead()
    with closing(Worker(PATIENCE)) as worker:
        worker.load(path.read_bytes(), path.parent)
        process = taken(worker)
        os.kill(process.pid, signal.SIGSTOP)
        os.kill(process.pid, signal.SIGSEGV)
        os.kill(process.pid, signal.SIGCONT)
        with pytest.raises(WorkerDied, match="SIGSEGV"):
            worker.run(Run(FEED, [], ["y"]))
        assert process.returncode == -signal.SIGSEGV
        worker.load(path.read_bytes(), path.parent)
        assert worker.run(Run(FEED, [], ["y"])).outputs["y"] == 1


def test_its_memory_is_limited_when_it_is_taken_over():
    start_ahead()
    with closing(Worker(PATIENCE, 3 << 30)) as worker:
        worker.start()
        limits = Path(f"/proc/{taken(worker).pid}/limits").read_text()
        assert f"{3 << 30}" in limits.partition("Max data size")[2].splitlines()[0]


def test_it_has_no_secrets(monkeypatch):
    monkeypatch.setenv("SOME_TOKEN", "secret")
    start_ahead()
    with closing(Worker(PATIENCE)) as worker:
        worker.start()
        variables = Path(f"/proc/{taken(worker).pid}/environ").read_text()
        assert "SOME_TOKEN" not in variables
        assert "PYTHONPATH" in variables


def test_it_asks_for_huge_pages_where_nothing_else_is_said(monkeypatch):
    monkeypatch.delenv("GLIBC_TUNABLES", raising=False)
    assert environment()["GLIBC_TUNABLES"] == "glibc.malloc.hugetlb=1"
    monkeypatch.setenv("GLIBC_TUNABLES", "glibc.malloc.hugetlb=0")
    assert environment()["GLIBC_TUNABLES"] == "glibc.malloc.hugetlb=0"


def test_whoever_has_another_environment_starts_his_own(monkeypatch):
    start_ahead()
    monkeypatch.setenv("ORT_SOMETHING", "1")
    assert taken_over(MODULE, None) is None
    monkeypatch.undo()
    assert is_killed(taken_over(MODULE, None))


def test_there_is_a_new_one_when_it_was_taken():
    start_ahead()
    first = taken_over(MODULE, None)
    start_ahead()
    assert is_killed(taken_over(MODULE, None))
    assert is_killed(first)


def test_where_there_are_too_few_files_there_is_none(monkeypatch):
    monkeypatch.setattr(ahead.os, "fork", lambda: (_ for _ in ()).throw(BlockingIOError()))
    files = len([*Path("/proc/self/fd").iterdir()])
    start_ahead()
    assert taken_over(MODULE, None) is None
    assert len([*Path("/proc/self/fd").iterdir()]) == files


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [("model.onnx", True), ("check models", True), ("--select RUN a.onnx", True),
     ("model.onnx --static-only", False), ("--static-only model.onnx", False),
     ("check --help", False), ("rules", False), ("", False), ("--version", False)],
)  # fmt: skip
def test_commands_that_seem_to_run_models_start_it(arguments, expected):
    assert _runs_models(arguments.split()) is expected
