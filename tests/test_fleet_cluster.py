"""A fleet on a real Dask cluster: processes that are killed lose nothing, and do nothing twice."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from threading import Thread

import pytest
from click.testing import CliRunner
from conftest import FLAWED, SOUND

from onnxlint.cli.main import cli
from onnxlint.fleet import doors
from onnxlint.testing import model_from_text

pytestmark = pytest.mark.skipif(find_spec("distributed") is None, reason="Dask is not installed")
OPTIONS = ("--static-only", "--select", "ARC,GRA,WGT")


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def started(kind: str, *options: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", f"distributed.cli.dask_{kind}", "--no-dashboard", *options]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def until(is_so: Callable[[], bool], seconds: float = 60) -> None:
    last = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < last
        time.sleep(0.001)


@contextmanager
def cluster(workers: int) -> Iterator[tuple[str, list[subprocess.Popen[bytes]]]]:
    """The address of a scheduler, and its process with those of its workers."""
    file = Path("scheduler.json")
    known = ("--scheduler-file", str(file))
    running = [started("scheduler", "--host", "127.0.0.1", "--port", "0", "--no-show", *known)]
    try:
        until(lambda: file.exists() and file.read_bytes().endswith(b"}"))
        address = json.loads(file.read_text())["address"].replace("tcp://", "dask://")
        alone = ("--nthreads", "1", "--no-nanny", "--memory-limit", "0", "--host", "127.0.0.1")
        running += [started("worker", *known, *alone) for _ in range(workers)]
        yield address, running
    finally:
        for process in running:
            process.kill()
        for process in running:
            process.wait()


def write(number: int) -> None:
    for each in range(number):
        model = model_from_text(FLAWED if each % 4 == 1 else SOUND)
        model.producer_name = f"maker {each % 3}"
        Path("models").mkdir(exist_ok=True)
        data = model.SerializeToString()
        Path(f"models/{each:03}.onnx").write_bytes(data[: -20 * (each % 15 == 7)] or data)


def fleet(to: str, *options: str):
    return CliRunner().invoke(cli, ["fleet", "models", "--to", to, *OPTIONS, *options])


def arrived(to: str) -> int:
    return sum(file.read_bytes().count(b"\n") for file in Path(to, "open").glob("part-*"))


def contents(to: str) -> dict[str, bytes]:
    return {str(file.relative_to(to)): file.read_bytes()
            for file in sorted(Path(to).rglob("*")) if file.is_file()}  # fmt: skip


def test_a_worker_that_is_killed_loses_nothing_and_nothing_is_there_twice():
    write(120)
    serial = fleet("serial")
    with cluster(3) as (address, processes):

        def kill() -> None:
            until(lambda: arrived("results") >= 12)
            processes[1].kill()

        killer = Thread(target=kill)
        killer.start()
        done = fleet("results", "--executor", address)
        killer.join()
        assert processes[1].wait(60) == -9
        assert [each.poll() for each in (processes[0], *processes[2:])] == [None] * 3
    assert (done.exit_code, done.stdout) == (serial.exit_code, serial.stdout)
    assert contents("results") == contents("serial")
    told = [json.loads(line)["path"] for line in
            Path("results/reports/part-000000.jsonl").read_text().splitlines()]  # fmt: skip
    assert told == sorted(map(str, Path("models").iterdir())) and len(told) == 120


def test_a_scheduler_that_is_lost_is_one_sentence(monkeypatch):
    write(2)
    monkeypatch.setattr(doors, "CONNECT_SECONDS", 1)
    with cluster(0) as (address, (scheduler,)):
        send = doors.Dask.send

        def sent_last(self, order):
            future = send(self, order)
            scheduler.kill()
            return future

        monkeypatch.setattr(doors.Dask, "send", sent_last)
        done = fleet("results", "--executor", address)
    at = address.replace("dask", "tcp")
    assert done.exit_code == 1 and done.stderr.splitlines() == [
        f"the Dask scheduler at {at} has no workers yet; waiting for them",
        f"Error: the Dask scheduler at {at} is gone",
    ]


def test_a_scheduler_that_is_not_there_is_one_sentence(monkeypatch):
    write(2)
    monkeypatch.setattr(doors, "CONNECT_SECONDS", 0.5)
    done = fleet("results", "--executor", "dask://127.0.0.1:9")
    assert "no Dask scheduler answers at tcp://127.0.0.1:9 (Timed out" in done.stderr
    assert done.stderr.endswith("check the address, and that it runs\n")
