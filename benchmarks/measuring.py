"""What the benchmarks share: wall time and peak memory of a command and all its children."""

from __future__ import annotations

import subprocess
import time
from contextlib import suppress
from pathlib import Path

import onnx
import psutil

LIGHT = Path(onnx.__file__).parent / "backend" / "test" / "data" / "light"
"""The folder of the nine light models in the installed onnx."""

ROUNDS = 3
MIB = 2**20


def best(command: list[str]) -> tuple[float, float]:
    """The shortest wall time in seconds, and the highest peak in bytes, of some rounds."""
    rounds = [watched(command) for _ in range(ROUNDS)]
    return min(wall for wall, _ in rounds), max(peak for _, peak in rounds)


def watched(command: list[str]) -> tuple[float, float]:
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    root, peak = psutil.Process(process.pid), 0
    while process.poll() is None:
        with suppress(psutil.Error):
            family = [root, *root.children(recursive=True)]
            peak = max(peak, sum(map(_pss, family)))
        time.sleep(0.02)
    return time.perf_counter() - start, peak


def _pss(process: psutil.Process) -> int:
    try:
        return int(process.memory_full_info().pss)
    except psutil.Error:
        return 0
