"""What a graph does with each input first: how it is scaled, and the layer that reads it."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import TYPE_CHECKING

from msgspec import Struct

from onnxlint.analyses.static.layers import Layer, Layers
from onnxlint.analyses.static.shapes import Shapes
from onnxlint.model.graph.graph import Graph
from onnxlint.model.graph.nodes import Node, Value
from onnxlint.model.graph.operators import (
    ARITHMETIC,
    FEATURE_AXIS,
    FEATURE_LAYERS,
    LAYOUT,
    MOVING,
    SCALING,
    SIZE_OPS,
)
from onnxlint.model.graph.walk import Walk

if TYPE_CHECKING:
    from onnxlint.types import Array

LARGEST_WEIGHT = 16 * 1024 * 1024
"""Elements of a first layer's weight; a larger one is not looked into."""


class Scaling(Struct, frozen=True, eq=False):
    """`scale * x + offset`: an element for each feature, or one for all.

    `fitted` says that it was learnt of the training's data.
    """

    scale: Array
    offset: Array
    fitted: bool

    @property
    def normalises(self) -> bool:
        """Whether it brings the training's data to about 1, which not every product or shift does.

        So does what was learnt, and what scales every feature for itself. Else, the mean and spread
        behind it must be alike in size: those of images are; a mean alone says nothing of scale.
        """
        import numpy as np

        size = np.abs(self.scale)
        if not size.all() or (np.allclose(size, 1) and np.allclose(self.offset, 0)):
            return False
        if self.fitted or float(size.max()) > float(size.min()) * 1.01:
            return True
        mean = float(np.abs(self.offset / self.scale).max())
        return 0.1 * mean <= float(1 / size.max()) and (mean > 0 or float(size.max()) < 1)


class Opening(Struct, frozen=True, eq=False, dict=True):
    """The way of one input to the first nodes that compute with it.

    `nodes` turn, shift and scale it, one after the other and nothing else reads it; `readers` read
    what comes out. `axis` is that of the features in the input: a table's columns, an image's
    channels; None where the readers do not tell.
    """

    value: Value
    nodes: list[Node]
    readers: list[Node]
    layer: Layer | None
    axis: int | None
    graph: Graph
    rank: int

    @property
    def is_scaled(self) -> bool:
        """Whether the graph itself scales or normalises the input before it computes with it."""
        return any(node.op in SCALING for node in self.nodes) or any(
            "Normalization" in node.op for node in self.readers
        )

    @property
    def is_neural(self) -> bool:
        """Whether affine layers alone read it, whose training wants features of like scales."""
        return bool(self.readers) and all(node.op in FEATURE_LAYERS for node in self.readers)

    @cached_property
    def scaling(self) -> Scaling | None:
        """How the graph scales the features by constants; None where it does not, or not simply.

        Of a batch normalisation this is the part by mean and variance of the training's data.
        """
        import numpy as np

        scale, offset, found = np.ones(()), np.zeros(()), False
        axis = self.axis
        for node in self.nodes:
            if node.op == "Transpose" and axis is not None:
                perm = node.integers("perm") or []
                axis = perm.index(axis) if axis in perm else None
            if node.op not in SCALING:
                continue
            step = self._step(node, axis)
            if step is None:
                return None
            scale = np.asarray(scale * step[0])
            offset, found = np.asarray(offset * step[0] + step[1]), True
        fitted = any(node.op not in ARITHMETIC | MOVING for node in self.nodes)
        return Scaling(scale, offset, fitted) if found else None

    @cached_property
    def weight(self) -> Array | None:
        """The first layer's weight as [features, units, places of the kernel], in float64."""
        import numpy as np

        layer = self.layer
        if layer is None or layer.groups != 1 or np.prod(layer.dims) > LARGEST_WEIGHT:
            return None
        array = self.graph.constant(layer.node.input(1))
        if array is None or array.dtype.kind != "f":
            return None
        if layer.kernel:
            return np.moveaxis(array.reshape(*array.shape[:2], -1), 0, 1).astype(np.float64)
        turned = layer.node.op == "Gemm" and layer.node.attribute("transB", 0)
        matrix = array.T if turned else array
        shape = layer.inputs, layer.outputs, 1
        return matrix.reshape(shape).astype(np.float64) if matrix.ndim == 2 else None

    @cached_property
    def bias(self) -> Array | None:
        """What the first layer adds to its units; None where it is not known or nothing."""
        if self.layer is None:
            return None
        node = self.layer.node
        value = node.input(2)
        if node.op == "MatMul" and node.output is not None and len(node.output.consumers) == 1:
            after = node.output.consumers[0]
            others = [other for other in after.inputs if other is not node.output]
            value = others[0] if after.op == "Add" and others else None
        return self.graph.constant(value)

    def _step(self, node: Node, axis: int | None) -> tuple[Array, Array] | None:
        """The scale and offset of one node."""
        import numpy as np

        if node.op == "BatchNormalization":
            mean, variance = (self._constant(node, slot, None) for slot in (3, 4))
            if mean is None or variance is None:
                return None
            scale = 1 / np.sqrt(np.maximum(variance + node.attribute("epsilon", 1e-5), 1e-30))
            return scale, -mean * scale
        if node.op == "ai.onnx.ml::Scaler":
            offset = np.array(node.attribute("offset", [0.0]), np.float64)
            scale = np.array(node.attribute("scale", [1.0]), np.float64)
            return scale, -offset * scale
        is_first = self.graph.tensor(node.input(0)) is None
        number = self._constant(node, int(is_first), axis)
        if number is None or (node.op == "Div" and not (is_first and number.all())):
            return None
        one, none = np.ones(()), np.zeros(())
        if node.op == "Sub":
            return (one, -number) if is_first else (-one, number)
        return {"Add": (one, number), "Mul": (number, none)}.get(node.op) or (1 / number, none)

    def _constant(self, node: Node, slot: int, axis: int | None) -> Array | None:
        """A constant as one number, or a number for each feature; None where it is neither."""
        import numpy as np

        array = self.graph.constant(node.input(slot))
        if array is None or array.dtype.kind not in "fiu":
            return None
        array = array.astype(np.float64)
        if array.size == 1 or node.op == "BatchNormalization":
            return array.reshape(() if array.size == 1 else -1)
        along = [self.rank - array.ndim + at for at, size in enumerate(array.shape) if size != 1]
        return array.reshape(-1) if axis is not None and along == [axis] else None


