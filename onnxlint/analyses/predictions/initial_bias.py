"""The bias of the last layer beside the labels: what the loss begins with, and what it could."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from msgspec import Struct

from onnxlint.analyses import Unavailable
from onnxlint.analyses.predictions.scores import Scores
from onnxlint.analyses.static.output_heads import recognise, table_of
from onnxlint.analyses.static.shapes import Shapes
from onnxlint.model.file.mapped_files import TensorError
from onnxlint.model.graph.graph import Graph
from onnxlint.model.graph.nodes import Node, Value
from onnxlint.model.graph.operators import SAME_HEAD
from onnxlint.model.graph.place import Place
from onnxlint.model.graph.walk import Walk
from onnxlint.settings import Settings

if TYPE_CHECKING:
    from onnxlint.types import Array

_WITH_BIAS = {"Gemm": 2, "Conv": 2, "Add": None}
"""Layers with the input that is their bias; an Add has it on either side."""


class InitialBias(Struct, frozen=True, eq=False):
    """The last layer's bias, one number a class or target; zeros where there is none.

    `labels` are the shares of the classes that labels hold, or of each label of several; the mean
    of each target in a regression, whose standard deviations are `deviations`. `expected` is the
    loss of the bias alone, `best` that of the best bias and `uniform` that of equal probabilities:
    cross entropy in nats, or the mean squared error.
    """

    node: Node
    scores: Scores
    bias: Array
    has_one: bool
    labels: Array
    expected: float
    best: float
    uniform: float
    deviations: Array | None = None

    @property
    def place(self) -> Place:
        """The layer's place."""
        return self.node.place

    @property
    def offset(self) -> float:
        """Of a regression how many standard deviations of the labels the bias is off, at most."""
        import numpy as np

        if self.deviations is None:
            return 0.0
        apart, known = np.abs(self.labels - self.bias), self.deviations > 0
        return float((apart[known] / self.deviations[known]).max()) if known.any() else 0.0

    @property
    def perplexity(self) -> float:
        """Of a classification how equal the classes are: 1 if equally large, 0 if one has all."""
        if self.scores.task == "regression":
            return 1.0
        choices = math.exp(self.uniform) - 1
        return (math.exp(self.best) - 1) / choices if choices else 1.0

    @classmethod
    def build(cls, graph: Graph, shapes: Shapes, settings: Settings, scores: Scores) -> InitialBias:
        """Finds the layer and compares its bias with the labels.

        Raises:
            Unavailable: no dense layer or convolution is the last one, or labels fit no loss.
        """
        head = recognise(graph, shapes, scores.output.value, settings.outputs)
        is_squashed = scores.task != "regression" and head is not None
        found = _last_layer(graph, scores.output.value, is_squashed)
        if found is None:
            raise Unavailable("the last layer is no dense layer or convolution with a known bias")
        node, bias = found
        if scores.task == "regression":
            return _of_numbers(node, scores, bias)
        return _of_classes(node, scores, bias)


def _last_layer(graph: Graph, value: Value, is_squashed: bool) -> tuple[Node, Array | None] | None:
    """The layer that ends in an output, before a softmax or sigmoid, with its bias."""
    passing = SAME_HEAD | ({"Softmax", "LogSoftmax", "Sigmoid"} if is_squashed else set())
    walk = Walk([table_of(value).producer])
    for node in walk:
        if node.op in passing:
            before = node.input(0)
            walk.add(None if before is None else before.producer)
            continue
        if node.op == "MatMul":
            return node, None
        if node.op not in _WITH_BIAS:
            return None
        slot = _WITH_BIAS[node.op]
        given = node.inputs if slot is None else [node.input(slot)]
        if slot is not None and given[0] is None:
            return node, None
        tensors = [tensor for each in given if (tensor := graph.tensor(each)) is not None]
        try:
            return (node, tensors[0].array().reshape(-1)) if len(tensors) == 1 else None
        except TensorError:
            return None
    return None


def _numbers(bias: Array | None, count: int) -> Array:
    """A bias of so many numbers.

    Raises:
        Unavailable: it has another number of them.
    """
    import numpy as np

    if bias is None:
        return np.zeros(count)
    if bias.size not in (1, count):
        raise Unavailable(f"the bias has {bias.size:,} numbers for {count:,} outputs")
    return np.broadcast_to(bias.astype(np.float64), (count,))


def _of_numbers(node: Node, scores: Scores, bias: Array | None) -> InitialBias:
    own = _numbers(bias, scores.truths.shape[1])
    means, deviations = scores.truths.mean(axis=0), scores.truths.std(axis=0)
    best = float((deviations**2).mean())
    expected = best + float(((means - own) ** 2).mean())
    return InitialBias(node, scores, own, bias is not None, means, expected, best, expected,
                       deviations)  # fmt: skip


def _of_classes(node: Node, scores: Scores, bias: Array | None) -> InitialBias:
    import numpy as np

    p = scores.probabilities
    if p is None:
        raise Unavailable("the output that the labels belong to is not a probability")
    own = _numbers(bias, p.shape[1])
    if scores.task == "multi-label" or p.shape[1] == 1:
        shares = np.asarray(scores.truths.reshape(p.shape).mean(axis=0), np.float64)
        both = np.stack([shares, 1 - shares])
        logs = -np.logaddexp(0, np.stack([-own, own]))
        best = float(_surprise(both).sum(axis=0).mean())
        expected = float(-(both * logs).sum(axis=0).mean())
        return InitialBias(node, scores, own, bias is not None, shares, expected, best, math.log(2))
    shares = np.bincount(scores.truths, minlength=p.shape[1]) / len(scores.truths)
    held = shares > 0
    shares, own = shares[held], own[held]
    logs = own - own.max() - np.log(np.exp(own - own.max()).sum())
    return InitialBias(
        node, scores, own, bias is not None, shares, float(-(shares * logs).sum()),
        float(_surprise(shares).sum()), math.log(len(shares)),
    )  # fmt: skip


def _surprise(shares: Array) -> Array:
    """-p ln p, which is 0 for p = 0."""
    import numpy as np

    return np.asarray(-shares * np.log(np.where(shares > 0, shares, 1)))
