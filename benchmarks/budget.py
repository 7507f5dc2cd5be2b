"""What the default command costs beside a plain process: its processor time, and its memory.

    python benchmarks/budget.py [MODEL …]

A plain process loads the model into onnxruntime and runs it once. Without models: a U-Net, a YOLO,
VGG-16 and a transformer with random weights, made for the run. Time is that of all cores, user and
system, of a process and its children, beyond what the same command takes for a model of one node:
so it hardly depends on what else the machine does; the median of three rounds. Memory is the peak
of the summed proportional set size, start included. The goals are 10 and 2 times.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from builder import Builder
from measuring import MIB, typical
from networks import NETWORKS, write
from runtime_analysers import PLAIN
from transformer import write_transformer


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("models", nargs="*", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="onnxlint-bench-") as folder:
        models = options.models or _made(Path(folder))
        starting = [typical(command)[0] for command in _commands(_one_node(Path(folder)))]
        print(f"{'model':<16}{'plain s':>9}{'onnxlint s':>12}{'ratio':>7}"
              f"{'plain MiB':>11}{'onnxlint MiB':>14}{'ratio':>7}")  # fmt: skip
        for model in models:
            (plain, plain_peak), (lint, lint_peak) = map(typical, _commands(model))
            plain, lint = plain - starting[0], lint - starting[1]
            print(f"{model.stem:<16}{plain:>9.2f}{lint:>12.2f}{lint / plain:>7.1f}"
                  f"{plain_peak / MIB:>11.0f}{lint_peak / MIB:>14.0f}"
                  f"{lint_peak / plain_peak:>7.2f}", flush=True)  # fmt: skip


def _commands(model: Path) -> list[list[str]]:
    plain = [sys.executable, "-c", PLAIN, str(model), "1"]
    return [plain, [sys.executable, "-m", "onnxlint", str(model)]]


def _one_node(folder: Path) -> Path:
    net, path = Builder(), folder / "one-node.onnx"
    path.write_bytes(net.model("one", [1, 4], {net.op("Exp", "x"): [1, 4]}).SerializeToString())
    return path


def _made(folder: Path) -> list[Path]:
    paths = [folder / f"{name}.onnx" for name in [*NETWORKS, "transformer"]]
    for path in paths[:-1]:
        write(path)
    write_transformer(paths[-1])
    return paths


if __name__ == "__main__":
    main()
