"""The cores of the machine: how several jobs share them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NoReturn

import onnxruntime
import pytest

from onnxlint.fleet import bench
from onnxlint.fleet.bench import BenchDied
from onnxlint.fleet.doors import Here
from onnxlint.judges import Case, Judges
from onnxlint.report import ModelReport
from onnxlint.runtime.protocol import Load
from onnxlint.runtime.statistics.compiled import MOST_THREADS, usable_threads
from onnxlint.runtime.worker import serving
from onnxlint.safety import limits
from onnxlint.safety.limits import Budget, jobs_at_work, share_cores, usable_cores
from onnxlint.testing import model_from_text

CORES = 12


@pytest.fixture(autouse=True)
def machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """One with twelve cores; what a test shares, the next one has again."""
    monkeypatch.setattr(limits, "_jobs_at_work", 1)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(CORES)), raising=False)


@pytest.mark.parametrize(("jobs", "cores"), [(1, 12), (2, 6), (5, 2), (12, 1), (99, 1), (0, 12)])
def test_a_process_keeps_its_share_of_the_cores_busy(jobs: int, cores: int) -> None:
    share_cores(jobs)
    assert usable_cores() == cores
    assert usable_threads() == min(cores, MOST_THREADS)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="judges are forked")
@pytest.mark.parametrize(("jobs", "shares"), [(1, "11111"), (2, "22221"), (9, "55551")])
def test_judges_share_the_cores_until_the_last_model(jobs: int, shares: str) -> None:
    def judge(number: int, *_: object) -> ModelReport:
        return ModelReport(str(number), error=str(jobs_at_work()))

    cases = [Case(str(number), Budget(60.0, None), number) for number in range(len(shares))]
    reports = [*Judges(judge, cases, [], jobs).reports()]
    assert [report.path for report in reports] == [*map(str, range(len(shares)))]
    assert "".join(str(report.error) for report in reports) == shares
    assert jobs_at_work() == 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="judges are forked")
def test_the_judges_of_a_process_that_has_a_share_have_no_more() -> None:
    share_cores(4)

    def judge(*_: object) -> ModelReport:
        return ModelReport("model", error=str(jobs_at_work()))

    for jobs in (1, 2):
        judges = Judges(judge, [], [], jobs)
        assert judges.report_of(Case("model", Budget(60.0, None), 0)).error == "4"
        judges.close()


def test_processes_that_lint_a_fleet_here_are_told_how_many_there_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    started: list[list[str]] = []

    def start(command: list[str], **_: object) -> NoReturn:
        started.append(command)
        raise BenchDied

    monkeypatch.setattr(bench.subprocess, "Popen", start)
    here = Here(3)
    try:
        with pytest.raises(BenchDied):
            here.send(b"order").result()
    finally:
        here.close(at_once=True)
    assert [command[-3:] for command in started] == [
        ["onnxlint.fleet.server", str(os.getpid()), "3"]
    ]


@pytest.mark.parametrize(
    ("jobs", "lanes", "threads", "spins"),
    [(1, 1, 0, True), (1, 2, MOST_THREADS // 2, True), (2, 1, 6, False), (4, 2, 1, False),
     (99, 1, 1, False)],
)  # fmt: skip
def test_onnxruntime_has_as_many_threads_as_the_job_has_cores(
    jobs: int, lanes: int, threads: int, *, spins: bool
) -> None:
    model = model_from_text("net (float[2] x) => (float[2] y) { y = Relu(x) }")
    load = Load(model.SerializeToString(), Path(), lanes=lanes, jobs=jobs)
    session, _ = serving._load(load)
    assert session is not None
    options = session.model.get_session_options()
    assert options.intra_op_num_threads == threads
    assert _spins(options) is spins
    assert jobs_at_work() == jobs


def _spins(options: onnxruntime.SessionOptions) -> bool:
    try:
        return bool(options.get_session_config_entry("session.intra_op.allow_spinning") != "0")
    except RuntimeError:  # nothing was said of it
        return True
