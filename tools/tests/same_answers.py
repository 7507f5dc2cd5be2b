"""Compares reports made free, beside busy processes, on one core, and without compiled passes.

    python tools/tests/same_answers.py [MODEL ...] [--busy 4]

Without models, sixty are linted: fixtures of all folders, and two light models of the onnx package.
What differs is printed, and the exit status is 1. It takes minutes, so `make test` leaves it out.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import onnx

import onnxlint
import onnxlint_rules

FIXTURES = Path(__file__).parents[2] / "fixtures"
SPIN = "while True: pass"
LIGHT = Path(onnx.__file__).parent / "backend" / "test" / "data" / "light"
MODELS = 60


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, usage="%(prog)s [MODEL ...] [--busy N]")
    parser.add_argument("models", nargs="*", type=Path)
    parser.add_argument("--busy", type=int, default=4, help="busy processes beside it")
    parser.add_argument("--args", default="", help="more arguments of onnxlint")
    chosen = parser.parse_args()
    models = chosen.models or some_models()
    arguments = chosen.args.split()
    free = reports(models, arguments)
    different = set()
    for name, condition in conditions(chosen.busy):
        with condition as environment:
            others = reports(models, arguments, **environment)
        for model, one, other in zip(models, free, others, strict=True):
            for change in differences(one, other):
                different.add(model)
                print(f"{name}: {model}: {change}")
        print(f"{name}: done", flush=True)
    print(f"{len(models)} models, the reports of {len(different)} differ")
    return min(1, len(different))


def some_models() -> list[Path]:
    """As many from all folders of fixtures, and two whose runs take a while."""
    light = [LIGHT / f"light_{name}.onnx" for name in ("squeezenet", "shufflenet")]
    fixtures = sorted(FIXTURES.rglob("*.onnx"))
    wanted = MODELS - len(light)
    return [*light, *(fixtures[at * len(fixtures) // wanted] for at in range(wanted))]


def conditions(busy: int) -> Iterator[tuple[str, Any]]:
    yield f"beside {busy} busy processes", beside(busy)
    if hasattr(os, "sched_setaffinity"):
        yield "on one core", on_one_core()
    yield "without compiled passes", without_passes()


@contextmanager
def beside(busy: int) -> Iterator[dict[str, Any]]:
    with ExitStack() as stack:
        for _ in range(busy):
            process = subprocess.Popen([sys.executable, "-c", SPIN])
            stack.callback(process.wait)
            stack.callback(process.kill)
        yield {}


@contextmanager
def on_one_core() -> Iterator[dict[str, Any]]:
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cores)})
    try:
        yield {}
    finally:
        os.sched_setaffinity(0, cores)


@contextmanager
def without_passes() -> Iterator[dict[str, Any]]:
    """A copy of the packages without the library."""
    with tempfile.TemporaryDirectory() as folder:
        for package in (onnxlint, onnxlint_rules):
            source = Path(package.__path__[0])
            ignored = shutil.ignore_patterns("*.so", "__pycache__")
            shutil.copytree(source, Path(folder, source.name), ignore=ignored)
        yield {"folder": folder}


def report(model: Path, arguments: list[str], folder: str | None = None) -> dict[str, Any]:
    return reports([model], arguments, folder)[0]


def reports(
    models: list[Path], arguments: list[str], folder: str | None = None
) -> list[dict[str, Any]]:
    """What one command says of some models."""
    command = [
        sys.executable,
        "-P",
        "-m",
        "onnxlint",
        *map(str, models),
        "--format",
        "json",
        "--no-cache",
    ]
    environment = {**os.environ, "PYTHONPATH": folder} if folder else None
    done = subprocess.run([*command, *arguments], capture_output=True, env=environment, check=False)
    return [{"status": done.returncode, **each} for each in json.loads(done.stdout)["models"]]


def differences(one: Any, other: Any, path: str = "") -> Iterator[str]:
    """Where two reports differ, but for times."""
    if isinstance(one, dict) and isinstance(other, dict):
        for key in sorted({*one, *other} - {"seconds"}):
            yield from differences(one.get(key), other.get(key), f"{path}.{key}")
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for index, pair in enumerate(zip(one, other, strict=True)):
            yield from differences(*pair, f"{path}[{index}]")
    elif one != other:
        yield f"{path}: {one!r} became {other!r}"[:400]


if __name__ == "__main__":
    sys.exit(main())
