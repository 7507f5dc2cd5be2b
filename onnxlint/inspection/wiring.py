"""Which nodes are glue, and what the others really read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from itertools import chain

from onnxlint.analyses import Analyses
from onnxlint.analyses.static.layers import Layers
from onnxlint.analyses.static.trained_parameters import learnt_elements, learnt_parameters
from onnxlint.model.graph.crossings import in_order
from onnxlint.model.graph.graph import Graph
from onnxlint.model.graph.nodes import Node, Value

MOST_ORIGINS = 8
"""Values whose sizes are followed through glue to one reader: a choice, for people who read it."""


class Wiring:
    """The nodes of a model in order; glue among them; inputs, weights and parameters of each.

    Glue depends on no element of an input: it computes sizes, or prepares constants. What it hands
    on is told at its readers. An output of the model, a function or a subgraph is never glue, and
    in a model without inputs nothing is.
    """

    def __init__(self, analyses: Analyses) -> None:
        self._graph, self._layers = analyses.get(Graph), analyses.get(Layers)
        self.nodes: Sequence[Node] = [*in_order(self._graph.main)]

    @cached_property
    def glue(self) -> frozenset[Node]:
        """The nodes that are glue."""
        idle = [node for node in self.nodes if not self._computes(node)]
        if len(idle) == len(self.nodes):
            return frozenset()
        return frozenset(node for node in idle if not _is_handed_out(node))

    @cached_property
    def parameters(self) -> dict[Node, int]:
        """What was learnt, by node: what glue prepares belongs to the first layer that reads it."""
        counts: dict[Node, int] = {}
        for node in self.nodes:
            counts[node] = learnt_parameters(self._graph, node)
            makers = dict.fromkeys(value.producer for value in node.inputs if value is not None)
            for maker in makers:
                if maker is not None and maker in self.glue:
                    counts[node] += counts.get(maker, 0)
                    counts[maker] = 0
        return counts

    def inputs(self, node: Node) -> Iterator[tuple[Value, bool]]:
        """The computed values that a node reads; true with those of which it is sizes only."""
        direct = [value for value in _once(node.inputs) if not self._is_constant(value)]
        yield from ((value, False) for value in direct)
        constant = (value for value in _once(node.inputs) if self._is_constant(value))
        sized = (origin for value in constant for origin in self._sizes.get(value, ()))
        yield from ((value, True) for value in dict.fromkeys(sized) if value not in direct)

    def reads(self, node: Node) -> Sequence[Value]:
        """The values that a node reads itself, but for initializers."""
        return [value for value in _once(node.inputs) if value.tensor_proto is None]

    def weights(self, node: Node) -> Iterator[Value]:
        """The learnt constants that a node reads, also behind glue."""
        return (
            value for value in _once(node.inputs)
            if value in self._prepared or learnt_elements(self._graph, node, value)
        )  # fmt: skip

    def _computes(self, node: Node) -> bool:
        return any(map(self._layers.is_computed, _once(node.outputs)))

    def _is_constant(self, value: Value) -> bool:
        return self._graph.tensor(value) is not None or value.producer in self.glue

    @cached_property
    def _sizes(self) -> dict[Value, tuple[Value, ...]]:
        """The computed values whose sizes each output of glue depends on."""
        found: dict[Value, tuple[Value, ...]] = {}
        for node in self.nodes:
            if node in self.glue:
                read = (found.get(value, ()) if self._is_constant(value) else (value,)
                        for value in _once(node.inputs))  # fmt: skip
                origins = tuple(dict.fromkeys(chain.from_iterable(read)))[:MOST_ORIGINS]
                found |= dict.fromkeys(_once(node.outputs), origins)
        return found

    @cached_property
    def _prepared(self) -> set[Value]:
        """The outputs of glue that are made of learnt constants."""
        found: set[Value] = set()
        for node in self.nodes:
            if node in self.glue and any(
                value in found or learnt_elements(self._graph, node, value)
                for value in _once(node.inputs)
            ):
                found.update(_once(node.outputs))
        return found


def _is_handed_out(node: Node) -> bool:
    values = _once(node.outputs)
    return not values or any(value.is_output for value in values)


def _once(values: Iterable[Value | None]) -> Sequence[Value]:
    return [value for value in dict.fromkeys(values) if value is not None]
