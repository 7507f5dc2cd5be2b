"""The outputs as predictions: what kind of head made them, their entropy, their spread."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from onnxlint.analyses import Unavailable
from onnxlint.analyses.shapes import Shape, Shapes
from onnxlint.analyses.trace import Trace
from onnxlint.findings import Place
from onnxlint.model.graph import Graph, Node, Value
from onnxlint.model.walk import Walk
from onnxlint.settings import OutputContract, Settings

if TYPE_CHECKING:
    from onnxlint.model.tensors import Array

MAX_ROWS = 100_000
"""Predictions (samples, tokens or pixels) that are looked at, over all samples."""

_TRANSPARENT = frozenset({"Identity", "Cast", "Dropout", "Squeeze", "Unsqueeze", "Flatten"})
"""Operators behind which a head is the same head."""

_QUANTISING = frozenset({"QuantizeLinear", "DequantizeLinear"})
"""Operators behind which it is the same head, rounded."""

_ALTERING = frozenset({
    "Mul", "Div", "Add", "Sub", "Clip", "Pow", "Sqrt", "ai.onnx.ml::Normalizer",
})  # fmt: skip
"""Operators with a constant that may turn probabilities into something else."""

_CLASSIFIERS = frozenset({
    "ai.onnx.ml::LinearClassifier", "ai.onnx.ml::SVMClassifier",
    "ai.onnx.ml::TreeEnsembleClassifier",
})  # fmt: skip

_TRANSFORMED = {"SOFTMAX": "softmax", "LOGISTIC": "sigmoid", "PROBIT": "sigmoid"}
"""What a classifier's `post_transform` makes of its scores."""


@dataclass(frozen=True)
class Head:
    """What an output predicts: `kind`, the axis of the classes, and the node that tells.

    A single sigmoid squeezed to one number a row has no such axis: None. `quantised`: it was
    rounded to a quantised dtype, and need not sum to 1.
    """

    value: Value
    kind: str
    axis: int | None = -1
    node: Node | None = None
    quantised: bool = False

    @property
    def guessed(self) -> bool:
        """Whether it may as well be a regression or an embedding: a dense layer ends both."""
        return self.kind == "logits" and self.node is not None


@dataclass(frozen=True, eq=False)
class Prediction:
    """One output over all samples.

    `probabilities` is [rows, classes] in float64, a row for each sample, token or pixel, NaN rows
    left out; `raw` the same rows as the model gave them. For a sigmoid head every column is a
    label of its own.
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
    def classes(self) -> int:
        """How many classes, or labels, there are."""
        return int(self.raw.shape[1])

    @property
    def expected_entropy(self) -> float:
        """Entropy in nats of knowing nothing: ln k, or ln 2 for each label of a sigmoid head."""
        return math.log(2 if self.head.kind == "sigmoid" else self.classes)

    @cached_property
    def entropy(self) -> float:
        """Mean entropy of the rows in nats; for a sigmoid head the mean over labels."""
        p = self.probabilities
        if self.head.kind == "sigmoid":
            return float((_surprise(p) + _surprise(1 - p)).mean())
        return float(_surprise(p).sum(axis=1).mean())

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


class Predictions:
    """The heads of a model with what they predicted."""

    def __init__(self, heads: list[Prediction]) -> None:
        self._heads = heads

    def __iter__(self) -> Iterator[Prediction]:
        return iter(self._heads)

    @classmethod
    def build(cls, graph: Graph, shapes: Shapes, trace: Trace, settings: Settings) -> Predictions:
        """Recognises the heads and gathers their outputs over all runs.

        Raises:
            Unavailable: no output is a prediction, or none gave a number.
        """
        heads = (recognise(graph, shapes, value, settings.outputs) for value in graph.outputs)
        gathered = (_gather(head, trace) for head in heads if head is not None)
        found = [prediction for prediction in gathered if prediction is not None]
        if not found:
            raise Unavailable("no output is recognised as a prediction")
        return cls(found)


def recognise(
    graph: Graph, shapes: Shapes, value: Value, contracts: Mapping[str, OutputContract]
) -> Head | None:
    """The head behind an output: as configured, else as the last operators tell."""
    contract = contracts.get(value.name)
    if contract is not None and contract.head is not None:
        return None if contract.head == "none" else Head(value, contract.head)
    passing, quantised = _TRANSPARENT | _QUANTISING, False
    walk = Walk([value.producer])
    for node in walk:
        if node.op not in passing and not _alters(graph, node):
            break
        quantised |= node.op in _QUANTISING
        walk.add(_node_before(graph, node))
    else:
        return None
    if _is_attention(shapes, node):
        return None
    head = _head_of(graph, shapes, value, node)
    return replace(head, quantised=True) if head is not None and quantised else head


def _head_of(graph: Graph, shapes: Shapes, value: Value, node: Node) -> Head | None:
    """What the last operator that computes something makes of an output."""
    if node.op in ("Softmax", "LogSoftmax"):
        kind = "softmax" if node.op == "Softmax" else "log-softmax"
        return Head(value, kind, _class_axis(shapes, node, value), node)
    if node.op in _CLASSIFIERS:
        return Head(value, _TRANSFORMED.get(node.attribute("post_transform"), "logits"), -1, node)
    return _dense_head(graph, shapes, value, node)


def _is_attention(shapes: Shapes, node: Node) -> bool:
    """Whether a softmax only weighs: its rows are multiplied with values, and shown beside them."""
    shape = shapes.of(node.output)
    read = set[str]()
    walk = Walk([node.output])
    for value in walk:
        for reader in value.consumers:
            read.add(reader.op)
            if reader.op in _TRANSPARENT:
                walk.add(reader.output)
    ranked = shape is None or shape.rank is None or shape.rank > 2
    return node.op == "Softmax" and ranked and not read.isdisjoint(("MatMul", "Einsum"))


def _alters(graph: Graph, node: Node) -> bool:
    """Whether only constant arithmetic lies between a node and probabilities before it."""
    if node.op not in _ALTERING:
        return False
    walk = Walk([node])
    for current in walk:
        if current.op not in _ALTERING | _TRANSPARENT:
            return current.op in _CLASSIFIERS | {"Softmax"}
        walk.add(_node_before(graph, current))
    return False


def _node_before(graph: Graph, node: Node) -> Node | None:
    before = _computed_input(graph, node)
    return None if before is None else before.producer


def _computed_input(graph: Graph, node: Node) -> Value | None:
    """The one input of a node that is no constant, or None where there are several."""
    computed = [value for value in node.inputs if value is not None and graph.tensor(value) is None]
    return computed[0] if len(computed) == 1 else None


def _class_axis(shapes: Shapes, node: Node, value: Value) -> int:
    """The softmax's own axis; with two dims always the last, for the first one is the batch."""
    shape = shapes.of(value)
    before = shapes.of(node.output)
    rank = shape.rank if shape is not None else None
    if rank is None or rank < 3 or before is None or before.rank != rank:
        return -1
    default = -1 if node.scope.opsets.get("", 13) >= 13 else 1
    return int(node.attribute("axis", default))


