"""What kind of head made an output: read off the last operators, or off what it gives."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from onnxlint.analyses.static.shapes import Shape, Shapes
from onnxlint.model.graph.graph import Graph
from onnxlint.model.graph.nodes import Node, Value
from onnxlint.model.graph.operators import (
    ALTERING_SCORES,
    CLASSIFIERS,
    DEQUANTIZE,
    QUANTIZE,
    SAME_HEAD,
)
from onnxlint.model.graph.walk import Walk
from onnxlint.settings import OutputContract

if TYPE_CHECKING:
    from onnxlint.types import Array

_QUANTISING = QUANTIZE | DEQUANTIZE
"""Operators behind which it is the same head, rounded."""

SVM = "ai.onnx.ml::SVMClassifier"

_TREES = "ai.onnx.ml::TreeEnsemble"
"""Trees from version 5 on: they regress as well as classify."""

_TRANSFORMED = {"SOFTMAX": "softmax", "LOGISTIC": "sigmoid", 1: "softmax", 2: "sigmoid"}
"""What a `post_transform` makes of scores. NONE leaves votes, probabilities or margins as they are;
SOFTMAX_ZERO need not sum to 1, and onnxruntime's PROBIT is not a probability."""

ROUNDING = 0.01
"""How far a distribution may be off: PRD003's tolerance, for float16 and many classes."""

_PROBABILITIES = re.compile(r"(?<![a-z])prob(a|s|abilit(y|ies))?(?![a-z])")
"""Names that promise probabilities; sklearn-onnx's is `probabilities`."""

_NO_PROBABILITIES = re.compile("log|raw|score|margin|unnorm|decision")
"""Parts of such a name that take the promise back."""


class Head(Struct, frozen=True):
    """What an output predicts: `kind`, the axis of the classes, and the node that tells.

    A single sigmoid squeezed to one number a row has no such axis: None. With `joint` all axes from
    there on hold classes together, as a softmax before opset 13 takes them. `quantised`: rounded to
    a quantised dtype, and need not sum to 1. `scores` are what the operator does not tell apart:
    once seen they are `probabilities` or `margins` (see `settled`).
    """

    value: Value
    kind: str
    axis: int | None = -1
    node: Node | None = None
    quantised: bool = False
    joint: bool = False

    @property
    def guessed(self) -> bool:
        """Whether it may as well be a regression or an embedding: a dense layer ends both."""
        return self.kind == "logits" and self.node is not None

    @property
    def by_name(self) -> bool:
        """Whether nothing but the output's name speaks for it."""
        return self.kind == "scores" and self.node is None

    @property
    def by_classifier(self) -> bool:
        """Whether an operator gives it that does nothing but classify."""
        return self.node is not None and self.node.op in CLASSIFIERS

    def settled(self, rows: Array) -> Head | None:
        """Scores as what they were seen to be; None where they are no prediction of classes.

        A classifier's sigmoids that share 1 among them are a distribution, too.
        """
        if self.kind == "sigmoid" and self.by_classifier and rows.shape[-1] > 1:
            return replace(self, kind="probabilities") if are_shares(rows) else self
        if self.kind != "scores":
            return self
        if rows.shape[-1] < 2:
            return replace(self, kind="sigmoid") if _within_unit(rows) else None
        if are_shares(rows):
            return replace(self, kind="probabilities")
        return replace(self, kind="margins") if self.by_classifier and not self._votes else None

    @property
    def _votes(self) -> bool:
        """Whether a column is a pair of classes that an SVM puts against each other."""
        svm = self.node if self.node is not None and self.node.op == SVM else None
        return svm is not None and len(svm.attribute("vectors_per_class", [])) > 2


def recognise(
    graph: Graph, shapes: Shapes, value: Value, contracts: Mapping[str, OutputContract]
) -> Head | None:
    """The head behind an output: as configured, else as the last operators tell."""
    contract = contracts.get(value.name)
    if contract is not None and contract.head is not None:
        return None if contract.head == "none" else Head(value, contract.head)
    passing, quantised = SAME_HEAD | _QUANTISING, False
    unknown = _promised_head(shapes, value)
    walk = Walk([value.producer])
    for node in walk:
        if node.op not in passing and not _alters(graph, node):
            break
        quantised |= node.op in _QUANTISING
        walk.add(_node_before(graph, node))
    else:
        return unknown
    if _is_attention(shapes, node):
        return None
    head = _head_of(graph, shapes, value, node) or unknown
    return replace(head, quantised=True) if head is not None and quantised else head


def _promised_head(shapes: Shapes, value: Value) -> Head | None:
    """The head that an output's name alone promises."""
    if not promises_probabilities(value.name):
        return None
    shape = shapes.of(value)
    return Head(value, "scores", None if shape is not None and shape.rank == 1 else -1)


def _head_of(graph: Graph, shapes: Shapes, value: Value, node: Node) -> Head | None:
    """What the last operator that computes something makes of an output."""
    if node.op in ("Softmax", "LogSoftmax"):
        return _softmax_head(shapes, value, node)
    if node.op in CLASSIFIERS or node.op == _TREES:
        return Head(value, _TRANSFORMED.get(node.attribute("post_transform"), "scores"), -1, node)
    return _dense_head(graph, shapes, value, node)


