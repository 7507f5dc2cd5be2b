"""The layer whose numbers stand for a sample: as it was named, else what the last one reads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from msgspec import Struct

from onnxlint.analyses.static.layers import Layers
from onnxlint.model.graph.graph import Graph
from onnxlint.model.graph.nodes import Node, Value
from onnxlint.model.graph.operators import CLASSIFIERS, MOVING
from onnxlint.model.graph.walk import Walk

_TABULAR = CLASSIFIERS | {"ai.onnx.ml::LinearRegressor", "ai.onnx.ml::TreeEnsembleRegressor",
                          "ai.onnx.ml::SVMRegressor", "ai.onnx.ml::TreeEnsemble"}  # fmt: skip
"""Operators that are a whole model of a table: what they read are its features."""


class ChosenLayer(Struct, frozen=True, eq=False):
    """A value whose numbers are looked at, sample by sample; None with a `problem`.

    `axis` is that of its features, None where all elements are. `alike` are values of the same
    elements before operators that keep these, the nearest first, itself too. `reader` is the layer
    that reads it, where it was not named.
    """

    value: Value | None
    axis: int | None = None
    problem: str = ""
    reader: Node | None = None

    @property
    def alike(self) -> Iterator[Value]:
        """Itself, and where its elements come from."""
        walk = Walk([self.value])
        for value in walk:
            yield value
            node = value.producer
            if node is not None and node.op in MOVING:
                walk.add(node.input(0))


def chosen_layer(graph: Graph, name: str) -> ChosenLayer:
    """The output of the node or module, or the value, of this name; else the last layer's input."""
    return _named(graph, name) if name else _last(graph)


def _named(graph: Graph, name: str) -> ChosenLayer:
    by_module = {node.place.module: node.output for node in graph.main.nodes}  # the last of each
    by_node = {node.name: node.output for node in graph.main.nodes}
    value = graph.main.values.get(name) or by_node.get(name) or by_module.get(name)
    if value is None:
        return ChosenLayer(None, problem=f"the main graph has no node, value or module {name!r}")
    layer = Layers(graph).of(value.producer)
    return ChosenLayer(value, None if layer is None else layer.axis)


def _last(graph: Graph) -> ChosenLayer:
    """The input of the dense layer that is nearest to an output; else of a convolution, a table."""
    layers, main = Layers(graph), graph.main
    found: dict[int, ChosenLayer] = {}
    walk = Walk([value.producer for value in graph.outputs])
    for node in walk:
        layer = layers.of(node)
        if layer is not None and layer.data.scope is main:
            chosen = ChosenLayer(layer.data, layer.axis, reader=node)
            if not layer.kernel:
                return chosen
            found.setdefault(0, chosen)
        elif node.op in _TABULAR and node.input(0) is not None:
            found.setdefault(1, ChosenLayer(node.input(0), reader=node))
        walk.add(*(value.producer for value in node.inputs if value is not None))
    nothing = ChosenLayer(None, problem="no dense layer, convolution or classifier was found")
    return _first(found) or nothing


def _first(found: Mapping[int, ChosenLayer]) -> ChosenLayer | None:
    return found[min(found)] if found else None
