"""What the benchmarks share: time and peak memory of a command and all its children."""

from __future__ import annotations

import os
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import onnx
import psutil

LIGHT = Path(onnx.__file__).parent / "backend" / "test" / "data" / "light"
"""The folder of the nine light models in the installed onnx."""

ROUNDS = 3
os.environ["ONNXLINT_NO_CACHE"] = "1"  # of every command that is measured
MIB = 2**20


@dataclass
class Spent:
    """What a command and all its children took: seconds by the clock, and of all cores; bytes."""

    wall: float = 0.0
    peak: int = 0
    of_process: dict[int, float] = field(default_factory=dict)

    @property
    def cpu(self) -> float:
        """Seconds that cores worked, user and system, as far as they were seen."""
        return sum(self.of_process.values())


def best(command: list[str]) -> tuple[float, float]:
    """The shortest wall time in seconds, and the highest peak in bytes, of some rounds."""
    rounds = [watched(command) for _ in range(ROUNDS)]
    return min(spent.wall for spent in rounds), max(spent.peak for spent in rounds)


def watched(command: list[str]) -> Spent:
    """Runs it, and looks at its processes every few milliseconds."""
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    root, spent = psutil.Process(process.pid), Spent()
    while process.poll() is None:
        with suppress(psutil.Error):
            family = [root, *root.children(recursive=True)]
            spent.peak = max(spent.peak, sum(map(_pss, family)))
            spent.of_process |= {one.pid: cpu for one in family if (cpu := _cpu(one))}
        time.sleep(0.005)
    spent.wall = time.perf_counter() - start
    return spent


def typical(command: list[str]) -> tuple[float, int]:
    """The median of the processor seconds over some rounds, and the highest peak in bytes."""
    rounds = [watched(command) for _ in range(ROUNDS)]
    return median(spent.cpu for spent in rounds), max(spent.peak for spent in rounds)


def _pss(process: psutil.Process) -> int:
    try:
        return int(process.memory_full_info().pss)
    except psutil.Error:
        return 0


def _cpu(process: psutil.Process) -> float:
    try:
        return sum(process.cpu_times()[:2])
    except psutil.Error:
        return 0.0
