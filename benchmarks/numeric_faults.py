"""The NUM rules against published numerical faults and their repaired twins, as a table.

python benchmarks/numeric_faults.py

Each pair of fixtures/numeric is linted static and with runs, with the ranges of inputs that its
author would declare and without. Printed are the severities of the named rule, what a run showed,
the false alarms on the twin, and the time of both static runs beside that of parsing them.
"""

from __future__ import annotations

import time
import tomllib
from collections import Counter
from pathlib import Path
from typing import Any

from onnxlint.analyses.execution.worker import Workers
from onnxlint.job import Job
from onnxlint.model.file.load import open_model
from onnxlint.model.graph.graph import Graph
from onnxlint.pipeline import lint_model
from onnxlint.report import ModelReport
from onnxlint.rules.packs import discover
from onnxlint.settings import InputContract, Settings
from onnxlint.severity import Severity

FOLDER = Path(__file__).parent.parent / "fixtures" / "numeric"
RULES = tuple(r for r in discover().rules if r.family == "NUM" or r.code == "QNT007")
WAYS = ("static", "static, declared", "run", "run, declared")
GRADES = [Severity.ERROR, Severity.WARNING, Severity.INFO]


def main() -> None:
    pairs = tomllib.loads((FOLDER / "cases.toml").read_text())["pairs"]
    totals: dict[str, Counter[str]] = {way: Counter() for way in WAYS}
    print("| fault | rule | " + " | ".join(WAYS) + " |\n" + "|---" * (2 + len(WAYS)) + "|")
    workers = Workers()
    parsing = static = 0.0
    for pair in pairs:
        cells = []
        for way in WAYS:
            start = time.perf_counter()
            reports = [_report(pair, kind, way, workers) for kind in ("bad", "good")]
            static += time.perf_counter() - start if way == "static" else 0.0
            told = _told(pair, *reports)
            totals[way].update(told.split(", "))
            cells.append(told)
        parsing += sum(map(_parsed, (pair, pair), ("bad", "good")))
        print(f"| {pair['shows']} | {pair['code']} | {' | '.join(cells)} |", flush=True)
    workers.close()
    for way, counts in totals.items():
        print(f"{way}: {dict(counts)} of {len(pairs)}")
    print(f"static: {static / parsing:.1f} times as long as parsing ({static:.1f} s)")


def _report(pair: dict[str, Any], kind: str, way: str, workers: Workers) -> ModelReport:
    contracts = {name: InputContract(range=tuple(map(float, given["range"])))
                 for name, given in pair["inputs"].items()}  # fmt: skip
    settings = Settings(inputs=contracts if "declared" in way else {})
    path = str(FOLDER / f"{pair['name']}_{kind}.onnx")
    job = Job(path, RULES, settings, {}, static_only=way.startswith("static"))
    return lint_model(job, workers=workers)


def _told(pair: dict[str, Any], bad: ModelReport, good: ModelReport) -> str:
    found = [each for each in bad.findings if each.code == pair["code"]]
    alarms = [each for each in good.findings if each.severity is not Severity.INFO]
    if not found:
        said = "missed"
    else:
        gravest = min(found, key=lambda each: GRADES.index(each.severity))
        shown = any(each.evidence.get("confirmed") for each in found)
        said = f"{gravest.severity}{', shown' if shown else ''}"
    return f"{said}, false alarm" if alarms else said


def _parsed(pair: dict[str, Any], kind: str) -> float:
    start = time.perf_counter()
    with open_model(str(FOLDER / f"{pair['name']}_{kind}.onnx")) as model:
        Graph(model)
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
