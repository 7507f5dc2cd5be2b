"""What the layers of a model read, past the glue between them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property

from onnxlint.analyses import Analyses
from onnxlint.analyses.static.layers import Layers
from onnxlint.analyses.static.trained_parameters import Parameters, learnt_elements
from onnxlint.inspection.glue import Glue, once
from onnxlint.model.graph.crossings import in_order
from onnxlint.model.graph.graph import Graph
from onnxlint.model.graph.nodes import Node, Value


class Wiring:
    """The nodes of a model in order; inputs, weights and parameters of each.

    What glue hands on is told at the layers that read it.
    """

    def __init__(self, analyses: Analyses) -> None:
        self._graph = analyses.get(Graph)
        self.nodes: Sequence[Node] = [*in_order(self._graph.main)]
        self._parameters = analyses.get(Parameters)
        self._glue = Glue(self._graph, analyses.get(Layers), self.nodes)

    def is_glue(self, node: Node) -> bool:
        """Whether a node computes sizes, or prepares constants."""
        return node in self._glue.nodes

    @cached_property
    def parameters(self) -> dict[Node, int]:
        """What was learnt, by node: what glue prepares belongs to the first layer that reads it."""
        return self._with_prepared(self._parameters.of)

    @cached_property
    def trainable(self) -> dict[Node, int]:
        """Those of them that are stored as floats."""
        return self._with_prepared(self._parameters.trainable_of)

    @cached_property
    def weight_bytes(self) -> dict[Node, int]:
        """Bytes of constants, by the node that reads them first."""
        return self._with_prepared(self._parameters.bytes_of)

    def _with_prepared(self, of: Callable[[Node], int]) -> dict[Node, int]:
        counts: dict[Node, int] = {}
        for node in self.nodes:
            counts[node] = of(node)
            makers = dict.fromkeys(value.producer for value in node.inputs if value is not None)
            for maker in makers:
                if maker is not None and self.is_glue(maker):
                    counts[node] += counts.get(maker, 0)
                    counts[maker] = 0
        return counts

    def inputs(self, node: Node) -> Iterator[tuple[Value, bool]]:
        """The computed values that a node reads; true with those of which it is sizes only."""
        direct = [value for value in once(node.inputs) if not self._glue.is_constant(value)]
        yield from ((value, False) for value in direct)
        constant = (value for value in once(node.inputs) if self._glue.is_constant(value))
        sized = (origin for value in constant for origin in self._glue.sized_by.get(value, ()))
        yield from ((value, True) for value in dict.fromkeys(sized) if value not in direct)

    def reads(self, node: Node) -> Sequence[Value]:
        """The values that a node reads itself, but for initializers."""
        return [value for value in once(node.inputs) if value.tensor_proto is None]

    def weights(self, node: Node) -> Iterator[Value]:
        """The learnt constants that a node reads, also behind glue."""
        return (
            value for value in once(node.inputs)
            if value in self._glue.prepared or learnt_elements(self._graph, node, value)
        )  # fmt: skip