class Openings:
    """The openings of the model's inputs."""

    def __init__(self, graph: Graph, shapes: Shapes, layers: Layers) -> None:
        self._graph, self._shapes, self._layers = graph, shapes, layers

    @classmethod
    def build(cls, graph: Graph, shapes: Shapes, layers: Layers) -> Openings:
        """Looks at nothing yet."""
        return cls(graph, shapes, layers)

    def of(self, value: Value) -> Opening:
        """The way of an input into the graph."""
        shape = self._shapes.of(value)
        rank = (shape.rank if shape is not None else None) or 0
        order: list[int] | None = [*range(rank)]
        nodes: list[Node] = []
        at = value
        walk = Walk([value])
        for at in walk:
            node = self._only_reader(at)
            if node is not None and self._goes_on(node, at):
                nodes.append(node)
                order = _turned(order, node)
                walk.add(node.output)
        readers = list(_readers(at))
        axis = self._feature_axis(readers, nodes, at)
        if axis is not None and order is not None:
            axis = order[axis] if -len(order) <= axis < len(order) else None
        layer = self._layers.of(readers[0]) if len(readers) == 1 else None
        return Opening(
            value, nodes, readers, layer if layer and layer.data is at else None,
            axis if order is not None else None, self._graph, rank,
        )  # fmt: skip

    def _only_reader(self, value: Value) -> Node | None:
        readers = list(_readers(value))
        only = len(readers) == 1 and not value.is_output and not value.yielded_to
        return readers[0] if only else None

    def _goes_on(self, node: Node, value: Value) -> bool:
        if node.output is None:
            return False
        if node.op in ARITHMETIC:
            others = [other for other in node.inputs if other is not value]
            return len(others) == 1 and self._graph.tensor(others[0]) is not None
        return node.op in MOVING | SCALING and node.input(0) is value

    def _feature_axis(self, readers: list[Node], nodes: list[Node], value: Value) -> int | None:
        """The axis of the features, as all readers see it that tell."""
        told = {axis for node in readers if (axis := self._axis(node, value)) is not None}
        if not told and any(node.op == "ai.onnx.ml::Scaler" for node in nodes):
            return 1
        if not told and any(node.op == "BatchNormalization" for node in nodes):
            return 1
        return told.pop() if len(told) == 1 else None

    def _axis(self, node: Node, value: Value) -> int | None:
        layer = self._layers.of(node)
        if layer is not None:
            return layer.axis if layer.data is value else None
        if node.domain == "ai.onnx.ml":
            return 1
        return FEATURE_AXIS.get(node.op) if node.input(0) is value else None


def _readers(value: Value) -> Iterator[Node]:
    """Nodes that read a value's numbers."""
    return (node for node in dict.fromkeys(value.consumers) if node.op not in SIZE_OPS)


def _turned(order: list[int] | None, node: Node) -> list[int] | None:
    """The input's axes as they stand after a node; None where they cannot be told any more."""
    if order is None or node.op not in LAYOUT:
        return order
    if node.op == "Flatten" and len(order) == 2 and node.attribute("axis", 1) == 1:
        return order
    if node.op != "Transpose":
        return None
    perm = node.integers("perm")
    perm = [*range(len(order))][::-1] if perm == [] else perm
    if perm is None or sorted(perm) != [*range(len(order))]:
        return None
    return [order[axis] for axis in perm]
