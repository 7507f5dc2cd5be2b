"""What the command costs, each figure beside its goal, as ratios in one run.

    python benchmarks/goals.py [--rounds N] [start-up] [default] [many] [large] [weights]

Commands take turns, each as a process of its own from start to end; a ratio is that of the medians
by the clock. Memory is the peak of the summed proportional set size of all processes.

start-up: help beside a process that does nothing; a static run of a small model beside a process
    that loads the model into onnxruntime and runs it once, and beside onnx.checker in one; the same
    with a resident process.
default: the default command on eight models beside such a process, time and memory; the same with
    a resident process.
many: 200 small models in one command, for each model, and with two jobs, beside one job and beside
    one on one core; and the memory of 1,000.
large: a static run of 100,000 nodes, and of ten times as many.
weights: 7 GB of weights in a sparse file, as far as memory holds them, beside `cat` of it out
    of the page cache; and once more, when only the graph has changed.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median

import psutil
from builder import Builder
from large_graph import chain
from large_weights import DATA, LAYER_BYTES, large_model
from measuring import LIGHT, MIB, Spent, watched
from runtime_analysers import PLAIN
from transformer import write_transformer

FIXTURES = Path(__file__).parents[1] / "fixtures"
SMALL = FIXTURES / "demo" / "flawed.onnx"
MODELS = [
    *(LIGHT / f"light_{name}.onnx"
      for name in ("resnet50", "densenet121", "vgg19", "squeezenet", "shufflenet")),
    FIXTURES / "lightgbm" / "classifier.onnx",
    FIXTURES / "language" / "llama" / "intact.onnx",
]  # fmt: skip
MANY = 200
NODES = 100_000
WITH_CACHE = ("env", "-u", "ONNXLINT_NO_CACHE")

LOADED = 3.0
"""Seconds in which a resident process has loaded everything."""


def python(code: str, *arguments: object) -> list[str]:
    return [sys.executable, "-c", code, *map(str, arguments)]


ON_ONE_CORE = python(
    "import os, sys\n"
    "os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})\n"
    "os.execv(sys.argv[1], sys.argv[1:])"
)
"""What a command is put behind that uses one core: a job is several processes."""

CHECKED = "import sys, onnx; onnx.checker.check_model(sys.argv[1])"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("parts", nargs="*", choices=[[], *PARTS])
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    for name in options.parts or PARTS:
        print(name)
        with tempfile.TemporaryDirectory(prefix="onnxlint-bench-") as folder:
            for line in PARTS[name](Path(folder), options.rounds):
                print(f"  {line}", flush=True)


def start_up(_: Path, rounds: int) -> Iterator[str]:
    """Help, and a static run of a small model."""
    nothing, told = measured([python("pass"), lint("--help")], rounds)
    yield ratio("help beside a process that does nothing", told, nothing, 2.0)
    plain, checked, static = measured(
        [python(PLAIN, SMALL, 1), python(CHECKED, SMALL), lint(SMALL, "--static-only")], rounds
    )
    yield ratio("a static run beside a plain one", static, plain, 1.2)
    yield ratio("a static run beside onnx.checker", static, checked, 1.5)
    with served():
        plain, resident = measured([python(PLAIN, SMALL, 1), lint(SMALL, "--static-only")], rounds)
    yield ratio("with onnxlint serve, beside a plain one", resident, plain, 1.2)


@contextmanager
def served() -> Iterator[None]:
    """A resident process is there meanwhile."""
    with subprocess.Popen(lint("serve"), stderr=subprocess.PIPE) as server:
        assert server.stderr is not None
        server.stderr.readline()
        time.sleep(LOADED)
        yield
        server.terminate()


def default(folder: Path, rounds: int) -> Iterator[str]:
    """The default command on models of all kinds."""
    transformer = folder / "transformer.onnx"
    write_transformer(transformer)
    for model in [*MODELS, transformer]:
        plain, linted = measured([python(PLAIN, model, 1), lint(model)], rounds)
        yield ratio(name_of(model), linted, plain, 3.0)
        with served():
            plain, resident = measured([python(PLAIN, model, 1), lint(model)], rounds)
        yield ratio("  with onnxlint serve", resident, plain, 3.0)
        peak, own = (watched(each).peak / MIB for each in (lint(model), python(PLAIN, model, 1)))
        most = 1.3 * own if own > 300 else own + 120
        yield f"{'':24}{peak:7.0f} MiB beside {own:5.0f} MiB (goal {most:.0f})"


def name_of(model: Path) -> str:
    """What a model is called here: some are a folder's only sound one."""
    return model.parent.name if model.stem == "intact" else model.stem.removeprefix("light_")


