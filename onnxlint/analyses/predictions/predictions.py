"""The outputs as predictions: what kind of head made them, their entropy, their spread."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import cached_property
from typing import TYPE_CHECKING

from msgspec import Struct

from onnxlint.analyses import Unavailable
from onnxlint.analyses.predictions.outputs import tabled
from onnxlint.analyses.static.output_heads import (
    ROUNDING,
    Head,
    are_shares,
    probabilities,
    promises_probabilities,
    recognise,
    spread_classes,
)
from onnxlint.analyses.static.shapes import Shapes
from onnxlint.analyses.trace.trace import Trace
from onnxlint.model.graph.graph import Graph
from onnxlint.model.graph.nodes import Value
from onnxlint.model.graph.place import Place
from onnxlint.settings import Settings

if TYPE_CHECKING:
    from onnxlint.types import Array

MAX_ROWS = 100_000
"""Predictions (samples, tokens or pixels) that are looked at, over all samples."""

UNSURE = 0.01
"""What is farther from 0 and 1 is not a sure answer: a choice, 4.6 in log-odds."""

FINE_STEPS = 80
"""What is nearer to 1 than so many steps of rounding, or to a sigmoid's 0, is taken as that far
away: a step changes the log-odds by more than 1%. A softmax rounds its small shares finely."""


class Prediction(Struct, frozen=True, eq=False, dict=True):
    """One output over all samples.

    `probabilities` is [rows, classes] in float64, a row for each sample, token or pixel, NaN rows
    left out; `raw` holds the same rows as output by the model; margins are both. For a sigmoid head
    every column is a label of its own.
    """

    head: Head
    raw: Array
    probabilities: Array
    samples: int

    @property
    def place(self) -> Place:
        """Where the output stands."""
        return self.head.value.place

    @property
    def is_probable(self) -> bool:
        """Whether there are probabilities: margins only say which class is ahead."""
        return self.head.kind != "margins"

    @property
    def classes(self) -> int:
        """How many classes, or labels, there are."""
        return int(self.raw.shape[1])

    @property
    def expected_entropy(self) -> float:
        """Entropy in nats of an uninformative model: ln k, or ln 2 per label of a sigmoid head."""
        return math.log(2 if self.head.kind == "sigmoid" else self.classes)

    @cached_property
    def entropy(self) -> float:
        """Mean entropy of the rows in nats; for a sigmoid head the mean over labels."""
        p = self.probabilities
        if self.head.kind == "sigmoid":
            return float((_surprise(p) + _surprise(1 - p)).mean())
        return float(_surprise(p).sum(axis=1).mean())

    @cached_property
    def entropies(self) -> Array:
        """That of each row."""
        import numpy as np

        p = self.probabilities
        if self.head.kind == "sigmoid":
            return np.asarray((_surprise(p) + _surprise(1 - p)).mean(axis=1))
        return np.asarray(_surprise(p).sum(axis=1))

    @cached_property
    def marginal_entropy(self) -> float:
        """Entropy in nats of the mean prediction: near `entropy`, all rows predict alike."""
        mean = self.probabilities.mean(axis=0)
        if self.head.kind == "sigmoid":
            return float((_surprise(mean) + _surprise(1 - mean)).mean())
        return float(_surprise(mean).sum())

    @property
    def is_multi_label(self) -> bool:
        """Whether a row may have several labels, or none."""
        return self.head.kind == "sigmoid" and self.classes > 1

    @cached_property
    def winners(self) -> Array:
        """The class that each row predicts; of a single sigmoid 1 from a half on.

        Of several labels it is the likeliest.
        """
        p = self.probabilities
        return (p[:, 0] > 0.5).astype(int) if self.classes == 1 else p.argmax(axis=1)

    @cached_property
    def confidence(self) -> Array:
        """The probability that each row gives its winner."""
        import numpy as np

        top = self.probabilities.max(axis=1)
        return np.asarray(np.maximum(top, 1 - top) if self.classes == 1 else top)

    @property
    def rows(self) -> int:
        """How many samples, tokens or pixels were predicted."""
        return int(self.raw.shape[0])

    @cached_property
    def spread(self) -> float:
        """The largest difference that any column shows between two rows, relative to the peak."""
        import numpy as np

        peak = np.abs(self.raw).max()
        return float(np.ptp(self.raw, axis=0).max() / peak) if peak else 0.0

    @cached_property
    def log_odds_spread(self) -> float:
        """The largest difference between two rows in log-odds, relative to the largest of them.

        0 where not every element of every row is within 1% of 0 or 1.
        """
        import numpy as np

        if not self.is_probable or not self.raw.size:
            return 0.0
        p, rest = self.probabilities, 1 - self.probabilities
        if (np.minimum(p, rest) > UNSURE).any():
            return 0.0
        precision = np.finfo(self.raw.dtype if self.raw.dtype.kind == "f" else np.float32)
        coarse = float(precision.eps) * FINE_STEPS
        least = coarse if self.head.kind == "sigmoid" else float(precision.tiny)
        odds = np.log(np.maximum(p, least)) - np.log(np.maximum(rest, coarse))
        return float(np.ptp(odds, axis=0).max() / np.abs(odds).max())

    @cached_property
    def deviations(self) -> Array:
        """How far each row is from a distribution: beyond [0, 1], or its sum from 1.

        Labels of a sigmoid head need not sum to 1.
        """
        import numpy as np

        p = self.probabilities
        outside = np.maximum(-p, p - 1).max(axis=1).clip(min=0)
        if self.head.kind == "sigmoid":
            return np.asarray(outside)
        return np.asarray(np.maximum(outside, np.abs(p.sum(axis=1) - 1)))


class Misnomer(Struct, frozen=True, eq=False):
    """An output that is named after probabilities, and what it holds instead.

    `low` and `high` bound its elements; where these are within [0, 1] its rows do not sum to 1,
    but to something between `least` and `most`. `head` is known where an operator tells.
    """

    value: Value
    head: Head | None
    low: float
    high: float
    least: float
    most: float

    @property
    def place(self) -> Place:
        """Where the output stands."""
        return self.value.place


class Predictions:
    """The heads of a model with their predictions, and `misnomers`: outputs by a wrong name."""

    def __init__(self, heads: list[Prediction], misnomers: list[Misnomer]) -> None:
        self._heads = heads
        self.misnomers = misnomers

    def __iter__(self) -> Iterator[Prediction]:
        return iter(self._heads)

    @classmethod
    def build(cls, graph: Graph, shapes: Shapes, trace: Trace, settings: Settings) -> Predictions:
        """Recognises the heads and gathers their outputs over all runs.

        Raises:
            Unavailable: no output is a prediction, or none gave a number.
        """
        heads = {
            value: recognise(graph, shapes, value, settings.outputs) for value in graph.outputs
        }
        rows = {head.value: _gathered(head, trace) for head in heads.values() if head is not None}
        told = ((head, rows.get(value)) for value, head in heads.items())
        found = [
            prediction
            for head, raw in told if head is not None and raw is not None
            if (prediction := _predicted(head, raw, trace.samples)) is not None
        ]  # fmt: skip
        undeclared = (v for v in rows if v.name not in settings.outputs)
        misnomers = list(filter(None, (_misnomer(heads[v], rows[v]) for v in undeclared)))
        promised = any(each.entropy for each in settings.outputs.values())
        if not found and not misnomers and not promised:
            raise Unavailable("no output is recognised as a prediction")
        return cls(found, misnomers)


def _gathered(head: Head, trace: Trace) -> Array | None:
    """[rows, classes] of an output, those that are finite; None where it has none."""
    import numpy as np

    tables = (tabled(head.value, ran) for ran in trace.execution.runs)
    rows = [_rows(array, head) for array in tables if array is not None and array.dtype.kind == "f"]
    if not rows or len({row.shape[1] for row in rows}) != 1:
        return None
    raw = np.concatenate(rows)[:MAX_ROWS].astype(np.float64)
    raw = raw[np.isfinite(raw).all(axis=1)]
    return raw if raw.size else None


def _predicted(head: Head, raw: Array, samples: int) -> Prediction | None:
    seen = head.settled(raw)
    if seen is None or (seen.kind != "sigmoid" and raw.shape[1] < 2):
        return None
    return Prediction(seen, raw, probabilities(raw, seen.kind), samples)


def _misnomer(head: Head | None, raw: Array | None) -> Misnomer | None:
    """An output whose name promises probabilities, unless it holds some, or may.

    Operators that end in probabilities are judged as such; shares of several labels need no sum.
    """
    if head is None or raw is None or not promises_probabilities(head.value.name):
        return None
    if head.kind in ("softmax", "sigmoid"):
        return None
    low, high, sums = float(raw.min()), float(raw.max()), raw.sum(axis=1)
    outside = low < -ROUNDING or high > 1 + ROUNDING
    if not outside and (not head.by_classifier or raw.shape[1] < 2 or are_shares(raw)):
        return None
    return Misnomer(head.value, head, low, high, float(sums.min()), float(sums.max()))


def _rows(array: Array, head: Head) -> Array:
    """[rows, classes]."""
    spread = spread_classes(array, head)
    return spread.reshape(-1, spread.shape[-1])


def _surprise(p: Array) -> Array:
    """-p ln p, which is 0 for p = 0."""
    import numpy as np

    return np.asarray(-p * np.log(np.where(p > 0, p, 1)))
