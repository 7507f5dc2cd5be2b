"""Bounds of every value and the search for hazards, beside parsing the model: ratios of one run.

python benchmarks/ranges.py [MODEL ...]

Without models: the light models of onnx, a 12-layer transformer, chains of 10,000 and 100,000
nodes. Inputs are declared to lie in 0 to 1, so that bounds are computed and not merely unknown.
"""

from __future__ import annotations

import sys
import tempfile
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from large_graph import SIZES, chain
from measuring import LIGHT
from transformer import write_transformer

from onnxlint.analyses import Analyses
from onnxlint.analyses.ranges.hazards import Hazards
from onnxlint.analyses.ranges.ranges import Ranges
from onnxlint.analyses.static.shapes import Shapes
from onnxlint.model.file.load import open_model
from onnxlint.model.graph.graph import Graph
from onnxlint.safety.limits import Budget
from onnxlint.settings import InputContract, Settings


@dataclass(frozen=True)
class Measured:
    """Seconds of parsing with shape inference, of all bounds, and of the search for hazards."""

    nodes: int
    parsing: float
    bounds: float
    hazards: float
    boxes: int
    unknown: int

    def __str__(self) -> str:
        told = (f"{self.nodes:>8,} nodes  parse {self.parsing:7.3f} s  "
                f"all bounds {self.bounds:7.3f} s = {self.bounds / self.parsing:5.2f} x  "
                f"hazards {self.hazards:7.3f} s = {self.hazards / self.parsing:5.2f} x  "
                f"{self.boxes / max(1, self.nodes):6.1f} boxes a value")  # fmt: skip
        return f"{told}  {self.unknown} unknown" if self.unknown else told


def main() -> None:
    given = [Path(each) for each in sys.argv[1:]]
    with tempfile.TemporaryDirectory() as folder:
        for path in given or [*sorted(LIGHT.glob("*.onnx")), *_written(Path(folder))]:
            print(f"{path.stem:<24}{measured(path)}", flush=True)


def _written(folder: Path) -> list[Path]:
    paths = [folder / "transformer_12_layers.onnx"]
    write_transformer(paths[0])
    for size in SIZES:
        paths.append(folder / f"chain_{size}.onnx")
        paths[-1].write_bytes(chain(size).SerializeToString())
    return paths


def measured(path: Path) -> Measured:
    """What one model takes."""
    budget, start = Budget(600, None), time.perf_counter()
    with open_model(str(path), budget) as model:
        with closing(Analyses(Settings(), model, budget)) as analyses:
            graph, shapes = analyses.get(Graph), analyses.get(Shapes)
            shapes.of(graph.outputs[0])
            parsing = time.perf_counter() - start
            contracts = {value.name: InputContract(range=(0.0, 1.0)) for value in graph.inputs
                         if not shapes.is_integer(value)}  # fmt: skip
        with closing(
            Analyses(Settings(inputs=contracts), model, budget, graph, shapes)
        ) as analyses:
            ranges, start = analyses.get(Ranges), time.perf_counter()
            found = [ranges.of(v) for node in graph.main.nodes for v in node.outputs if v]
            bounds, start = time.perf_counter() - start, time.perf_counter()
            _ = analyses.get(Hazards).all
            hazards = time.perf_counter() - start
        boxes = sum(each.low.size for each in found)
        nodes = sum(1 for _ in graph.nodes())
        return Measured(nodes, parsing, bounds, hazards, boxes, sum(ranges.unknown.values()))


if __name__ == "__main__":
    main()
