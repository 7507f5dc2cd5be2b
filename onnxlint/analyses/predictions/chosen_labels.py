"""Label outputs of a model and the scores that they belong to: whether the two agree."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from onnxlint.analyses import Unavailable
from onnxlint.analyses.predictions.outputs import tabled
from onnxlint.analyses.static.output_heads import (
    SVM,
    Head,
    promises_probabilities,
    recognise,
    spread_classes,
    table_of,
)
from onnxlint.analyses.static.shapes import Shapes
from onnxlint.analyses.trace.trace import Trace
from onnxlint.model.file.mapped_files import TensorError
from onnxlint.model.graph.graph import Graph
from onnxlint.model.graph.nodes import Node, Value
from onnxlint.model.graph.operators import (
    CLASSIFIERS,
    EXTREMES,
    LABELLING,
    SAME_ORDER,
)
from onnxlint.model.graph.place import Place
from onnxlint.model.graph.traversal import sources
from onnxlint.model.graph.walk import Walk
from onnxlint.settings import Settings

if TYPE_CHECKING:
    from onnxlint.runtime.protocol import Ran
    from onnxlint.types import Array

TIE = 1e-5
"""Scores as near to each other, relative to the largest, are a tie: a softmax in float32 rounds to
1e-7, and sums of many votes to some more."""

MOST = 0.9
"""Where as many rows differ it is not a threshold that two parts of a model set differently."""

_NAMES = ("classlabels_strings", "classlabels_int64s", "classlabels_ints")


class Mismatch(Struct, frozen=True):
    """A row whose label has the score `given`, while class `best` has `top`."""

    row: int
    label: str
    given: float
    best: str
    top: float

    @property
    def margin(self) -> float:
        """How far the best class is ahead."""
        return self.top - self.given


class ChosenLabel(Struct, frozen=True, eq=False):
    """A label output beside its scores, row by row, over all samples.

    `labels` are the names that were given, `names` those of the columns of `scores`, [rows, k];
    `source` is the classifier, or the ArgMax, that chose: by these scores where they are tied.
    """

    label: Value
    output: Value
    source: Node
    names: Sequence[str]
    labels: Sequence[str]
    scores: Array
    is_tied: bool

    @property
    def place(self) -> Place:
        """The label's place."""
        return self.label.place

    def mismatches(self) -> Iterator[Mismatch]:
        """Rows whose label is not the class of the highest score; no ties, no unknown labels."""
        column = {name: at for at, name in enumerate(self.names)}
        best = self.scores.argmax(axis=1)
        for row, label in enumerate(self.labels):
            top = float(self.scores[row, best[row]])
            chosen = column.get(label)
            if chosen is None:
                continue
            given = float(self.scores[row, chosen])
            if top - given > TIE * max(1.0, abs(top)):
                yield Mismatch(row, label, given, self.names[best[row]], top)

    @property
    def scale(self) -> float:
        """The range of the scores, at least 1, which is that of probabilities."""
        low, high = float(self.scores.min()), float(self.scores.max())
        return max(1.0, high - low)

    def is_inverted(self, mismatches: Sequence[Mismatch]) -> bool:
        """Whether no threshold explains it: nearly all rows differ, of more than one label."""
        labels = {self.labels[each.row] for each in mismatches}
        return len(labels) > 1 and len(mismatches) > MOST * len(self.labels)

    @property
    def is_estimated(self) -> bool:
        """Whether the scores are Platt's estimates, which may differ in scikit-learn too."""
        return self.source.op == SVM and bool(self.source.attribute("prob_a", []))

    @property
    def has_own_threshold(self) -> bool:
        """Whether runtimes label two classes of trees by a threshold of their own."""
        return self.source.op == "ai.onnx.ml::TreeEnsembleClassifier" and len(self.names) == 2


class ChosenLabels:
    """All label outputs of a model whose scores are outputs too."""

    def __init__(self, decided: list[ChosenLabel]) -> None:
        self._decided = decided

    def __iter__(self) -> Iterator[ChosenLabel]:
        return iter(self._decided)

    @classmethod
    def build(cls, graph: Graph, shapes: Shapes, trace: Trace, settings: Settings) -> ChosenLabels:
        """Finds the labels, the scores that they belong to, and gathers both.

        Raises:
            Unavailable: no label output has its scores among the outputs.
        """
        choices = [choice for value in graph.outputs if (choice := _choice_of(graph, value))]
        read = (recognise(graph, shapes, value, settings.outputs) for value in graph.outputs)
        heads = [head for head in read if head is not None]
        pairs = [(choice, head) for choice in choices for head in heads
                 if head.value is not choice.label]  # fmt: skip
        alone = len(pairs) == 1 and _is_meant(*pairs[0], shapes)
        found = [
            decided for choice, head in pairs
            if (is_tied := _belong_together(choice, head)) or alone
            if (decided := _gathered(choice, head, trace.execution.runs, is_tied)) is not None
        ]  # fmt: skip
        if not found:
            raise Unavailable("no output holds class labels beside the scores of these classes")
        return cls(found)


