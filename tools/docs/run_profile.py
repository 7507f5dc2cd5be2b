"""Writes docs/performance.md: where the time of a default run goes.

    python tools/docs/run_profile.py

Each model is linted three times in a process of its own, which tells how long it waited for the
worker, and for what; the run of median length is shown. Run it on a machine that does nothing else.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "performance.md"
BEGIN, END = "<!-- measured -->\n", "<!-- end of what is measured -->\n"
ROUNDS = 3
OWN = "rules and analyses"


def main() -> None:
    if len(sys.argv) > 1:
        print(json.dumps(profiled(sys.argv[1])))
        return
    with tempfile.TemporaryDirectory(prefix="onnxlint-bench-") as folder:
        rows = [(name, _median(model)) for name, model in _models(Path(folder))]
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    PAGE.write_text(f"{before}{BEGIN}\n{table(rows)}\n{END}{rest.partition(END)[2]}", "utf-8")


def profiled(model: str) -> dict[str, float]:
    """Seconds of each part of a default run."""
    start = time.perf_counter()
    from onnxlint.light_onnx import use_light_onnx

    use_light_onnx()
    from onnxlint.pipeline import lint_model
    from onnxlint.planner import Planner
    from onnxlint.runtime.worker.client import Worker
    from onnxlint.watcher import Watcher

    spent: Counter[str] = Counter()
    doing = ""

    class Noting(Watcher):
        def begins(self, what: str, rule: object = None) -> None:
            nonlocal doing
            doing = what

    def noted(self: Worker, request: object, what: str, runs: int = 1) -> object:
        began, before, asked_for = time.perf_counter(), spent["meanwhile"], doing
        try:
            return ask(self, request, what, runs)
        finally:
            kind = "sessions" if what.startswith("creating") else _question(asked_for)
            spent[kind] += time.perf_counter() - began - (spent["meanwhile"] - before)

    def timed(self: Worker) -> bool:
        began = time.perf_counter()
        try:
            return piece(self)
        finally:
            spent["meanwhile"] += time.perf_counter() - began

    ask, Worker._ask = Worker._ask, noted
    piece, Worker._one_piece = Worker._one_piece, timed
    job = Planner().job(model)
    spent["start"] = time.perf_counter() - start
    lint_model(job, watcher=Noting())
    whole = time.perf_counter() - start
    del spent["meanwhile"]  # rules like all others
    return {**spent, OWN: whole - spent.total(), "whole": whole}


def _question(doing: str) -> str:
    """What the model is run for, by the rule that first asked."""
    asked = doing.removeprefix("analyses for ")
    return {"session-failure": "the samples", "vanishing-gradient": "gradients"}.get(
        asked, "further questions"
    )


def _median(model: Path) -> dict[str, float]:
    command = [sys.executable, __file__, str(model)]
    runs = [json.loads(subprocess.check_output(command)) for _ in range(ROUNDS)]
    return sorted(runs, key=lambda run: run["whole"])[ROUNDS // 2]


def _models(folder: Path) -> Iterator[tuple[str, Path]]:
    sys.path.insert(0, str(ROOT / "benchmarks"))
    from goals import MODELS, name_of
    from transformer import write_transformer

    write_transformer(folder / "transformer.onnx")
    for model in (*MODELS, folder / "transformer.onnx"):
        yield name_of(model), model


PARTS = ["start", OWN, "sessions", "the samples", "gradients", "further questions"]


def table(rows: list[tuple[str, dict[str, float]]]) -> str:
    """The parts of each run in percent."""
    lines = [f"| model | seconds | {' | '.join(PARTS)} |", "|---|--:|" + "--:|" * len(PARTS)]
    for name, run in rows:
        shares = [f"{run.get(part, 0) / run['whole']:.0%}" for part in PARTS]
        lines.append(f"| {name} | {run['whole']:.2f} | {' | '.join(shares)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
