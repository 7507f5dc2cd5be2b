"""How much faster a second run over unchanged models is: their reports are read from the cache.

python benchmarks/report_cache.py
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

FIXTURES = Path(__file__).parents[1] / "fixtures"
MODELS = 200
LEAST = 10.0
"""Times as fast as the second run must be."""


def main() -> None:
    models = [str(path) for path in sorted(FIXTURES.glob("**/*.onnx"))[:MODELS]]
    with tempfile.TemporaryDirectory() as folder:
        cold, made = _run(models, folder)
        warm, read = min((_run(models, folder) for _ in range(3)), key=lambda each: each[0])
    if made != read:
        sys.exit("the second report is not the first")
    ratio = cold / warm
    print(
        f"{len(models)} models: {cold:.1f} s at first, {warm:.2f} s unchanged: "
        f"{ratio:.0f} times as fast (at least {LEAST:g})"
    )
    sys.exit(ratio < LEAST)


def _run(models: list[str], folder: str) -> tuple[float, bytes]:
    """Seconds of the command, and its report without the seconds in it."""
    command = [sys.executable, "-m", "onnxlint", *models, "--cache-dir", folder, "--quiet"]
    start = time.perf_counter()
    done = subprocess.run(command, stdout=subprocess.PIPE, check=False)
    seconds = time.perf_counter() - start
    return seconds, done.stdout.rpartition(b"; ")[0]


if __name__ == "__main__":
    main()
