"""What the benchmarks share: time and peak memory of a command and all its children."""

from __future__ import annotations

import resource
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import onnx
import psutil

LIGHT = Path(onnx.__file__).parent / "backend" / "test" / "data" / "light"
"""The folder of the nine light models in the installed onnx."""

ROUNDS = 3
MIB = 2**20


@dataclass
class Spent:
    """What a command and all its children took: seconds by the clock, and of all cores; bytes."""

    wall: float = 0.0
    cpu: float = 0.0
    peak: int = 0


def best(command: list[str]) -> tuple[float, float]:
    """The shortest wall time in seconds, and the highest peak in bytes, of some rounds."""
    rounds = [watched(command) for _ in range(ROUNDS)]
    return min(spent.wall for spent in rounds), max(spent.peak for spent in rounds)


def watched(command: list[str]) -> Spent:
    """Runs it, and looks at the memory of its processes every few milliseconds."""
    start, worked = time.perf_counter(), _children_cpu()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    root, spent = psutil.Process(process.pid), Spent()
    while process.poll() is None:
        with suppress(psutil.Error):
            family = [root, *root.children(recursive=True)]
            spent.peak = max(spent.peak, sum(map(_pss, family)))
        time.sleep(0.005)
    spent.wall, spent.cpu = time.perf_counter() - start, _children_cpu() - worked
    return spent


def typical(command: list[str]) -> Spent:
    """The median of its times over some rounds, and the highest of the peaks that were seen."""
    rounds = [watched(command) for _ in range(ROUNDS)]
    wall, cpu = median(spent.wall for spent in rounds), median(spent.cpu for spent in rounds)
    return Spent(wall, cpu, max(spent.peak for spent in rounds))


def _pss(process: psutil.Process) -> int:
    try:
        return int(process.memory_full_info().pss)
    except psutil.Error:
        return 0


def _children_cpu() -> float:
    """Seconds, user and system, of all children that ended, and of theirs that were waited for."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime
