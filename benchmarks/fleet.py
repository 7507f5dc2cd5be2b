"""2,000 models on a cluster of three processes, of which one is killed: as one after the other.

    python benchmarks/fleet.py [MODELS] [--run]

Lints small models, each other than all before, first in one process after the other, then on three
Dask workers, of which one is killed in the middle; then so that the command itself is killed in the
middle, and given again. All three folders must hold the same bytes. Prints what each took.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from onnxlint.testing import model_from_text

SOUND = """net (float[N, 3] x) => (float[N, 2] y) <float[3, 2] w = {1, 2, 3, 4, 5, %d}> {
    y = MatMul(x, w)
}"""
FLAWED = """net (float[N, 3] x) => (float[N, 2] y) <float[3, 2] w = {1, 2, 3, 4, 5, %d}> {
    h = MatMul(x, w)
    s = Softmax(h)
    y = Softmax(s)
}"""
EXPORTERS = (("pytorch", "2.4.0"), ("tf2onnx", "1.16.1"), ("skl2onnx", "1.17.0"), ("", ""))


def write(folder: Path, number: int) -> None:
    folder.mkdir()
    for each in range(number):
        model = model_from_text((FLAWED if each % 4 == 1 else SOUND) % each)
        model.producer_name, model.producer_version = EXPORTERS[each % len(EXPORTERS)]
        data = model.SerializeToString()
        torn = data[:-20] if each % 50 == 7 else data
        (folder / f"{each:05}.onnx").write_bytes(torn)


def start(kind: str, *options: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", f"distributed.cli.dask_{kind}", "--no-dashboard", *options]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


@contextmanager
def cluster(workers: int) -> Iterator[tuple[str, list[subprocess.Popen[bytes]]]]:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "scheduler.json")
        known = ("--scheduler-file", str(file))
        running = [start("scheduler", "--host", "127.0.0.1", "--port", "0", "--no-show", *known)]
        try:
            until(lambda: file.exists() and file.read_bytes().endswith(b"}"))
            address = json.loads(file.read_text())["address"].replace("tcp", "dask")
            alone = ("--nthreads", "1", "--no-nanny", "--memory-limit", "0", "--host", "127.0.0.1")
            running += [start("worker", *known, *alone) for _ in range(workers)]
            yield address, running
        finally:
            for process in running:
                process.kill()
                process.wait()


def until(is_so: Callable[[], bool]) -> None:
    while not is_so():
        time.sleep(0.01)


def arrived(folder: Path) -> int:
    """Results that are there: those of sealed parts, and of open ones."""
    parts = {
        file.name: file for name in ("open", "reports") for file in folder.glob(f"{name}/part-*")
    }
    return sum(file.read_bytes().count(b"\n") for file in parts.values() if file.exists())


def lint(models: Path, to: Path, options: Sequence[str]) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "onnxlint", "fleet", str(models), "--to", str(to), *options]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes()
            for file in sorted(folder.rglob("*")) if file.is_file()}  # fmt: skip


def report(name: str, begin: float) -> None:
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    seconds = time.perf_counter() - begin
    print(f"{name:<48}{seconds:>8.1f} s   (largest process {peak:,.0f} MiB)", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", type=int, nargs="?", default=2_000)
    parser.add_argument("--run", action="store_true", help="also run the models")
    given = parser.parse_args()
    options = [] if given.run else ["--static-only"]
    with tempfile.TemporaryDirectory() as folder:
        models = Path(folder, "models")
        write(models, given.models)
        serial, killed, resumed = (Path(folder, name) for name in ("serial", "killed", "resumed"))
        begin = time.perf_counter()
        lint(models, serial, options).wait()
        report("one after the other", begin)
        with cluster(3) as (address, processes):
            begin = time.perf_counter()
            running = lint(models, killed, [*options, "--executor", address])
            until(lambda: arrived(killed) > given.models * 3 // 5)
            processes[2].kill()
            running.wait()
            report("three workers, one killed in the middle", begin)
        assert contents(killed) == contents(serial)
        with cluster(3) as (address, _):
            begin = time.perf_counter()
            running = lint(models, resumed, [*options, "--executor", address])
            until(lambda: arrived(resumed) > given.models * 3 // 5)
            running.kill()
            running.wait()
            print(f"{arrived(resumed):,} results were there when the command was killed")
            lint(models, resumed, [*options, "--executor", address]).wait()
            report("three workers, the command killed and repeated", begin)
        assert contents(resumed) == contents(serial)
        lines = [line for file in sorted(serial.glob("reports/*")) for line in file.open()]
        paths = [json.loads(line)["path"] for line in lines]
        assert paths == sorted(map(str, models.iterdir())) and len(set(paths)) == given.models
        print(f"{len(paths):,} models, each once, the same bytes three times")


if __name__ == "__main__":
    main()
