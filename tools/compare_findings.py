"""Compares what two revisions find: by code, place and severity, whatever their texts say.

    python tools/compare_findings.py OLD NEW [MODEL …] [--args=--static-only]

OLD and NEW are the `onnxlint` commands of two environments. Without models: all fixtures, the light
models of the installed onnx, and every tenth of its conformance models. What is found by one of the
two alone is printed, and counted by code; the exit status is 1 where the two differ.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import onnx

FIXTURES = Path(__file__).parent.parent / "fixtures"
SUITES = Path(onnx.__file__).parent / "backend" / "test" / "data"
SHARE = 10
BATCH = 40

Key = tuple[str, str, str]


def main() -> int:
    """Prints what only one of the two finds."""
    os.environ["ONNXLINT_NO_CACHE"] = "1"
    parser = argparse.ArgumentParser(usage="%(prog)s OLD NEW [MODEL …] [--args TEXT]")
    parser.add_argument("old")
    parser.add_argument("new")
    parser.add_argument("models", nargs="*", type=Path)
    parser.add_argument("--args", default="", help="more arguments of onnxlint")
    chosen = parser.parse_args()
    models = [model.absolute() for model in chosen.models] or sample()
    with tempfile.NamedTemporaryFile(suffix=".toml") as empty:
        arguments = ["--config", empty.name, *chosen.args.split()]
        before, after = (
            dict(found(str(Path(each).absolute()), models, arguments))
            for each in (chosen.old, chosen.new)
        )
    gone, new = Counter[str](), Counter[str]()
    for model in models:
        lost, gained = before[model] - after[model], after[model] - before[model]
        for sign, keys, counts in (("-", lost, gone), ("+", gained, new)):
            for code, place, severity in sorted(keys.elements()):
                counts[code] += 1
                print(f"{sign} {model}: {severity} {code} {place}")
    total = sum(findings.total() for findings in before.values())
    print(f"{len(models)} models, {total} findings before: {gone.total()} gone, {new.total()} new")
    print("gone:", dict(gone.most_common()), "new:", dict(new.most_common()))
    return int(bool(gone or new))


def sample() -> list[Path]:
    """Fixtures, the light models, and a share of the conformance models."""
    light = sorted((SUITES / "light").glob("*.onnx"))
    conformance = sorted(path for path in SUITES.rglob("model.onnx"))[::SHARE]
    return [*sorted(FIXTURES.rglob("*.onnx")), *light, *conformance]


def found(
    command: str, models: list[Path], arguments: list[str]
) -> Iterator[tuple[Path, Counter[Key]]]:
    """The findings of each model, in batches: a command takes only so many names."""
    for start in range(0, len(models), BATCH):
        batch = models[start : start + BATCH]
        done = subprocess.run(
            [command, "check", "--format", "json", *arguments, *map(str, batch)],
            capture_output=True, text=True, check=False, cwd=FIXTURES,
        )  # fmt: skip
        if not done.stdout:
            sys.exit(f"{command}: {done.stderr}")
        reports = {Path(report["path"]): report for report in json.loads(done.stdout)["models"]}
        for model in batch:
            report = reports[model]
            keys = Counter(map(key, report["findings"] or []))
            if report["error"]:
                keys["ERROR", "", ""] += 1
            yield model, keys


def key(finding: dict[str, Any]) -> Key:
    """What makes it the same finding: its code, its place and its severity."""
    place = finding["place"] or {}
    parts = [place.get(part) for part in ("scope", "node_index", "op_type", "node", "value")]
    return finding["code"], " ".join(str(part) for part in parts if part), finding["severity"]


if __name__ == "__main__":
    sys.exit(main())