def _dense_head(graph: Graph, shapes: Shapes, value: Value, node: Node) -> Head | None:
    """Raw logits or a sigmoid over them: the last layer must be a dense one."""
    kind = "logits"
    if node.op == "Sigmoid":
        kind = "sigmoid"
        before = _computed_input(graph, node)
        if before is None or before.producer is None:
            return None
        node = before.producer
    if node.op == "Add":
        before = _computed_input(graph, node)
        if before is None or before.producer is None:
            return None
        node = before.producer
    shape = shapes.of(value)
    axis = _dense_axis(shape, node)
    if kind == "sigmoid" and _is_squeezed(shape, shapes.of(node.output)):
        return Head(value, kind, None, node)
    if shape is None or axis is None:
        return None
    classes = shape.dim(axis)
    if not isinstance(classes, int) or (kind == "logits" and classes < 2):
        return None
    return Head(value, kind, axis, node)


def _is_squeezed(shape: Shape | None, before: Shape | None) -> bool:
    """Whether one unit of a dense layer became one number for each row."""
    if shape is None or before is None or before.rank is None or before.rank < 2:
        return False
    return shape.rank == before.rank - 1 and before.dim(-1) == 1


def _dense_axis(shape: Shape | None, node: Node) -> int | None:
    """The axis of a dense layer's units; a convolution over a single pixel is one, too."""
    if shape is None:
        return None
    if node.op in ("Gemm", "MatMul") and shape.rank in (2, 3):
        return -1
    is_pixel = shape.rank == 4 and shape.dim(2) == shape.dim(3) == 1
    return 1 if node.op == "Conv" and is_pixel else None


def _gather(head: Head, trace: Trace) -> Prediction | None:
    import numpy as np

    arrays = [ran.outputs[head.value.name] for ran in trace.execution.runs
              if head.value.name in ran.outputs]  # fmt: skip
    rows = [_rows(array, head.axis) for array in arrays if array.dtype.kind == "f"]
    if not rows or len({row.shape[1] for row in rows}) != 1:
        return None
    raw = np.concatenate(rows)[:MAX_ROWS].astype(np.float64)
    raw = raw[np.isfinite(raw).all(axis=1)]
    if not raw.size or (head.kind != "sigmoid" and raw.shape[1] < 2):
        return None
    return Prediction(head, raw, probabilities(raw, head.kind), trace.samples)


def _rows(array: Array, axis: int | None) -> Array:
    """[rows, classes]."""
    spread = spread_classes(array, axis)
    return spread.reshape(-1, spread.shape[-1])


def spread_classes(array: Array, axis: int | None) -> Array:
    """An output with its classes along the last axis; a single row without its own axis gets one.

    Where `axis` is None every number is a row of one class.
    """
    import numpy as np

    if axis is None:
        return array[..., None]
    if array.ndim < 2:
        return array[None]
    return np.moveaxis(array, axis if -array.ndim <= axis < array.ndim else -1, -1)


def differing_decisions(before: Array, after: Array, head: Head) -> Array:
    """Of each sample, token or pixel, whether two outputs decide on another class, or label."""
    import numpy as np

    one, other = (spread_classes(array, head.axis) for array in (before, after))
    if head.kind == "sigmoid":
        return np.asarray(((one > 0.5) != (other > 0.5)).any(axis=-1))
    return np.asarray(one.argmax(axis=-1) != other.argmax(axis=-1))


def probabilities(raw: Array, kind: str) -> Array:
    """What an output of this kind says, as probabilities along the last axis."""
    import numpy as np

    if kind == "log-softmax":
        return np.exp(raw)
    if kind == "logits":
        shifted = np.exp(raw - raw.max(axis=-1, keepdims=True))
        return np.asarray(shifted / shifted.sum(axis=-1, keepdims=True))
    return raw


def _surprise(p: Array) -> Array:
    """-p ln p, which is 0 for p = 0."""
    import numpy as np

    return np.asarray(-p * np.log(np.where(p > 0, p, 1)))