def _is_attention(shapes: Shapes, node: Node) -> bool:
    """Whether a softmax only weighs: its rows are multiplied with values, and shown beside them."""
    shape = shapes.of(node.output)
    read = set[str]()
    walk = Walk([node.output])
    for value in walk:
        for reader in value.consumers:
            read.add(reader.op)
            if reader.op in SAME_HEAD:
                walk.add(reader.output)
    ranked = shape is None or shape.rank is None or shape.rank > 2
    return node.op == "Softmax" and ranked and not read.isdisjoint(("MatMul", "Einsum"))


def _alters(graph: Graph, node: Node) -> bool:
    """Whether only constant arithmetic lies between a node and probabilities before it."""
    if node.op not in ALTERING_SCORES:
        return False
    walk = Walk([node])
    for current in walk:
        if current.op not in ALTERING_SCORES | SAME_HEAD:
            return current.op in CLASSIFIERS | {"Softmax"}
        walk.add(_node_before(graph, current))
    return False


def _node_before(graph: Graph, node: Node) -> Node | None:
    before = _computed_input(graph, node)
    return None if before is None else before.producer


def _computed_input(graph: Graph, node: Node) -> Value | None:
    """The one input of a node that is not a constant, or None where there are several."""
    computed = [value for value in node.inputs if value is not None and graph.tensor(value) is None]
    return computed[0] if len(computed) == 1 else None


def _softmax_head(shapes: Shapes, value: Value, node: Node) -> Head | None:
    """The softmax's own axes; with two dims always the last, for the first one is the batch."""
    kind = "softmax" if node.op == "Softmax" else "log-softmax"
    joint = node.scope.opsets.get("", 13) < 13
    axis = int(node.attribute("axis", 1 if joint else -1))
    before, shape = shapes.of(node.output), shapes.of(value)
    if before is None or before.rank is None or before.rank < 3:
        return Head(value, kind, -1, node)
    rank = None if shape is None else shape.rank
    if not -before.rank <= axis < before.rank:
        return None  # onnxruntime refuses it
    if not joint:
        return Head(value, kind, axis if rank == before.rank else -1, node)
    if rank is None or rank == before.rank:
        return Head(value, kind, axis, node, joint=True)
    along = [at for at in range(axis % before.rank, before.rank) if before.dim(at) != 1]
    return Head(value, kind, -1, node) if len(along) < 2 or rank == axis % before.rank + 1 else None


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


def spread_classes(array: Array, head: Head) -> Array:
    """An output with its classes along the last axis; a single row without its own axis gets one.

    Where the head has no axis every number is a row of one class.
    """
    import numpy as np

    axis = head.axis
    if axis is None:
        return array[..., None]
    if array.ndim < 2:
        return array[None]
    known = -array.ndim <= axis < array.ndim
    if head.joint and known:
        before = array.shape[: axis % array.ndim]
        return array.reshape(*before, math.prod(array.shape[len(before) :]))
    return np.moveaxis(array, axis if known else -1, -1)


def differing_decisions(before: Array, after: Array, head: Head) -> Array:
    """Of each sample, token or pixel, whether two outputs decide on another class, or label."""
    import numpy as np

    one, other = (spread_classes(array, head) for array in (before, after))
    if head.kind == "sigmoid":
        return np.asarray(((one > 0.5) != (other > 0.5)).any(axis=-1))
    return np.asarray(one.argmax(axis=-1) != other.argmax(axis=-1))


def table_of(value: Value) -> Value:
    """The tensor behind an output that is a sequence of maps, a row for each map; else itself."""
    node = value.producer
    zipped = node.input(0) if node is not None and node.op == "ai.onnx.ml::ZipMap" else None
    return value if zipped is None else zipped


def promises_probabilities(name: str) -> bool:
    """Whether an output's name says that it holds probabilities."""
    words = re.sub("([a-z])([A-Z])", r"\1_\2", name).lower()
    return _PROBABILITIES.search(words) is not None and not _NO_PROBABILITIES.search(words)


def are_shares(rows: Array) -> bool:
    """Whether every row is a distribution: within [0, 1], with a sum of 1; NaN rows apart."""
    import numpy as np

    known = rows[np.isfinite(rows).all(axis=-1)].astype(np.float64)
    sums_to_1 = np.abs(known.sum(axis=-1) - 1) <= ROUNDING
    return bool(known.size and _within_unit(known) and sums_to_1.all())


def _within_unit(rows: Array) -> bool:
    return bool(((rows >= -ROUNDING) & (rows <= 1 + ROUNDING)).all())


def probabilities(raw: Array, kind: str) -> Array:
    """What an output of this kind says, as probabilities along the last axis."""
    import numpy as np

    if kind == "log-softmax":
        return np.exp(raw)
    if kind == "logits":
        shifted = np.exp(raw - raw.max(axis=-1, keepdims=True))
        return np.asarray(shifted / shifted.sum(axis=-1, keepdims=True))
    return raw
