"""What it costs that models are judged in processes of their own, and what two at a time gain.

python benchmarks/judges.py
"""

from __future__ import annotations

import resource
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from msgspec.structs import replace

from onnxlint.config import load
from onnxlint.job import plan
from onnxlint.job_pool import run_jobs
from onnxlint.pipeline import lint_model
from onnxlint.report import ModelReport
from onnxlint.rules.packs import discover

FIXTURES = Path(__file__).parents[1] / "fixtures"
ROUNDS = 3
MODELS = 60
MANY = 200
LEAST = 1.6
"""Times as fast as one at a time two at a time must be, on two cores or more."""


def main() -> None:
    paths = [str(path) for path in sorted(FIXTURES.glob("**/*.onnx"))[:MODELS]]
    static = [plan(load(None), discover(), path, static_only=True) for path in paths]
    many = sorted(map(str, FIXTURES.glob("**/*.onnx")))[:MANY]
    whole = [plan(load(None), discover(), path) for path in many]

    def here() -> list[ModelReport]:
        return [lint_model(job) for job in static]

    def pooled(parallel: int) -> Callable[[], list[ModelReport]]:
        return lambda: [*run_jobs(whole, lint_model, parallel)]

    here()  # whatever is imported once
    (own, _), (other, _) = _fastest(here, lambda: [*run_jobs(static, lint_model)])
    print(
        f"{len(paths)} models, static: {own / len(paths) * 1e3:.1f} ms each in this process, "
        f"{other / len(paths) * 1e3:.1f} ms in a judge's: {other / own:.2f} times as long"
    )
    made: list[list[ModelReport]] = []
    spent = [_spent(lambda count=count: made.append(pooled(count)())) for count in (1, 2)]
    (one, alone), (two, both) = spent
    print(
        f"{len(many)} models, run: {one:.1f} s one at a time, {two:.1f} s two at a time: "
        f"{one / two:.2f} times as fast (at least {LEAST}), "
        f"{both / alone:.2f} times the processor time"
    )
    timeless = [[replace(report, seconds=0.0) for report in reports] for reports in made]
    print(f"the reports are {'equal' if timeless[0] == timeless[1] else 'NOT equal'}")


def _fastest(*ways: Callable[[], Sequence[ModelReport]]) -> list[tuple[float, float]]:
    """The least seconds that each way takes, and the least of processors, all tried in turn."""
    seconds = [(float("inf"), float("inf"))] * len(ways)
    for _ in range(ROUNDS):
        for at, way in enumerate(ways):
            elapsed, busy = _spent(way)
            seconds[at] = min(seconds[at][0], elapsed), min(seconds[at][1], busy)
    return seconds


def _spent(way: Callable[[], object]) -> tuple[float, float]:
    """Seconds by the clock, and of processors."""
    start, busy = time.perf_counter(), _processor_seconds()
    way()
    return time.perf_counter() - start, _processor_seconds() - busy


def _processor_seconds() -> float:
    """Of this process, and of its children that ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


if __name__ == "__main__":
    main()
