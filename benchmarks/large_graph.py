"""The static run on chains of 10,000 and 100,000 nodes: is the time linear?

python benchmarks/large_graph.py
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from onnx import ModelProto, helper, numpy_helper
from onnx.helper import make_tensor_value_info

SIZES = (10_000, 100_000)
OPERATORS = ("Relu", "Add", "Sigmoid", "Mul")


def main() -> None:
    seconds = []
    for size in SIZES:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "chain.onnx"
            path.write_bytes(chain(size).SerializeToString())
            start = time.perf_counter()
            command = [sys.executable, "-m", "onnxlint", str(path), "--static-only"]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            seconds.append(time.perf_counter() - start)
        print(f"{size:>9,} nodes: {seconds[-1]:6.2f} s   {done.stdout.splitlines()[-1]}")
    print(f"10 times the nodes take {seconds[1] / seconds[0]:.1f} times the time")


def chain(size: int) -> ModelProto:
    """A chain of so many element-wise nodes."""
    nodes = []
    for index in range(size):
        operator = OPERATORS[index % len(OPERATORS)]
        inputs = [f"v{index}", "w"] if operator in ("Add", "Mul") else [f"v{index}"]
        nodes.append(helper.make_node(operator, inputs, [f"v{index + 1}"], name=f"n{index}"))
    ends = [make_tensor_value_info(name, 1, ["N", 16]) for name in ("v0", f"v{size}")]
    weight = numpy_helper.from_array(np.linspace(0.9, 1.1, 16, dtype=np.float32), "w")
    graph = helper.make_graph(nodes, "chain", ends[:1], ends[1:], [weight])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)])


if __name__ == "__main__":
    main()
