"""Whether two models are one net in two modes: one exported for training, the other one not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Literal

from onnxlint.analyses.comparison.value_pairing import ComparedModel, paired
from onnxlint.model.graph.graph import Graph
from onnxlint.model.graph.nodes import Node, Value
from onnxlint.model.graph.operators import AFFINE

if TYPE_CHECKING:
    from onnxlint.types import Array

Mode = Literal["train", "eval"]

SAME_WEIGHTS = 0.9
"""The share of layers that must have the same weights: one may be quantised, or left out."""

TOLERANCE = 1e-3
"""Relative difference of the same weights, and of the cosine where a normalisation was folded into
them: by its statistics, which the export for training may move."""

FEW_WEIGHTS = 4
"""Weights of an output: directions of fewer agree by chance. A choice."""


def training_nodes(graph: Graph) -> list[Node]:
    """Dropouts that drop, and normalisations that take the statistics of the batch."""
    return [node for node in graph.main.nodes if _trains(graph, node)]


def mode_of(
    mine: ComparedModel, theirs: ComparedModel, likes: Mapping[Value, Value]
) -> Mode | None:
    """The mode of the first model where the second one is the same net in the other mode.

    `likes` has the other's value for each of the first one's.
    """
    training = [bool(training_nodes(side.graph)) for side in (mine, theirs)]
    if training[0] == training[1]:
        return None
    same = [*_same(mine, theirs, likes)]
    if not same or sum(same) < SAME_WEIGHTS * len(same):
        return None
    return "train" if training[0] else "eval"


def likes_of(
    mine: ComparedModel, theirs: ComparedModel, inputs: Mapping[Value, Value]
) -> dict[Value, Value]:
    """The other model's value for each of the one's: by structure, else by name.

    Where only one has batch normalisations, the other one has them folded into its layers.
    """
    found = paired(mine, theirs, inputs, folded=is_folded(mine, theirs))
    return {**found.by_name, **found.by_structure}


def is_folded(mine: ComparedModel, theirs: ComparedModel) -> bool:
    """Whether only one of the models has batch normalisations."""
    has = ["BatchNormalization" in side.graph.ops for side in (mine, theirs)]
    return has[0] != has[1]


def _trains(graph: Graph, node: Node) -> bool:
    if node.op == "BatchNormalization":
        return bool(node.attribute("training_mode", 0))
    if node.op != "Dropout" or node.input(2) is None:
        return False
    training, ratio = (graph.constant(node.input(slot)) for slot in (2, 1))
    return bool(training is not None and training.any() and (ratio is None or ratio.any()))


def _same(
    mine: ComparedModel, theirs: ComparedModel, likes: Mapping[Value, Value]
) -> Iterator[bool]:
    """Of each layer of both, whether the weights are the same, or folded into them."""
    for value, like in likes.items():
        one, other = value.producer, like.producer
        if one is None or other is None or one.op != other.op or one.op not in AFFINE:
            continue
        both = [side.graph.constant(node.input(1))
                for side, node in ((mine, one), (theirs, other))]  # fmt: skip
        if both[0] is not None and both[1] is not None and both[0].ndim > 1:
            yield _is_same(both[0], both[1], mine, one) or _is_same(both[1], both[0], theirs, other)


def _is_same(plain: Array, folded: Array, side: ComparedModel, node: Node) -> bool:
    """Whether weights are equal, or so but for a factor for each output, where a normalisation
    follows that the other model has folded into them."""
    import numpy as np

    if plain.shape != folded.shape:
        return False
    if np.allclose(plain, folded, rtol=TOLERANCE, atol=1e-7):
        return True
    readers = list(node.output.consumers) if node.output is not None else []
    if len(readers) != 1 or readers[0].op != "BatchNormalization":
        return False
    first = node.op == "Conv" or bool(node.attribute("transB", 0))
    rows = [np.moveaxis(each, 0 if first else -1, 0) for each in (plain, folded)]
    one, other = (each.reshape(len(each), -1).astype(np.float64) for each in rows)
    lengths = np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1)
    known = lengths > 0
    cosines = np.abs((one * other).sum(axis=1)[known]) / lengths[known]
    return one.shape[1] >= FEW_WEIGHTS and bool((cosines > 1 - TOLERANCE).all())
