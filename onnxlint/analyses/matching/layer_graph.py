"""A model as layers that read each other: what two exports of one network have in common.

A layer is a node that computes numbers from an input. What only hands numbers on (casts,
identities, quantisers, calls of functions, nodes that run subgraphs) is passed through, what
computes sizes is left out, and a bias that is added behind a layer is part of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from typing import NamedTuple

from msgspec import Struct, field

from onnxlint.analyses import Analyses
from onnxlint.analyses.matching.parameters import Parameter, parameters_of
from onnxlint.analyses.matching.traits import traits
from onnxlint.analyses.static.layers import Layers
from onnxlint.analyses.static.shapes import Shapes
from onnxlint.analyses.static.weights import Weights
from onnxlint.model.graph.crossings import in_order
from onnxlint.model.graph.graph import Graph
from onnxlint.model.graph.nodes import Node, Value
from onnxlint.model.graph.operators import (
    AFFINE,
    CASTING,
    COMMUTATIVE,
    CONSTANT_OPS,
    DEQUANTIZE,
    QUANTIZE,
    SAME_KIND,
)
from onnxlint.release_diff import LayerRef

HANDING_ON = CASTING | QUANTIZE | DEQUANTIZE | {"Dropout", "Identity"}
"""Operators whose output is, but for rounding, their first input."""


class LayerVertex(Struct, eq=False, dict=True):
    """One layer; `output` is what others read of it, behind its bias if that is added apart.

    `reads` has for each computed input the layers, or inputs of the model, that it may come from:
    several where a subgraph or a function hands them on. `read_by` has each layer that reads it,
    once for each of these.
    """

    node: Node
    output: Value
    index: int
    reads: list[tuple[Read, ...]] = field(default_factory=list)
    read_by: list[Use] = field(default_factory=list)
    bias: Node | None = None
    parameters: dict[str, Parameter] = field(default_factory=dict)

    @property
    def kind(self) -> str:
        """The same for operators that stand for each other."""
        return SAME_KIND.get(self.node.op, self.node.op)

    @property
    def is_commutative(self) -> bool:
        """Whether the order of what it reads is of no matter."""
        return self.node.op in COMMUTATIVE

    @cached_property
    def sizes(self) -> tuple[tuple[str, tuple[int, ...]], ...]:
        """The shapes of its weights; biases come and go with the exporter."""
        return tuple(
            (name, parameter.dims) for name, parameter in sorted(self.parameters.items())
            if name != "bias"
        )  # fmt: skip

    @property
    def module(self) -> str | None:
        """The module of the network that it belongs to."""
        return self.node.place.module


Source = LayerVertex | Value
"""A layer, or an input of the model."""


class Read(NamedTuple):
    """What comes from a layer's output of this slot, or from an input of the model."""

    source: Source
    slot: int = 0


class Use(NamedTuple):
    """A layer that reads, in which of its computed inputs, and which output of the layer read."""

    reader: LayerVertex
    place: int
    slot: int


class LayerGraph:
    """The layers of a model, in an order in which each comes behind what it reads."""

    def __init__(self, analyses: Analyses) -> None:
        self.graph = analyses.get(Graph)
        self.shapes = analyses.get(Shapes)
        self.weights = analyses.get(Weights)
        self._layers = analyses.get(Layers)
        self.layers: list[LayerVertex] = []
        self.recipes: dict[Value, int] = {}
        """The same number for sizes that are computed in the same way."""
        self._sources: dict[Value, tuple[Read, ...]] = {}
        for value in self.graph.inputs:
            self._sources[value] = (Read(value),)
        for node in in_order(self.graph.main):
            self._add(node)
        self.outputs = {value: self.sources(value) for value in self.graph.outputs}

    def sources(self, value: Value) -> tuple[Read, ...]:
        """The layers or inputs that a value comes from; none of constants and sizes."""
        found = self._sources.get(value)
        if found is None:
            handed = self.graph.crossings.backwards.get(value, ())
            found = _merged(self._sources.get(before, ()) for before in handed)
        return found

    def ref(self, layer: LayerVertex) -> LayerRef:
        """The layer for the report."""
        place, weight = layer.node.place, layer.parameters.get("weight")
        shape = self.shapes.of(layer.output)
        sizes = None if shape is None else str(shape)
        if weight is not None:
            sizes = f"{weight.dtype}[{', '.join(map(str, weight.given_dims))}]"
        name = layer.output.place.value or ""
        return LayerRef(place.op_type or "", place.module, place.node or "", name, sizes,
                        place.scope)  # fmt: skip

    def _add(self, node: Node) -> None:
        if node.output is None:
            return
        if node.op in HANDING_ON:
            source = node.input(0)
            self._hand_on(node.output, () if source is None else self.sources(source))
            return
        if node.subgraphs or node.called is not None:
            for value in filter(None, node.outputs):
                self._hand_on(value, self.sources(value))
            return
        if not any(self._layers.is_computed(value) for value in node.outputs if value):
            self._add_recipe(node)
            return
        reads = [self.sources(value) for value in node.inputs if value is not None]
        known = [sources for sources in reads if sources]
        layer = self._biased(node, known)
        if layer is not None:
            layer.bias, layer.output = node, node.output
            layer.parameters |= parameters_of(self.graph, self.shapes, node, ("bias",))
            self._sources[node.output] = (Read(layer),)
            return
        self._add_layer(LayerVertex(node, node.output, len(self.layers), known))

    def _add_recipe(self, node: Node) -> None:
        """Notes how a size is computed, for nothing else may tell two slices apart."""
        if node.op not in CONSTANT_OPS:
            recipe = hash((node.op, traits(self, node)))
            for slot, value in enumerate(node.outputs):
                if value is not None:
                    self.recipes[value] = hash((recipe, slot))

    def _add_layer(self, layer: LayerVertex) -> None:
        node = layer.node
        layer.parameters = parameters_of(self.graph, self.shapes, node)
        for slot, output in enumerate(node.outputs):
            if output is not None:
                self._sources[output] = (Read(layer, slot),)
        for place, reads in enumerate(layer.reads):
            for read in reads:
                if isinstance(read.source, LayerVertex):
                    read.source.read_by.append(Use(layer, place, read.slot))
        self.layers.append(layer)

    def _hand_on(self, value: Value, sources: tuple[Read, ...]) -> None:
        if sources:
            self._sources[value] = sources

    def _biased(self, node: Node, reads: Sequence[tuple[Read, ...]]) -> LayerVertex | None:
        """The layer whose bias a node adds, if it does nothing else."""
        if node.op != "Add" or len(reads) != 1 or len(reads[0]) != 1:
            return None
        layer = reads[0][0].source
        if not isinstance(layer, LayerVertex) or layer.node.op not in AFFINE or layer.bias:
            return None
        added = next((v for v in node.inputs if v and self.graph.tensor(v) is not None), None)
        tensor = self.graph.tensor(added)
        is_vector = tensor is not None and tensor.size > 1 and tensor.size == max(tensor.dims)
        alone = layer.output in node.inputs and self._layers.readers(layer.output) == 1
        return layer if is_vector and alone and "bias" not in layer.parameters else None


def _merged(groups: Iterable[tuple[Read, ...]]) -> tuple[Read, ...]:
    return tuple(dict.fromkeys(read for group in groups for read in group))


def layers_among(reads: Iterable[Read]) -> Iterator[LayerVertex]:
    """The layers of what is read, without the model's inputs."""
    return (read.source for read in reads if isinstance(read.source, LayerVertex))
