"""Activations: which of the recorded values are outputs of layers, and what they depend on."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property

from onnxlint.analyses.execution.probes import ends_kernel, quantiser
from onnxlint.analyses.static import value_origins
from onnxlint.analyses.static.layers import Layer, Layers, PathToLayer
from onnxlint.analyses.static.masked_values import MaskedValues
from onnxlint.analyses.trace.trace import Observed, Trace
from onnxlint.model.file.dtypes import is_float
from onnxlint.model.graph.crossings import in_order
from onnxlint.model.graph.graph import Graph
from onnxlint.model.graph.nodes import Node, Value
from onnxlint.model.graph.operators import (
    AFFINE,
    ENCODING,
    JOINING,
    MOVING,
    OWN_SCALE,
)
from onnxlint.model.graph.walk import Walk


class Activations:
    """The recorded values of a model's layers, in the order of the file."""

    def __init__(self, graph: Graph, layers: Layers, masked: MaskedValues, trace: Trace) -> None:
        self._graph, self._layers, self._masked, self._trace = graph, layers, masked, trace

    @classmethod
    def build(cls, graph: Graph, layers: Layers, masked: MaskedValues, trace: Trace) -> Activations:
        """Everything is computed on demand."""
        return cls(graph, layers, masked, trace)

    def of_layers(self) -> Iterator[Observed]:
        """Outputs of affine layers, after what fuses with them: sums, normalisations, activations.

        Outputs of a softmax, a sigmoid or an exponential do not count, as these have a scale of
        their own; nor do masked values.
        """
        return (seen for seen in self._from_layers if self._ends_kernel(seen.value))

    def of_layers_and_branches(self) -> Iterator[Observed]:
        """The same, and the outputs of layers that are operands of a sum they fuse with."""
        for seen in self._from_layers:
            if self._ends_kernel(seen.value) or self.is_added(seen.value):
                yield seen

    @cached_property
    def _from_layers(self) -> list[Observed]:
        return [
            observed
            for observed in self._trace.values()
            if self._comes_from_layer(observed.value) and not self.is_masked(observed.value)
        ]

    def _comes_from_layer(self, value: Value) -> bool:
        """Whether a trail back starts at a layer, maybe through calls, with no squashing on it."""
        found, walk = False, Walk([value])
        for at in walk:
            trail = self._layers.trail(at)
            if not OWN_SCALE.isdisjoint(node.op for node in trail.nodes):
                return False
            if self._starts_at_layer(trail):
                found = True
            else:
                walk.add(*self._graph.crossings.backwards.get(trail.origin, ()))
        return found

    def _ends_kernel(self, value: Value) -> bool:
        """Whether nothing that fuses follows, or it is quantised, or an output."""
        node = value.producer
        ends = node is not None and ends_kernel(self._graph, node, value)
        return ends or value.is_output or quantiser(value) is not None

    def _starts_at_layer(self, trail: PathToLayer) -> bool:
        join = trail.origin.producer
        if trail.layer is not None or join is None or join.op not in JOINING:
            return trail.layer is not None
        return any(self._layers.trail(value).layer for value in join.inputs if value is not None)

    def into_layers(self) -> Iterator[tuple[Layer, Observed]]:
        """Inputs that layers multiply with their weights, each with the first layer that reads it.

        Values that are only moved before the layer count as seen where they were recorded.
        """
        met: set[Value] = set()
        for layer in sorted(self._layers, key=lambda layer: layer.node.index):
            observed = self._seen_before_moving(layer.data)
            if observed is not None and observed.value not in met:
                met.add(observed.value)
                yield layer, observed

    def _seen_before_moving(self, value: Value) -> Observed | None:
        """The value, or the first one that it is the same numbers of, as it was watched."""
        seen, walk = None, Walk([value])
        for at in walk:
            seen = self._trace.of(at) or seen
            node = self._layers.trail(at).last
            if node is not None and node.op in MOVING:
                walk.add(next(read for read in node.inputs if read is not None))
            elif node is None:  # of several calls the first
                walk.add(*self._graph.crossings.backwards.get(at, ())[:1])
        return seen

    def computed(self) -> Iterator[Observed]:
        """Recorded values that depend on an input, in the order of the file."""
        return (seen for seen in self._trace.values() if self._layers.is_computed(seen.value))

    def empty(self) -> Iterator[Observed]:
        """Values that depend on an input and are empty in every run, in the order of the file."""
        return (seen for seen in self._trace.empty() if self._layers.is_computed(seen.value))

    def firsts(self, found: Iterable[Observed]) -> Iterator[Observed]:
        """Those that depend on none of the others; given in the order of the file."""
        after: set[Node | Value] = set()
        last: list[Value] = []
        for observed in found:
            after |= self._graph.crossings.descendants(last, by_numbers=True) if last else set()
            last = [] if observed.value in after else [observed.value]
            if last:
                yield observed

    @cached_property
    def input_rms(self) -> float:
        """RMS of the float inputs; without any, of the first layer's output."""
        fed = (self._trace.of(value) for value in self._graph.inputs)
        sizes = [one.statistics.rms for one in fed if one and "float" in one.statistics.dtype]
        if any(sizes):
            return max(sizes)
        return next((seen.statistics.rms for seen in self.of_layers() if seen.statistics.rms), 0.0)

    def leaves(self, value: Value) -> bool:
        """Whether a value is an output of the model, also from inside a subgraph or function."""
        outputs = (each for each in self._handed(value) if each.scope is self._graph.main)
        return any(each.is_output for each in outputs)

    def _handed(self, value: Value) -> Iterable[Value]:
        """What it is where it is handed into or out of subgraphs and functions."""
        if value not in self._graph.crossings.onwards:
            return (value,)
        return self._handed_on(value)

    def _handed_on(self, value: Value) -> Iterator[Value]:
        walk = Walk([value])
        for each in walk:
            yield each
            walk.add(*self._graph.crossings.onwards.get(each, ()))

    def is_added(self, value: Value) -> bool:
        """Whether a value is only read by sums and concatenations, moved or not."""
        readers, walk = [], Walk([value])
        for each in walk:
            walk.add(*self._graph.crossings.onwards.get(each, ()))
            readers += [node for node in each.consumers if node.called is None]
            walk.add(*(node.output for node in each.consumers if node.op in MOVING))
        added = all(node.op in JOINING or node.op in MOVING for node in readers)
        return added and not self.leaves(value) and any(node.op in JOINING for node in readers)

    def has_zero_layer(self, seen: Observed) -> bool:
        """Whether a value comes from an affine layer whose weight is all zero.

        For computed weights the layer's output decides: nothing but zeros.
        """
        layer = self._layers.trail(seen.value).layer
        weight = self._graph.constant(layer.weight) if layer is not None else None
        if weight is not None and not weight.any():
            return True
        node = seen.value.producer
        if seen.peak or node is None or node.op not in AFFINE:
            return False
        return not all(self._layers.is_computed(value) for value in node.inputs[:2])

    def input_similarity(self) -> float | None:
        """Mean cosine similarity of the samples, of the float input in which they differ most.

        None where other inputs tell them apart, or none does.
        """
        fed = [self._trace.of(value) for value in self._graph.inputs]
        differing = [one for one in fed if one is not None and one.spread]
        if not all("float" in one.statistics.dtype for one in differing):
            return None
        return min(
            (one.similarity for one in differing if one.similarity is not None), default=None
        )

    def is_score(self, value: Value) -> bool:
        """Whether a value reaches an output without a layer in between: moved, picked, decoded."""
        return value_origins.is_score(self._layers, value)

    def is_gate(self, node: Node) -> bool:
        """Whether every output of a node is multiplied with what the node was computed from."""
        return value_origins.is_gate(self._graph, node)

    def is_compressed(self, value: Value) -> bool:
        """Whether the first consumer of a value, or of its sums, is a root or a logarithm."""
        return value_origins.is_compressed(self._graph, self._layers, value)

    def has_tails(self, value: Value) -> bool:
        """Whether elements close to 0 are intended, as in probabilities and gates."""
        return value_origins.has_tails(self._graph, value)

    def varies(self, value: Value) -> bool:
        """Whether a value's elements depend on an input that differs between samples.

        A dependence only through comparisons, rounding or shapes, which many inputs may share, does
        not count.
        """
        return value in self._varying

    @cached_property
    def _varying(self) -> set[Value]:
        fed = (self._trace.of(value) for value in self._graph.inputs)
        varying = {one.value for one in fed if one is not None and one.spread}
        before = self._graph.crossings.backwards

        def vary(values: Sequence[Value | None]) -> bool:
            if not varying.isdisjoint(values):
                return True
            handed = (before[value] for value in values if value in before) if before else ()
            return not all(map(varying.isdisjoint, handed))

        nodes, count = list(in_order(self._graph.main)), -1
        while count < len(varying):
            count = len(varying) if self._graph.functions else sys.maxsize  # bodies of many calls
            for node in nodes:
                read = node.inputs[:1] if node.op == "CastLike" else node.inputs
                if node.called is None and vary(read) and not self._levels(node):
                    varying.update(filter(None, node.outputs))
                elif before:
                    varying.update(value for value in node.outputs if value and vary([value]))
        return varying

    def _levels(self, node: Node) -> bool:
        """Whether it may well give the same for different inputs."""
        if node.op == "Cast":
            return not is_float(node.attribute("to", 1))
        if node.op == "Mul":  # by zero, as an exporter writes zeros of some size
            constants = (self._graph.constant(value) for value in node.inputs)
            return any(array is not None and not array.any() for array in constants)
        return node.op in ENCODING or (node.op == "Sub" and node.input(0) is node.input(1))

    def is_masked(self, value: Value) -> bool:
        """Whether a value is masked: large negative constants replace elements or are added."""
        return value in self._masked.values
