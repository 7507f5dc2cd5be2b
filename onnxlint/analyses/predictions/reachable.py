"""Labels that an output cannot give, whatever the input: beyond its bounds, or no class of it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from msgspec import Struct

from onnxlint.analyses.predictions.chosen_labels import choice_of
from onnxlint.analyses.predictions.scores import Scores
from onnxlint.analyses.ranges.ranges import Ranges
from onnxlint.model.graph.graph import Graph
from onnxlint.model.graph.nodes import Node
from onnxlint.model.graph.operators import TREES
from onnxlint.model.graph.place import Place

if TYPE_CHECKING:
    from onnxlint.analyses.ranges.range import Range
    from onnxlint.types import Array

ROUNDING = 1e-5
"""Relative to the label: files of labels round, and a bound is rounded outwards."""


class Reachable(Struct, frozen=True, eq=False, dict=True):
    """What the output that labels belong to can give.

    `low` and `high` are its bounds for every input, or the first and the last class; `known` are
    the classes of an output that names them. `beyond` says of each label whether it lies outside.
    `by_trees` are outputs of trees: means of labels, beyond which some labels always lie.
    """

    scores: Scores
    beyond: Array
    low: float | None = None
    high: float | None = None
    known: Sequence[str] | None = None
    by_trees: bool = False

    @property
    def place(self) -> Place:
        """Where the output stands."""
        return self.scores.place

    @property
    def share(self) -> float:
        """The share of the labels that lie outside."""
        return float(self.beyond.mean()) if self.beyond.size else 0.0

    @property
    def far(self) -> float:
        """The share of the labels that lie outside by more than the output is wide."""
        import numpy as np

        if self.low is None or self.high is None or not self.beyond.size:
            return 0.0
        away = np.maximum(self.low - self.scores.truths, self.scores.truths - self.high)
        return float((self.beyond & (away > self.high - self.low)).mean())

    @cached_property
    def strangers(self) -> list[object]:
        """The different labels that lie outside, of a classification."""
        import numpy as np

        return list(np.unique(self.scores.truths[self.beyond]).tolist())

    @property
    def is_mapped(self) -> bool:
        """Whether all of these are predicted one to one as classes of other numbers."""
        confusion = self.scores.confusion
        return confusion is not None and confusion.permuted().keys() >= {*self.strangers}

    @classmethod
    def build(cls, graph: Graph, scores: Scores, ranges: Ranges) -> Reachable:
        """Compares the labels with what is proven of the output."""
        import numpy as np

        none = np.full(scores.truths.shape, False)
        if scores.task == "regression":
            proven = ranges.of(scores.output.value)
            before = graph.ancestors([scores.output.value])
            by_trees = any(isinstance(each, Node) and each.op in TREES for each in before)
            beyond = _beyond(scores.truths, proven)
            return cls(scores, beyond, proven.least, proven.most, by_trees=by_trees)
        if scores.classes is not None:
            beyond = (scores.truths < 0) | (scores.truths >= scores.classes)
            return cls(scores, beyond, 0, scores.classes - 1)
        if scores.task == "multi-label" or not _gives_classes(scores):
            return cls(scores, none)
        choice = choice_of(graph, scores.output.value)
        if choice is not None and choice.names:
            known = {*choice.names}
            strange = np.array([str(each) not in known for each in scores.truths.tolist()], bool)
            return cls(scores, strange, known=choice.names)
        if scores.truths.dtype.kind not in "iu":
            return cls(scores, none)
        proven = ranges.of(scores.output.value)
        return cls(scores, _beyond(scores.truths, proven), proven.least, proven.most)


def _gives_classes(scores: Scores) -> bool:
    """Whether the output holds the classes themselves, not a score for each."""
    arrays = scores.output.arrays
    return bool(arrays) and arrays[0].dtype.kind in "iuOU"


def _beyond(truths: Array, proven: Range) -> Array:
    """Which labels lie outside, each of the bounds of its own number where these are told apart."""
    import numpy as np

    low, high = proven.low, proven.high
    if low.ndim and low.shape[-1] in (1, truths.shape[-1]) and low.size == low.shape[-1]:
        low, high = low.reshape(-1), high.reshape(-1)
    else:
        low, high = np.asarray(proven.least), np.asarray(proven.most)
    slack = ROUNDING * np.abs(truths)
    return np.asarray((truths < low - slack) | (truths > high + slack))
