"""What it costs that models are judged in processes of their own: the static run over the fixtures.

python benchmarks/judges.py
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

from onnxlint.config import load, plan
from onnxlint.judges import Case, Judges
from onnxlint.pipeline import Watcher, lint_model
from onnxlint.report import ModelReport
from onnxlint.rules.packs import discover
from onnxlint.safety.limits import Budget
from onnxlint.settings import Settings

FIXTURES = Path(__file__).parents[1] / "fixtures"
ROUNDS = 3
MODELS = 60


def main() -> None:
    paths = [str(path) for path in sorted(FIXTURES.glob("**/*.onnx"))[:MODELS]]
    chosen, settings = plan(load(None), discover(), paths[0]), Settings()

    def judge(number: int, watcher: Watcher, _without: object) -> ModelReport:
        return lint_model(paths[number], chosen, settings, static_only=True, watcher=watcher)

    def here() -> list[ModelReport]:
        return [judge(number, Watcher(), ()) for number in range(len(paths))]

    def beside() -> list[ModelReport]:
        cases = [Case(path, Budget.build(settings)) for path in paths]
        return [*Judges(judge, cases, chosen.rules).reports()]

    here()  # whatever is imported once
    own, other = _fastest(here, beside)
    print(
        f"{len(paths)} models: {own / len(paths) * 1e3:.1f} ms each in this process, "
        f"{other / len(paths) * 1e3:.1f} ms in a judge's: {other / own:.2f} times as long"
    )


def _fastest(*ways: Callable[[], Sequence[ModelReport]]) -> list[float]:
    """The least seconds that each way takes, all tried in turn."""
    seconds = [float("inf")] * len(ways)
    for _ in range(ROUNDS):
        for at, way in enumerate(ways):
            start = time.perf_counter()
            way()
            seconds[at] = min(seconds[at], time.perf_counter() - start)
    return seconds


if __name__ == "__main__":
    main()
