"""Outputs that were the same for every sample, and whether they are so for every input."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from msgspec import Struct

from onnxlint.analyses import Unavailable
from onnxlint.analyses.predictions.predictions import Predictions
from onnxlint.analyses.static.constant_values import Constancy, Fact
from onnxlint.analyses.static.shapes import Shapes
from onnxlint.analyses.trace.activations import Activations
from onnxlint.analyses.trace.trace import Observed, Trace
from onnxlint.model.graph.graph import Graph
from onnxlint.model.graph.nodes import Node, Value
from onnxlint.model.graph.operators import FILLING, SIGN_KEEPING, TREES
from onnxlint.model.graph.place import Place
from onnxlint.settings import Settings

if TYPE_CHECKING:
    from onnxlint.types import Array

EQUAL = 1e-6
"""Samples that differ by less, relative to the largest number, are one: float32's rounding."""

_TREES = TREES | {"ai.onnx.ml::SVMClassifier"}
"""Operators that answer in steps, and are the whole model: one answer for all is a collapse."""

MOST_OUTPUTS = 64
"""So many outputs are looked at, for each asks for all that is before it: a choice, above the
outputs of any detector; caches have more, and are not predictions."""


class Collapse(Struct, frozen=True, eq=False):
    """An output with nearly identical rows, and the proof that every input results in these.

    `spread` is the largest difference relative to the largest value, `rows` are predictions;
    `is_head` says that it is recognised as a prediction, `alone` that no other float output
    differs from sample to sample. `log_odds_spread` is what the spread is before probabilities
    that are all near 0 or 1 were made of it, else 0.
    """

    value: Value
    rows: int
    spread: float
    is_head: bool
    proof: Fact | None
    alone: bool
    log_odds_spread: float = 0.0

    @property
    def place(self) -> Place:
        """The output's place."""
        return self.value.place

    @property
    def is_equal(self) -> bool:
        """Whether the rows are equal up to rounding: else only signs of one value are left."""
        return self.spread <= EQUAL

    @property
    def is_meant(self) -> bool:
        """Whether a constant of some value's shape may be intended: a grid, a mask, a state."""
        ended = self.proof.ended_at if self.proof is not None else None
        return not (self.is_head or self.alone) and ended is not None and ended.op in FILLING


class Collapses:
    """The outputs that are the same for all samples."""

    def __init__(
        self, graph: Graph, trace: Trace, activations: Activations, constancy: Constancy,
        predictions: Predictions | None,
    ) -> None:  # fmt: skip
        self._graph, self._trace = graph, trace
        self._activations, self._constancy = activations, constancy
        self._predictions = list(predictions or ())
        heads = {prediction.head.value for prediction in self._predictions}
        seen = (trace.of(value) for value in graph.outputs if value not in heads)
        self._normaliser = next(graph.nodes(*SIGN_KEEPING), None)
        self._others = [one for one in seen if one is not None and one.samples is not None]

    @classmethod
    def build(
        cls, graph: Graph, shapes: Shapes, trace: Trace, settings: Settings,
        activations: Activations, constancy: Constancy,
    ) -> Collapses:  # fmt: skip
        """Gathers the outputs that can be compared from sample to sample.

        Raises:
            Unavailable: there is none.
        """
        try:
            predictions = Predictions.build(graph, shapes, trace, settings)
        except Unavailable:
            predictions = None
        found = cls(graph, trace, activations, constancy, predictions)
        if not found._others and all(each.rows < 2 for each in found._predictions):
            raise Unavailable("at least 2 predictions are needed")
        return found

    def within(self, max_spread: float) -> Iterator[Collapse]:
        """The outputs that differ by less; those that are not predictions, only by rounding."""
        compared = [each for each in self._predictions if each.rows > 1]
        same = [each for each in compared if each.spread < max_spread]
        steady = {seen.value for seen in self._others if seen.is_constant(EQUAL)}
        alone = len(same) + len(steady) == len(compared) + len(self._others)
        for each in same[:MOST_OUTPUTS]:
            value, proof = each.head.value, self._constancy.proof(each.head.value)
            if proof is None or not _is_softmax(proof):
                odds = each.log_odds_spread
                yield Collapse(value, each.rows, each.spread, True, proof, alone, odds)
        for seen in self._others[:MOST_OUTPUTS]:
            is_steady = seen.value in steady
            if not is_steady and self._normaliser is None:
                continue
            proof = self._proof(seen)
            if proof is not None and _is_softmax(proof):
                continue
            if proof is not None or (is_steady and self._is_told(seen)):
                spread = seen.spread or 0.0
                yield Collapse(seen.value, self._trace.samples, spread, False, proof, alone)

    def _proof(self, seen: Observed) -> Fact | None:
        """The proof for an output that an input's numbers lead to."""
        before = self._graph.ancestors([seen.value], by_numbers=True)
        reached = not before.isdisjoint(self._graph.inputs)
        return self._constancy.proof(seen.value) if reached else None

    def _is_told(self, seen: Observed) -> bool:
        """Whether what was seen alone says enough.

        Flags and counts may well be the same for all samples; so are outputs of what was the same
        for all. PRD005 judges numbers that are not whole, and changes inputs for that.
        """
        before = self._graph.ancestors([seen.value], by_numbers=True)
        if any(isinstance(vertex, Node) and vertex.op in _TREES for vertex in before):
            fed = (self._trace.of(value) for value in self._graph.inputs if value in before)
            return any(one is not None and bool(one.spread) for one in fed)
        return self._activations.varies(seen.value) and self._is_whole(seen.value)

    def _is_whole(self, value: Value) -> bool:
        import numpy as np

        runs = self._trace.execution.runs
        arrays: list[Array] = [r.outputs[value.name] for r in runs if value.name in r.outputs]
        return bool(arrays) and all((array == np.round(array)).all() for array in arrays)


def _is_softmax(proof: Fact) -> bool:
    """Whether ARC002 reports the same at the same node."""
    return proof.ended_at is not None and proof.ended_at.op in ("Softmax", "LogSoftmax")
