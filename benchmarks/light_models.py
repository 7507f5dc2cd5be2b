"""onnxlint beside plain onnxruntime on real architectures, in the same run: ratios, not seconds.

    python benchmarks/light_models.py [MODEL …]

A plain process imports onnxruntime, creates a session and runs the same number of samples that
onnxlint runs. Memory is the peak of the summed proportional set size of all processes (PSS: a
shared page counts once). Probing is timed in one process, plain and probed runs taking turns.
"""

from __future__ import annotations

import statistics
import sys
import time
from pathlib import Path

import numpy as np
from measuring import LIGHT, MIB, best

from onnxlint.analyses import Analyses
from onnxlint.analyses.execution import runnable
from onnxlint.analyses.inputs import Inputs
from onnxlint.analyses.probes import chosen
from onnxlint.analyses.shapes import Shapes
from onnxlint.model.graph import Graph
from onnxlint.model.load import open_model
from onnxlint.runtime import worker
from onnxlint.runtime.messages import Array, Load, Run, Watch
from onnxlint.settings import DEFAULT_SAMPLES, Settings

DEFAULT = [LIGHT / f"light_{name}.onnx" for name in ("resnet50", "densenet121", "vgg19")]

PLAIN = """
import sys, numpy, onnxruntime
session = onnxruntime.InferenceSession(sys.argv[1])
random = numpy.random.default_rng(0)
for _ in range(int(sys.argv[2])):
    session.run(None, {i.name: random.random(i.shape, 'float32') for i in session.get_inputs()})
"""


def main() -> None:
    models = [Path(name) for name in sys.argv[1:]] or DEFAULT
    print(f"{'model':<22}{'':<26}{'wall':>8}{'ratio':>8}{'peak MiB':>10}{'ratio':>8}")
    for model in models:
        _processes(model)
    print(f"\n{'model':<22}{'watched':>8}{'plain ms':>10}{'probed ms':>11}{'ratio':>8}")
    for model in models:
        _probing(model)


def _processes(model: Path) -> None:
    lint = [sys.executable, "-m", "onnxlint", str(model)]
    commands = {
        f"plain, {DEFAULT_SAMPLES} samples": _plain(model, DEFAULT_SAMPLES),
        "plain, 1 sample": _plain(model, 1),
        f"onnxlint, {DEFAULT_SAMPLES} samples": lint,
        "onnxlint, 1 sample": [*lint, "--samples", "1"],
        "onnxlint --static-only": [*lint, "--static-only"],
    }
    measured = {label: best(command) for label, command in commands.items()}
    for label, (wall, peak) in measured.items():
        base = measured["plain, 1 sample" if "1 sample" in label else next(iter(measured))]
        ratios = f"{wall / base[0]:>8.2f}{peak / MIB:>10.0f}{peak / base[1]:>8.2f}"
        print(f"{model.stem:<22}{label:<26}{wall:>6.2f} s{ratios}")


def _plain(model: Path, samples: int) -> list[str]:
    return [sys.executable, "-c", PLAIN, str(model), str(samples)]


def _probing(model: Path) -> None:
    data, watches, kept, feed, folder = _prepared(model)
    probed, _ = worker._load(Load(data, str(folder)))
    plain, _ = worker._load(Load(model.read_bytes(), str(folder)))
    assert probed is not None
    assert plain is not None
    request = Run(feed, watches, kept)
    times: dict[str, list[float]] = {"plain": [], "probed": []}
    for _ in range(12):
        start = time.perf_counter()
        plain.run(None, feed)
        middle = time.perf_counter()
        worker._run(probed, request)
        times["plain"].append(middle - start)
        times["probed"].append(time.perf_counter() - middle)
    one, other = (1000 * statistics.median(times[name][2:]) for name in ("plain", "probed"))
    print(f"{model.stem:<22}{len(watches):>8}{one:>10.1f}{other:>11.1f}{other / one:>8.2f}")


def _prepared(model: Path) -> tuple[bytes, list[Watch], list[str], dict[str, Array], Path]:
    with open_model(str(model)) as opened:
        analyses = Analyses(Settings(samples=1), opened)
        graph, shapes, inputs = (analyses.get(kind) for kind in (Graph, Shapes, Inputs))
        watches = chosen(graph, shapes)
        data = runnable(graph.model, [watch.name for watch in watches])
        feed = next(iter(inputs.attempts())).feeds[0]
        analyses.close()
    kept = [value.name for value in graph.outputs]
    return data, watches, kept, {k: np.asarray(v) for k, v in feed.items()}, model.parent


if __name__ == "__main__":
    main()
