"""What stands before and behind a layer, where some layers have no partner and are passed."""

from __future__ import annotations

from collections.abc import Mapping

from onnxlint.analyses.matching.layer_graph import (
    LayerGraph,
    LayerVertex,
    Read,
    Source,
    layers_among,
)
from onnxlint.model.graph.nodes import Value

Ends = dict[LayerVertex, list[Value]]
"""The outputs of the model that each layer gives."""


class Neighbours:
    """The nearest layers before and behind each that have a partner; the others are passed."""

    def __init__(self, side: LayerGraph, known: Mapping[LayerVertex, object]) -> None:
        self._known = known
        self._before: dict[LayerVertex, frozenset[Read]] = {}
        self._behind: dict[LayerVertex, frozenset[Source]] = {}
        ends = ends_of(side)
        for layer in side.layers:
            self._before[layer] = frozenset(each for near in self.read(layer) for each in near)
        for layer in reversed(side.layers):
            near = (self._onwards(use.reader) for use in layer.read_by)
            self._behind[layer] = frozenset(ends.get(layer, ())).union(*near)

    def read(self, layer: LayerVertex) -> list[frozenset[Read]]:
        """What it reads, slot by slot."""
        return [frozenset[Read]().union(*map(self._backwards, reads)) for reads in layer.reads]

    def used(self, layer: LayerVertex) -> frozenset[Source]:
        """What reads it: layers, and outputs of the model."""
        return self._behind[layer]

    def _backwards(self, read: Read) -> frozenset[Read]:
        source = read.source
        if not isinstance(source, LayerVertex) or source in self._known:
            return frozenset({read})
        return self._before.get(source, frozenset())

    def _onwards(self, reader: LayerVertex) -> frozenset[Source]:
        if reader in self._known:
            return frozenset({reader})
        return self._behind.get(reader, frozenset())


def ends_of(side: LayerGraph) -> Ends:
    """The outputs of the model that each layer gives."""
    ends: Ends = {}
    for value, sources in side.outputs.items():
        for layer in layers_among(sources):
            ends.setdefault(layer, []).append(value)
    return ends