def many(folder: Path, rounds: int) -> Iterator[str]:
    """Many small models in one command."""
    paths = [*_small_models(folder, MANY)]
    few = max(1, rounds // 3)
    alone = lint(folder, "-j", 1)
    static, one, two, on_one_core = measured(
        [lint(folder, "--static-only"), alone, lint(folder, "-j", 2), [*ON_ONE_CORE, *alone]], few
    )
    for what, spent, goal in (("static", static, 25), ("with runs", one, 120)):
        yield f"{what:<24}{_seconds(spent) / len(paths) * 1e3:7.0f} ms a model (goal {goal})"
    for what, spent in (("one job", one), ("one on one core", on_one_core)):
        faster = _seconds(spent) / _seconds(two)
        yield f"{f'two jobs beside {what}':<32}{faster:5.2f} times as fast (goal 1.7)"
    peak = watched(lint(folder)).peak
    list(_small_models(folder, 5 * MANY))
    more = (watched(lint(folder)).peak - peak) / MIB
    yield f"{'memory of 5 times as many':<24}{more:7.0f} MiB more (goal: flat)"


def large(folder: Path, rounds: int) -> Iterator[str]:
    """Many nodes in one model."""
    few, many = folder / "few.onnx", folder / "many.onnx"
    for path, nodes in ((few, NODES), (many, 10 * NODES)):
        path.write_bytes(chain(nodes).SerializeToString())
    (spent,) = measured([lint(few, "--static-only")], max(1, rounds // 3))
    yield f"{f'{NODES:,} nodes':<24}{_seconds(spent):7.2f} s (goal 4)"
    times = clocked(lint(many, "--static-only")).wall / _seconds(spent)
    yield f"{'ten times as many':<24}{times:7.2f} times as long (goal 10)"


def weights(folder: Path, rounds: int) -> Iterator[str]:
    """Large weights in a file of their own."""
    size = min(7e9, 0.6 * psutil.virtual_memory().available)
    layers, plain, model = int(size // LAYER_BYTES), folder / "plain.onnx", folder / "large.onnx"
    for path, count in ((plain, 0), (model, layers)):
        path.write_bytes(large_model(count).SerializeToString())
    with (folder / DATA).open("wb") as file:
        file.truncate(layers * LAYER_BYTES)
    cat = ["cat", str(folder / DATA)]
    read, without, all_of_it = measured(
        [cat, lint(plain, "--static-only"), lint(model, "--static-only")], max(1, rounds // 2)
    )
    took = _seconds(all_of_it) - _seconds(without)
    speed, plain_speed = (layers * LAYER_BYTES / 1e9 / each for each in (took, _seconds(read)))
    yield (f"{layers * LAYER_BYTES / 1e9:.1f} GB: weights {speed:.1f} GB/s, cat {plain_speed:.1f} "
           f"GB/s  ratio {speed / plain_speed:.2f} (goal 0.8)")  # fmt: skip
    peak, own = (watched(lint(each, "--static-only")).peak / MIB for each in (model, plain))
    yield f"{'memory':<24}{peak - own:7.0f} MiB beyond that without weights (goal 150)"
    again = _changed(model, layers, [*WITH_CACHE, *lint(model, "--static-only"), "--cache-dir",
                                     str(folder / "cache")], rounds)  # fmt: skip
    yield ratio("another graph beside no weights", again, without, 1.5)


def _changed(model: Path, layers: int, command: list[str], rounds: int) -> list[Spent]:
    """The command on other graphs with the same weights; the first one is not counted."""
    spent = []
    for number in range(rounds + 1):
        proto = large_model(layers)
        proto.producer_version = str(number)
        model.write_bytes(proto.SerializeToString())
        spent.append(clocked(command))
    return spent[1:]


def _small_models(folder: Path, count: int) -> Iterator[Path]:
    for number in range(count):
        net, path = Builder(), folder / f"net-{number:03}.onnx"
        width = 8 + number % 32
        hidden = net.op("Relu", net.dense("x", 8, width))
        output = net.op("Softmax", net.dense(hidden, width, 4))
        path.write_bytes(net.model("small", [1, 8], {output: [1, 4]}).SerializeToString())
        yield path


def measured(commands: Sequence[list[str]], rounds: int) -> list[list[Spent]]:
    """Each command so many times, in turns; once before, so that nothing is compiled in them."""
    for command in commands:
        clocked(command)
    turns = [[clocked(command) for command in commands] for _ in range(rounds)]
    return [*map(list, zip(*turns, strict=True))]


def clocked(command: list[str]) -> Spent:
    """What it takes by the clock; whoever watches its memory takes a part of the cores."""
    start = time.perf_counter()
    subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    return Spent(wall=time.perf_counter() - start)


def ratio(what: str, ours: list[Spent], theirs: list[Spent], goal: float) -> str:
    """One line: seconds of both, and the ratio beside what it is to be."""
    own, other = _seconds(ours), _seconds(theirs)
    return f"{what:<42}{own:7.3f} s {other:7.3f} s  ratio {own / other:5.2f} (goal {goal:g})"


def _seconds(spent: list[Spent]) -> float:
    return median(each.wall for each in spent)


def lint(*arguments: object) -> list[str]:
    return [str(Path(sys.executable).with_name("onnxlint")), *map(str, arguments)]


PARTS = {
    "start-up": start_up, "default": default, "many": many, "large": large, "weights": weights
}  # fmt: skip

if __name__ == "__main__":
    main()
