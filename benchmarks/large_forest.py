"""The static run on forests: is the time linear, and how does it compare with loading them?

Processor seconds, so that other work on the machine hardly counts; the yardstick, measured in the
same run, is a process that creates onnxruntime's session of the same file.

    python benchmarks/large_forest.py [TREES LEAVES …]
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnx
from onnx import helper
from onnx.helper import make_tensor_value_info

SIZES = ((100, 255), (1_000, 255))
FEATURES = 50
FLOATS, INTS, STRINGS = 6, 7, 8
"""Types of attributes."""


def main() -> None:
    given = [int(each) for each in sys.argv[1:]]
    sizes = [*zip(given[::2], given[1::2], strict=True)] or SIZES
    nothing = spent("import onnxruntime, numpy"), spent_by_run(forest(1, 2))
    for trees, leaves in sizes:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "forest.onnx"
            onnx.save(forest(trees, leaves), path)
            loaded = spent(f"import onnxruntime as o; o.InferenceSession({str(path)!r})")
            linted = spent_by_file(path)
        more = linted - nothing[1], loaded - nothing[0]
        nodes = trees * (2 * leaves - 1)
        print(f"{trees:,} trees of {leaves:,} leaves, {nodes:,} nodes: onnxlint {linted:.2f} s, "
              f"session {loaded:.2f} s; beyond start {more[0]:.2f} s and {more[1]:.2f} s, "
              f"ratio {more[0] / more[1]:.1f}, {more[0] / nodes * 1e6:.1f} µs a node")  # fmt: skip


def spent_by_run(model: onnx.ModelProto) -> float:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "forest.onnx"
        onnx.save(model, path)
        return spent_by_file(path)


def spent_by_file(path: Path) -> float:
    command = ["-m", "onnxlint", str(path), "--static-only", "--no-cache"]
    return _spent([sys.executable, *command])


def spent(code: str) -> float:
    return _spent([sys.executable, "-c", code])


def _spent(command: list[str]) -> float:
    """Processor seconds of a command and its children, user and system."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr or done.stdout)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def forest(trees: int, leaves: int) -> onnx.ModelProto:
    """Balanced trees with random features and thresholds, as exporters write them."""
    random = np.random.default_rng(0)
    size = 2 * leaves - 1
    names = np.arange(size)
    is_split = names < leaves - 1
    splits, count = np.tile(is_split, trees), trees * size
    leaf = np.flatnonzero(~splits)
    columns = {
        "nodes_treeids": np.repeat(np.arange(trees), size),
        "nodes_nodeids": np.tile(names, trees),
        "nodes_featureids": np.where(splits, random.integers(0, FEATURES, count), 0),
        "nodes_truenodeids": np.tile(np.where(is_split, 2 * names + 1, 0), trees),
        "nodes_falsenodeids": np.tile(np.where(is_split, 2 * names + 2, 0), trees),
        "nodes_values": np.where(splits, random.standard_normal(count), 0).astype(np.float32),
        "target_treeids": leaf // size,
        "target_nodeids": leaf % size,
        "target_ids": np.zeros(len(leaf), np.int64),
        "target_weights": random.standard_normal(len(leaf)).astype(np.float32),
    }
    node = helper.make_node("TreeEnsembleRegressor", ["x"], ["y"], domain="ai.onnx.ml", n_targets=1)
    for name, column in columns.items():
        if column.dtype.kind == "f":
            node.attribute.add(name=name, type=FLOATS).floats.extend(column.tolist())
        else:
            node.attribute.add(name=name, type=INTS).ints.extend(column.tolist())
    modes = ([b"BRANCH_LEQ"] * (leaves - 1) + [b"LEAF"] * leaves) * trees
    node.attribute.add(name="nodes_modes", type=STRINGS).strings.extend(modes)
    ends = [make_tensor_value_info("x", 1, ["rows", FEATURES]),
            make_tensor_value_info("y", 1, ["rows", 1])]  # fmt: skip
    graph = helper.make_graph([node], "forest", ends[:1], ends[1:])
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 3)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8)


if __name__ == "__main__":
    main()