class _Choice(Struct, frozen=True):
    """A label output, the node that chose, and the names that it gives to the classes.

    They are None where the numbers of the classes are the labels.
    """

    label: Value
    source: Node
    names: Sequence[str] | None


def _choice_of(graph: Graph, value: Value) -> _Choice | None:
    """The node that chooses a label; None where something else makes the output."""
    names: Sequence[str] | None = None
    walk = Walk([value])
    for current in walk:
        node = current.producer
        if node is None:
            return None
        if node.op in CLASSIFIERS and current.slot == 0:
            return None if names is not None else _Choice(value, node, _names_of(node))
        if node.op in EXTREMES:
            return _Choice(value, node, names)
        if node.op not in LABELLING:
            return None
        told = _table_of(graph, node)
        if told is not None:
            if names is not None or not told:
                return None
            names = told
        at = 1 if node.op in ("Gather", "ai.onnx.ml::ArrayFeatureExtractor") else 0
        walk.add(node.input(at))
    return None


def _table_of(graph: Graph, node: Node) -> Sequence[str] | None:
    """The names that a node gives to numbers of classes, in their order; none where unknown.

    None where it only moves them.
    """
    if node.op in ("Gather", "ai.onnx.ml::ArrayFeatureExtractor"):
        table = graph.tensor(node.input(0))
        try:
            return [] if table is None else _texts(table.array().reshape(-1).tolist())
        except TensorError:
            return []
    if node.op != "ai.onnx.ml::LabelEncoder":
        return None
    names = dict(zip(node.attribute("keys_int64s", []), _encoded(node), strict=False))
    return _texts([names[at] for at in sorted(names)]) if {*names} == {*range(len(names))} else []


def _encoded(node: Node) -> Sequence[Any]:
    kinds = ("values_strings", "values_int64s")
    return next((found for kind in kinds if (found := node.attribute(kind, []))), [])


def _names_of(node: Node) -> Sequence[str] | None:
    found = next((named for name in _NAMES if (named := node.attribute(name, []))), None)
    return None if found is None else _texts(found)


def _texts(names: Sequence[Any]) -> list[str]:
    return [n.decode(errors="replace") if isinstance(n, bytes) else str(n) for n in names]


def _belong_together(choice: _Choice, head: Head) -> bool:
    """Whether a head shows the scores that the choice was made by."""
    source = choice.source
    if source.op in CLASSIFIERS:
        pairs = source.op == SVM and not source.attribute("prob_a", [])
        if pairs and len(choice.names or ()) > 2:
            return False  # a column is a pair of classes
        return head.node is source
    if source.op == "ArgMin" and not _is_distribution(head):
        return False  # the least distance
    given = set(sources(source.input(0), SAME_ORDER))
    return not given.isdisjoint(sources(head.value, SAME_ORDER))


def _is_meant(choice: _Choice, head: Head, shapes: Shapes) -> bool:
    """Whether a label that comes from elsewhere is meant for the scores: as many, and its name."""
    before, scores = shapes.of(choice.source.input(0)), shapes.of(table_of(head.value))
    if choice.source.op not in EXTREMES or before is None or scores is None:
        return False
    if before.rank != 2 or scores.rank != 2 or before.dim(1) != scores.dim(1):
        return False
    return _is_distribution(head) and "label" in choice.label.name.lower()


def _is_distribution(head: Head) -> bool:
    return head.kind == "softmax" or promises_probabilities(head.value.name)


def _gathered(
    choice: _Choice, head: Head, runs: Sequence[Ran], is_tied: bool
) -> ChosenLabel | None:
    """Labels and scores of all runs; None where they are not of the same rows."""
    import numpy as np

    labels: list[str] = []
    rows: list[Array] = []
    for ran in runs:
        given, table = ran.outputs.get(choice.label.name), tabled(head.value, ran)
        if given is None or table is None or given.dtype.kind == "f" or table.dtype.kind != "f":
            return None
        spread = spread_classes(table, head)
        scores = spread.reshape(-1, spread.shape[-1]).astype(np.float64)
        if scores.shape[1] < 2 or given.size != len(scores):
            return None
        known = np.isfinite(scores).all(axis=1)
        labels += _texts(given.reshape(-1)[known].tolist())
        rows.append(scores[known])
    if not labels or len({part.shape[1] for part in rows}) != 1:
        return None
    scores = np.concatenate(rows)
    names = _columns(choice, head, scores.shape[1])
    if len(names) != scores.shape[1]:
        return None
    return ChosenLabel(choice.label, head.value, choice.source, names, labels, scores, is_tied)


def _columns(choice: _Choice, head: Head, classes: int) -> Sequence[str]:
    """The names of the columns: a ZipMap's keys, else those of the labels, else their numbers."""
    made = head.value.producer
    zipped = _names_of(made) if made is not None and made.op == "ai.onnx.ml::ZipMap" else None
    return zipped or choice.names or [str(at) for at in range(classes)]
