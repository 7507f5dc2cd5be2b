"""onnxlint beside plain onnxruntime, Polygraphy and a naive script that fetches every output.

    python benchmarks/runtime_analysers.py [--samples N] [MODEL …]

Without models: three light ones and a 12-layer transformer with random weights, made for the run.
Each command is a process of its own, from start to end. Memory is the peak of the summed
proportional set size of all its processes (a shared page counts once). `--samples 1000` compares
the cost of many samples, Polygraphy and the naive script left out. Then one process times single
runs, plain and traced in turns: what looking costs beside inference.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from onnxlint.runtime import ONE_BLAS_THREAD

os.environ.update(ONE_BLAS_THREAD)  # as in the worker; before numpy reads it

import numpy as np
from measuring import LIGHT, MIB, best
from transformer import write_transformer

from onnxlint.analyses import Analyses
from onnxlint.analyses.execution.probed_session import runnable
from onnxlint.analyses.execution.probes import chosen
from onnxlint.analyses.inputs.inputs import Inputs
from onnxlint.analyses.static.shapes import Shapes
from onnxlint.model.file.load import open_model
from onnxlint.model.graph.graph import Graph
from onnxlint.runtime.protocol import Array, Load, Run, Watch
from onnxlint.runtime.statistics.accumulate import Totals
from onnxlint.runtime.worker import serving as worker
from onnxlint.settings import DEFAULT_SAMPLES, Settings

DEFAULT = [LIGHT / f"light_{name}.onnx" for name in ("resnet50", "densenet121", "vgg19")]

ROUNDS, TIMED_RUNS, WARM_UP = 4, 8, 3

FEEDS = """
import sys, numpy, onnx, onnxruntime
random = numpy.random.default_rng(0)
def fed(inputs):
    dims = {i.name: [d if isinstance(d, int) else 1 for d in i.shape] for i in inputs}
    return {i.name: random.random(dims[i.name], 'float32') if 'float' in i.type
            else numpy.ones(dims[i.name], 'int64') for i in inputs}
"""

PLAIN = (
    FEEDS.replace("onnx, ", "")
    + """
session = onnxruntime.InferenceSession(sys.argv[1])
for _ in range(int(sys.argv[2])):
    session.run(None, fed(session.get_inputs()))
"""
)

NAIVE = (
    FEEDS
    + """
model = onnx.load(sys.argv[1])
outputs = {o.name for o in model.graph.output}
model.graph.output.extend(onnx.ValueInfoProto(name=name) for node in model.graph.node
                          for name in node.output if name and name not in outputs)
session = onnxruntime.InferenceSession(model.SerializeToString())
for _ in range(int(sys.argv[2])):
    for array in session.run(None, fed(session.get_inputs())):
        if array.size and array.dtype.kind == 'f':
            array.min(), array.max(), array.mean(), array.std(), (array == 0).sum(),
            numpy.isnan(array).sum(), numpy.isinf(array).sum()
"""
)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("models", nargs="*", type=Path)
    parser.add_argument("--samples", type=int, default=DEFAULT_SAMPLES)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="onnxlint-bench-") as folder:
        models = options.models or DEFAULT
        if not options.models:
            made = Path(folder) / "transformer.onnx"
            write_transformer(made)
            models = [*models, made]
        _print_processes(models, options.samples)
        if options.samples == DEFAULT_SAMPLES:
            _print_traces(models)


def _commands(model: Path, samples: int) -> dict[str, list[str]]:
    lint = [sys.executable, "-m", "onnxlint", str(model), "--samples", str(samples)]
    commands = {
        "plain": [sys.executable, "-c", PLAIN, str(model), str(samples)],
        "onnxlint": lint,
        "onnxlint, run alone": [*lint, "--select", "RUN001,RUN002,ACT,PRD"],
    }
    if samples == DEFAULT_SAMPLES:
        polygraphy = [str(Path(sys.executable).parent / "polygraphy"), "run", str(model),
                      "--onnxrt", "--onnx-outputs", "mark", "all", "--validate"]  # fmt: skip
        commands |= {
            "naive": [sys.executable, "-c", NAIVE, str(model), str(samples)],
            "Polygraphy": [*polygraphy, "--iterations", str(samples)],
            "Polygraphy, 1 sample": polygraphy,
        }
    return commands


def _print_processes(models: list[Path], samples: int) -> None:
    print(f"{samples} samples\n{'model':<20}{'':<24}{'wall':>10}{'ratio':>8}{'peak MiB':>10}"
          f"{'ratio':>8}")  # fmt: skip
    for model in models:
        base = None
        for label, command in _commands(model, samples).items():
            wall, peak = best(command)
            base = base or (wall, peak)
            print(f"{model.stem:<20}{label:<24}{wall:>8.2f} s{wall / base[0]:>8.2f}"
                  f"{peak / MIB:>10.0f}{peak / base[1]:>8.2f}", flush=True)  # fmt: skip


def _print_traces(models: list[Path]) -> None:
    print(
        f"\n{'model':<20}{'trace':<10}{'watched':>8}{'plain ms':>10}{'traced ms':>11}{'ratio':>8}"
    )
    for model in models:
        for every in (False, True):
            watched, plain, traced = _trace(model, every=every)
            print(f"{model.stem:<20}{'full' if every else 'default':<10}{watched:>8}{plain:>10.1f}"
                  f"{traced:>11.1f}{traced / plain:>8.2f}", flush=True)  # fmt: skip


def _trace(model: Path, *, every: bool) -> tuple[int, float, float]:
    """How many values are watched; milliseconds of a plain run, and of a traced one."""
    data, watches, kept, feed, folder = _prepared(model, every=every)
    taps = [watch.name for watch in watches if watch.name not in kept]
    request = Run(feed, watches, kept, adding=True)
    rounds = []
    for _ in range(ROUNDS):
        plain = _milliseconds(
            partial(_session(model.read_bytes(), model.parent).model.run, None, feed)
        )
        traced = _milliseconds(
            partial(worker._run, _session(data, folder, taps), request, Totals())
        )
        rounds.append((plain, traced))
    return len(watches), *map(min, zip(*rounds, strict=True))


def _session(model: bytes, folder: Path, taps: Sequence[str] = ()) -> worker.Session:
    session, _ = worker._load(Load(model, str(folder), taps=[*taps], has_ours=bool(taps)))
    assert session is not None
    return session


def _milliseconds(run: Callable[[], object]) -> float:
    """The median of some runs in a row: the threads of another session spin on for a while."""
    times = []
    for _ in range(WARM_UP + TIMED_RUNS):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return 1000 * statistics.median(times[WARM_UP:])


def _prepared(
    model: Path, *, every: bool
) -> tuple[bytes, list[Watch], list[str], dict[str, Array], Path]:
    with open_model(str(model)) as opened:
        analyses = Analyses(Settings(samples=1), opened)
        graph, shapes, inputs = (analyses.get(kind) for kind in (Graph, Shapes, Inputs))
        watches = chosen(graph, shapes, every=every)
        kept = [value.name for value in graph.outputs]
        tapped = [watch.name for watch in watches if watch.name not in kept]
        data, folder = runnable(graph.model, [], tapped)
        feed = next(iter(inputs.attempts())).feeds[0]
        analyses.close()
    return data, watches, kept, {k: np.asarray(v) for k, v in feed.items()}, folder


if __name__ == "__main__":
    main()
