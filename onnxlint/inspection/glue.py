"""The nodes of a model that compute sizes or prepare constants, apart from its layers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain

from onnxlint.analyses.static.layers import Layers
from onnxlint.analyses.static.trained_parameters import learnt_elements
from onnxlint.model.graph.graph import Graph
from onnxlint.model.graph.nodes import Node, Value
from onnxlint.model.graph.operators import AFFINE, RECURRENT, SIZE_OPS

MOST_ORIGINS = 8
"""Values whose sizes are followed through glue to one reader: a choice, for people who read it."""

LEARNING = AFFINE | RECURRENT | {"Gather"}
"""Layers even where what they read are sizes alone: an embedding of positions is one."""


class Glue:
    """The nodes that depend on no element of an input, but for learnt layers of sizes alone.

    An output of the model, a function or a subgraph is never glue, and in a model that computes
    nothing from inputs nothing is. `sized_by` has for an output of glue the computed values whose
    sizes it depends on; `prepared` are the outputs that are made of learnt constants.
    """

    def __init__(self, graph: Graph, layers: Layers, nodes: Sequence[Node]) -> None:
        self._graph, self._layers = graph, layers
        self.nodes: set[Node] = set()
        self.sized_by: dict[Value, tuple[Value, ...]] = {}
        self.prepared: set[Value] = set()
        self._behind_layers: set[Value] = set()
        idle = [node for node in nodes if not self._computes(node)]
        for node in idle if len(idle) < len(nodes) else ():
            self._add(node)

    def is_constant(self, value: Value) -> bool:
        """Whether a value is stored, or handed on by glue."""
        return self._graph.tensor(value) is not None or value.producer in self.nodes

    def _computes(self, node: Node) -> bool:
        return any(map(self._layers.is_computed, once(node.outputs)))

    def _add(self, node: Node) -> None:
        read, made = once(node.inputs), once(node.outputs)
        origins = (self.sized_by.get(value, ()) if self.is_constant(value) else (value,)
                   for value in read)  # fmt: skip
        sizes = tuple(dict.fromkeys(chain.from_iterable(origins)))[:MOST_ORIGINS]
        is_prepared = any(
            value in self.prepared or learnt_elements(self._graph, node, value) for value in read
        )
        is_behind = node.op not in SIZE_OPS and not self._behind_layers.isdisjoint(read)
        if is_behind or (node.op in LEARNING and is_prepared and sizes):
            self._behind_layers.update(made)
        elif made and not any(value.is_output for value in made):
            self.nodes.add(node)
            self.sized_by |= dict.fromkeys(made, sizes)
            self.prepared.update(made if is_prepared else ())


def once(values: Iterable[Value | None]) -> Sequence[Value]:
    """Each value once, without omitted ones."""
    return [value for value in dict.fromkeys(values) if value is not None]
