"""The model's outputs over all samples."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import cached_property
from typing import TYPE_CHECKING

from msgspec import Struct

from onnxlint.analyses.static.output_heads import Head, recognise, spread_classes, table_of
from onnxlint.analyses.static.precision import same_array
from onnxlint.analyses.static.shapes import Shapes
from onnxlint.analyses.trace.trace import Observed, Trace
from onnxlint.model.graph.crossings import Crossings
from onnxlint.model.graph.graph import Graph
from onnxlint.model.graph.nodes import Value
from onnxlint.model.graph.operators import MOVING
from onnxlint.model.graph.place import Place
from onnxlint.model.graph.walk import Walk
from onnxlint.settings import Settings

if TYPE_CHECKING:
    from onnxlint.runtime.protocol import Ran
    from onnxlint.types import Array


class Output(Struct, frozen=True, eq=False, dict=True):
    """One output of the model; `arrays` holds it run by run, and is empty where it was too large.

    `seen` are its statistics, of a float output that was watched; `head` what it predicts, if it is
    recognised as a prediction.
    """

    value: Value
    arrays: list[Array]
    seen: Observed | None
    crossings: Crossings
    head: Head | None = None

    @property
    def place(self) -> Place:
        """The output's place."""
        return self.value.place

    @cached_property
    def bounds(self) -> tuple[float, float] | None:
        """Minimum and maximum over all samples, without NaN; None where unknown.

        Infinities count.
        """
        if self.seen is not None:
            counts = self.seen.statistics
            low = -math.inf if counts.negative_infinite else counts.minimum
            high = math.inf if counts.positive_infinite else counts.maximum
            return (low, high) if low <= high else None
        numbers = [array for array in self.arrays if array.dtype.kind in "iub" and array.size]
        if not numbers:
            return None
        return float(min(a.min() for a in numbers)), float(max(a.max() for a in numbers))

    @cached_property
    def farthest_sum(self) -> tuple[float, float]:
        """How far the sum of a row is from 1 at most, and that sum.

        A row is along the axis of the classes, where that is known, else along the last.
        """
        import numpy as np

        rows = (array if self.head is None else spread_classes(array, self.head)
                for array in self.arrays if array.dtype.kind in "fiub" and array.size)  # fmt: skip
        sums = [np.atleast_1d(row.astype(np.float64)).sum(axis=-1).reshape(-1) for row in rows]
        seen = np.concatenate(sums) if sums else np.ones(1)
        off = np.abs(seen - 1)
        worst = int(np.argmax(np.where(np.isnan(off), np.inf, off)))
        return float(off[worst]), float(seen[worst])

    @cached_property
    def is_telling(self) -> bool:
        """Whether another output is unlikely to be equal by chance.

        It holds floating-point numbers that differ, and not only whole ones.
        """
        import numpy as np

        arrays = [array.reshape(-1) for array in self.arrays if array.dtype.kind == "f"]
        flat = np.concatenate(arrays) if arrays else np.empty(0)
        finite = flat[np.isfinite(flat)]
        return bool(finite.size and np.ptp(finite) and (finite != np.round(finite)).any())

    def equals(self, other: Output) -> bool:
        """Whether both were the same in every run, NaN for NaN."""
        return len(self.arrays) == len(other.arrays) and all(
            map(same_array, self.arrays, other.arrays)
        )

    @property
    def origin(self) -> Value:
        """The value behind operators that only move elements and nodes that run subgraphs."""
        value = self.value
        walk = Walk([value])
        for value in walk:
            if value.producer is not None and value.producer.op in MOVING:
                walk.add(value.producer.input(0))
            else:
                walk.add(self._handed_by(value))
        return value

    def _handed_by(self, value: Value) -> Value | None:
        """What it is where it was handed on from; None where that is several, or used again."""
        before = self.crossings.backwards.get(value, ())
        only = before[0] if len(before) == 1 else None
        return only if only is not None and len(self.crossings.onwards[only]) == 1 else None


class Outputs:
    """The outputs of the model in their order."""

    def __init__(self, outputs: list[Output]) -> None:
        self._outputs = outputs

    def __iter__(self) -> Iterator[Output]:
        return iter(self._outputs)

    @classmethod
    def build(cls, graph: Graph, shapes: Shapes, trace: Trace, settings: Settings) -> Outputs:
        """Collects the outputs of every run."""
        runs = trace.execution.runs
        return cls([
            Output(
                value,
                [ran.outputs[value.name] for ran in runs if value.name in ran.outputs],
                trace.of(value),
                graph.crossings,
                recognise(graph, shapes, value, settings.outputs),
            )
            for value in graph.outputs
        ])  # fmt: skip


def tabled(value: Value, ran: Ran) -> Array | None:
    """What an output gave in a run; of maps the table that they were made of."""
    return ran.outputs.get(table_of(value).name)
