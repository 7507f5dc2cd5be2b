"""The judge that is started ahead: what it judges, what it leaves to others, and how it ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from msgspec.structs import replace
from test_ahead import FOREVER, PATIENCE, until

from onnxlint import judge_ahead
from onnxlint.__main__ import _judges_models
from onnxlint.job_pool import run_jobs
from onnxlint.judge_ahead import start_judge, taken_over
from onnxlint.pipeline import lint_model
from onnxlint.planner import Planner
from onnxlint.remote import names
from onnxlint.settings import Settings

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs Linux")

OTHERS: set[int] = set()
"""Processes of tests before."""

SOFTMAX = "net (float[N, 3] x) => (float[N, 3] y) { h = Softmax(x) y = Softmax(h) }"


@pytest.fixture(autouse=True)
def nothing_is_left(monkeypatch):
    monkeypatch.setattr(names, "_names", {})  # what tests before this one copied
    before = {*psutil.Process().children(recursive=True)}
    monkeypatch.setattr(sys.modules[__name__], "OTHERS", {each.pid for each in before})
    yield
    judge_ahead.taken_over([], lint_model)
    assert {*psutil.Process().children(recursive=True)} <= before


@pytest.fixture
def path(write_model):
    return str(write_model(SOFTMAX))


def job_of(path, **changes):
    return replace(Planner(static_only=True).job(path), **changes)


def children() -> set[int]:
    return {each.pid for each in psutil.Process().children()} - OTHERS


def comparable(report):
    return replace(report, seconds=0.0)


@pytest.mark.parametrize("static", [True, False])
@pytest.mark.parametrize("parallel", [1, 2])
def test_it_reports_what_a_forked_judge_does(path, static, parallel):
    jobs = [replace(Planner(static_only=static).job(path), asked=(str(n),)) for n in range(3)]
    usual = [*run_jobs(jobs, lint_model, parallel)]
    start_judge(lint_model)
    pids = children()
    ahead = run_jobs(jobs, lint_model, parallel)
    first = next(ahead)
    assert pids & children(), "it judges"
    assert [*map(comparable, [first, *ahead])] == [*map(comparable, usual)]
    assert any(finding.code == "ARC001" for finding in first.findings)


def test_configured_jobs_are_told_whole(path, tmp_path):
    (tmp_path / "onnxlint.toml").write_text(
        '[rules.repeated-softmax]\nseverity = "info"\n[[suppress]]\nrule = "ARC001"\n'
        'reason = "known"\nuntil = 2999-12-31\n[outputs.y]\nhead = "none"\n'
        "[values.h]\nrange = [0.0, 1.0]\n[budgets]\nparameters = 1000\n"
    )
    planner = Planner(config=tmp_path / "onnxlint.toml", static_only=True)
    (usual,) = run_jobs([planner.job(path)], lint_model)
    assert usual.suppressed
    start_judge(lint_model)
    process = taken_over([planner.job(path)], lint_model)
    assert process is not None
    judge_ahead._end(process)
    start_judge(lint_model)
    (ahead,) = run_jobs([planner.job(path)], lint_model)
    assert comparable(ahead) == comparable(usual)


def another(job, *, watcher, workers):
    return lint_model(job, watcher=watcher, workers=workers)


def rule_in_memory():
    return None


@pytest.mark.parametrize(("changes", "lint"), [
    ({}, another), ({"source": "elsewhere"}, lint_model), ({"path": "s3://a/b.onnx"}, lint_model),
    ({"settings": Settings(reference=Path("s3://a/b.onnx"))}, lint_model),
    ({"settings": Settings(baselines=(Path("s3://a/b.onnx"),))}, lint_model),
    ({"settings": Settings(memory_limit=1 << 30)}, lint_model), ({"asked": (another,)}, lint_model),
    ({"asked": (lambda: None,)}, lint_model), ({"rules": "loaded"}, lint_model),
])  # fmt: skip
def test_what_it_cannot_do_it_leaves_to_others(path, changes, lint):
    job = job_of(path)
    if "rules" in changes:
        changes = {"rules": (replace(job.rules[0], written=rule_in_memory), *job.rules[1:])}
    is_told = changes.get("asked") == (another,)  # a function of a module goes by its name
    start_judge(lint_model)
    before = children()
    process = taken_over([replace(job, **changes)], lint)
    assert (process is not None) is is_told
    if process is not None:
        judge_ahead._end(process)
    assert not before & children()


def test_after_a_download_it_is_left_out(path, monkeypatch):
    monkeypatch.setitem(names._names, "copy", "address")
    start_judge(lint_model)
    assert taken_over([job_of(path)], lint_model) is None


def test_many_jobs_are_left_to_others(path):
    start_judge(lint_model)
    assert taken_over([job_of(path)] * (judge_ahead.MOST_JOBS + 1), lint_model) is None


def test_one_that_is_gone_is_replaced(path):
    start_judge(lint_model)
    (pid,) = children()
    os.kill(pid, signal.SIGKILL)
    until(lambda: psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)
    (report,) = run_jobs([job_of(path)], lint_model)
    assert report.error is None
    assert report.ran


def test_one_that_dies_later_is_replaced(path):
    start_judge(lint_model)
    (pid,) = children()
    os.kill(pid, signal.SIGSTOP)
    process = taken_over([job_of(path)], lint_model)
    assert process is not None
    os.kill(pid, signal.SIGKILL)
    from onnxlint.judges import Case, Judges
    from onnxlint.judging import judging
    from onnxlint.safety.limits import Budget

    job = job_of(path)
    case = Case(job.path, Budget.build(job.settings), 0)
    judges = Judges(judging([job], lint_model, None), [case, case], job.rules, 1, process)
    first, second = judges.reports()
    assert "was killed (SIGKILL) while starting" in str(first.error)
    assert second.error is None


def test_it_does_not_keep_to_the_commands_memory_limit_alone(path):
    """A limit that is asked for holds for what is loaded, too: a fork is loaded under it."""
    done = command(path, "--memory-limit", "20MB", "--static-only")
    assert done.returncode == 2
    assert "memory" in done.stdout + done.stderr


def command(*arguments: str, **given):
    return subprocess.run(
        [sys.executable, "-m", "onnxlint", *arguments], capture_output=True, text=True, **given
    )


@pytest.mark.parametrize("options", [(), ("--static-only",)])
def test_the_command_says_what_the_api_says(path, options):
    done = command(path, *options, "--format", "json", "--no-cache")
    (told,) = json.loads(done.stdout)["models"]
    (report,) = run_jobs([Planner(static_only=bool(options)).job(path)], lint_model)
    assert [each["fingerprint"] for each in told["findings"]] == [
        each.fingerprint for each in report.findings
    ]


@pytest.mark.parametrize("arguments", [
    ["--select", "NONE999"], ["--static-only", "--fail-on"], ["--data", "missing.npz"],
])  # fmt: skip
def test_a_mistake_is_told_as_ever_and_leaves_no_process(path, arguments):
    before = descendants_of_init(path)
    done = command(path, *arguments)
    assert done.returncode == 2
    assert "Error" in done.stderr
    until(lambda: descendants_of_init(path) == before)


def descendants_of_init(path: str) -> set[int]:
    """Processes of commands on this model."""
    found = set()
    for each in psutil.process_iter(["cmdline"]):
        if path in (each.info["cmdline"] or []) and each.status() != psutil.STATUS_ZOMBIE:
            found.add(each.pid)
    return found


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_it_ends_with_a_command_that_is_ended(write_model, number):
    model = str(write_model(FOREVER))
    line = [sys.executable, "-m", "onnxlint", model, "--time-limit", "600"]
    with subprocess.Popen(line, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as process:
        root = psutil.Process(process.pid)
        until(lambda: judge_of(root) is not None)
        judge = judge_of(root)
        process.send_signal(number)
        process.wait(PATIENCE)
    assert judge is not None
    until(lambda: not judge.is_running() or judge.status() == psutil.STATUS_ZOMBIE)


def judge_of(root: psutil.Process) -> psutil.Process | None:
    """The child that leads a group of its own."""
    return next((each for each in root.children() if os.getpgid(each.pid) == each.pid), None)


CLOSED = """
import os, sys
os.close(1)
sys.argv = ["onnxlint", "check", "model.onnx"]
from onnxlint.judge_ahead import start_judge
from onnxlint import judge_ahead
start_judge(None)
assert judge_ahead._started is None
"""


def test_it_is_not_started_in_the_place_of_a_closed_stream():
    subprocess.run([sys.executable, "-c", CLOSED], check=True)


def test_the_command_itself_loads_neither_numpy_nor_onnx(path):
    code = (
        "import sys, os\nfrom onnxlint.__main__ import main\n"
        f"sys.argv = ['onnxlint', {path!r}, '--static-only']\n"
        "real = os._exit\n"
        "def leave(status):\n"
        "    print([n for n in ('numpy', 'onnx', 'onnxruntime') if n in sys.modules], flush=True)\n"
        "    real(status)\n"
        "os._exit = leave\nmain()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "[]", done.stderr


@pytest.mark.parametrize(("arguments", "expected"), [
    ("model.onnx", True), ("model.onnx --static-only", True), ("check models", True),
    ("model.onnx --fix", False), ("--help", False), ("rules", False), ("", False),
])  # fmt: skip
def test_commands_that_seem_to_judge_start_it(arguments, expected):
    assert _judges_models(arguments.split()) is expected


def test_a_process_too_many_is_no_mistake(monkeypatch, path):
    monkeypatch.setattr(judge_ahead.Process, "forked", refused)
    start_judge(lint_model)
    monkeypatch.undo()
    assert taken_over([job_of(path)], lint_model) is None


def refused(life: Callable[..., None], others: object = ()) -> None:
    raise BlockingIOError


def test_its_own_mistake_is_found_out_in_the_model(path, monkeypatch):
    """What cannot be loaded ahead is met again, and told, by whoever judges."""
    monkeypatch.setattr(judge_ahead, "_load", lambda: 1 / 0)
    start_judge(lint_model)
    (report,) = run_jobs([job_of(path)], lint_model)
    assert report.error is None
    assert Path(report.path).name
