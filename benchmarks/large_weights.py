"""The static run on a model of 1.6 GB: how much memory, and how near to the speed of reading?

    python benchmarks/large_weights.py [GIGABYTES]

The model is generated into a temporary folder, its weights in a file beside it, and removed. The
speed is that of one pass over all weights as a ratio to reading the same file from front to back,
in turns: from the disk, of which the page cache is told to forget the file, and out of the page
cache; by processor time, threads count each for itself. Memory is
the peak of the summed proportional set size of all processes, beyond that of a run on a model
without weights.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from measuring import MIB, watched
from onnx import ModelProto, TensorProto, helper

from onnxlint.analyses.static.weights import Weights
from onnxlint.model.file.load import open_model
from onnxlint.model.graph.graph import Graph
from onnxlint.model.preflight import Preflight

SIDE = 4096
LAYER_BYTES = SIDE * SIDE * 4
DATA = "weights.data"
READ_BYTES = 256 * 1024
ROUNDS = 5


def main() -> None:
    layers = max(1, round(float(sys.argv[1] if len(sys.argv) > 1 else 1.6) * 1e9 / LAYER_BYTES))
    with tempfile.TemporaryDirectory(prefix="onnxlint-bench-") as folder:
        large, small = Path(folder) / "large.onnx", Path(folder) / "small.onnx"
        large.write_bytes(large_model(layers).SerializeToString())
        small.write_bytes(large_model(0).SerializeToString())
        _write(Path(folder) / DATA, layers)
        print(f"{layers} layers, {layers * LAYER_BYTES / 1e9:.2f} GB")
        _processes(large, small)
        _speed(large, Path(folder) / DATA)


def large_model(layers: int) -> ModelProto:
    """A model of so many layers, whose weights are to lie in `DATA` beside it."""
    nodes = [helper.make_node("Relu", ["x"], ["h0"])]
    weights = []
    for index in range(layers):
        weight = TensorProto(name=f"w{index}", data_type=TensorProto.FLOAT, dims=[SIDE, SIDE])
        weight.data_location = TensorProto.EXTERNAL
        place = {"location": DATA, "offset": index * LAYER_BYTES, "length": LAYER_BYTES}
        for key, entry in place.items():
            weight.external_data.add(key=key, value=str(entry))
        weights.append(weight)
        nodes.append(helper.make_node("MatMul", [f"h{index}", f"w{index}"], [f"h{index + 1}"]))
    ends = [helper.make_tensor_value_info(name, 1, ["N", SIDE]) for name in ("x", f"h{layers}")]
    graph = helper.make_graph(nodes, "large", ends[:1], ends[1:], weights)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)


def _write(path: Path, layers: int) -> None:
    drawn = np.random.default_rng(0).normal(0, SIDE**-0.5, SIDE * SIDE).astype(np.float32)
    with path.open("wb") as file:
        for index in range(layers):
            file.write((drawn * np.float32(1 + index / 1000)).tobytes())


def _processes(large: Path, small: Path) -> None:
    base = [sys.executable, "-m", "onnxlint", "--static-only"]
    commands = {
        "a model without weights": [*base, str(small)],
        "without weight rules": [*base, str(large), "--ignore", "WGT,GRA013,GRA014"],
        "all rules": [*base, str(large)],
    }
    floor = 0.0
    for label, command in commands.items():
        spent = watched(command)
        wall, peak = spent.wall, spent.peak
        floor = floor or peak
        more = f"{(peak - floor) / MIB:>8.0f} MiB beyond the first" if peak != floor else ""
        print(f"{label:<26}{wall:>7.2f} s{peak / MIB:>8.0f} MiB{more}")


def _speed(model: Path, data: Path) -> None:
    size = data.stat().st_size
    for source, prepare in (("disk", _forget), ("page cache", _read)):
        rounds = []
        for _ in range(ROUNDS):
            prepare(data)
            read = _timed(_read, data)
            prepare(data)
            rounds.append((read, _timed(_pass, model)))
        for what, at in (("wall time", 0), ("processor time", 1)):
            plain = min(read[at] for read, _ in rounds)
            passed = min(measured[at] for _, measured in rounds)
            print(f"{source}, by {what}: reading {size / plain / 1e9:.1f} GB/s, weight pass "
                  f"{size / passed / 1e9:.1f} GB/s, {plain / passed:.2f} of it")  # fmt: skip


def _timed(action: Callable[[Path], None], path: Path) -> tuple[float, float]:
    wall, processor = time.perf_counter(), time.process_time()
    action(path)
    return time.perf_counter() - wall, time.process_time() - processor


def _forget(path: Path) -> None:
    """Makes the page cache drop a file, which needs no rights where nothing of it is unwritten."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def _read(path: Path) -> None:
    buffer = bytearray(READ_BYTES)
    with path.open("rb", buffering=0) as file:
        while file.readinto(buffer):
            pass


def _pass(path: Path) -> None:
    with open_model(str(path)) as model:
        graph = Graph(model)
        weights = Weights.build(graph, Preflight.build(graph))
        for weight in weights.layers():
            assert weights.channels(weight) is not None


if __name__ == "__main__":
    main()
