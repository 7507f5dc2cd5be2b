"""The bounds of every value, whatever is fed: what rules ask for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from onnxlint.analyses.inputs.inputs import Inputs
from onnxlint.analyses.static.shapes import Shapes
from onnxlint.model.file.dtypes import is_float
from onnxlint.model.graph.graph import Graph
from onnxlint.model.graph.nodes import Node, Value
from onnxlint.settings import Settings

if TYPE_CHECKING:
    from onnxlint.analyses.ranges.evaluation import Evaluation
    from onnxlint.analyses.ranges.leaf import Basis, Leaf
    from onnxlint.analyses.ranges.range import Range
    from onnxlint.analyses.ranges.world import Knowledge, World
    from onnxlint.types import Array


class Ranges:
    """Bounds of every value by abstract interpretation: sound, and evaluated on demand.

    `of` gives what is known of a value; see `onnxlint.analyses.ranges.range.Range`. Of inputs their
    declared range is known, else what the graph says of them, else their dtype.
    """

    def __init__(self, graph: Graph, shapes: Shapes, inputs: Inputs, settings: Settings) -> None:
        self._graph, self._shapes = graph, shapes
        self._inputs, self._settings = inputs, settings
        self._main: Evaluation | None = None
        self._made: Callable[[World, Callable[[Value], bool]], Evaluation] | None = None
        self._leaves: Mapping[str, Leaf] | None = None

    @classmethod
    def build(cls, graph: Graph, shapes: Shapes, inputs: Inputs, settings: Settings) -> Ranges:
        """Looks at nothing yet."""
        return cls(graph, shapes, inputs, settings)

    @property
    def main(self) -> Evaluation:
        """The evaluation of the main graph."""
        if self._main is None:
            from onnxlint.analyses.ranges.evaluation import Evaluation
            from onnxlint.analyses.ranges.world import World

            known = {name: leaf.range for name, leaf in self.leaves.items()}
            world = World(self._graph, self._shapes, known)
            self._main = (self._made or Evaluation)(world, self._owns)
        return self._main

    def _owns(self, value: Value) -> bool:
        return value.scope is self._graph.main

    def apart(self, made: Callable[[World, Callable[[Value], bool]], Evaluation]) -> Ranges:
        """The same model, evaluated anew by another kind of evaluation."""
        other = Ranges(self._graph, self._shapes, self._inputs, self._settings)
        other._made, other._leaves = made, self._leaves
        return other

    def of(self, value: Value) -> Range:
        """What is known of a value; of one in a body, over all iterations and calls.

        A body that never runs has values of any range.
        """
        from onnxlint.analyses.ranges.bodies import merged
        from onnxlint.analyses.ranges.range import Range

        known = self.evaluations_of(value)
        if len(known) == 1:
            return known[0].of(value)
        found = [(each.of(value), each.dims(value)) for each in known]
        return merged(found) if found else Range.top(self.main.world.element_type(value))

    def known(self, value: Value) -> Range | None:
        """What was found of a value of the main graph, if anybody asked for it or what follows."""
        return None if self._main is None else self._main.known(value)

    def evaluations_of(self, value: Value) -> Sequence[Knowledge]:
        """The evaluations that know a value: one for each call or branch that it stands in."""
        from onnxlint.analyses.ranges.bodies import is_dropped

        scope = value.scope
        if scope is self._graph.main:
            return [self.main]
        if scope.owner is not None:
            self._reach(scope.owner.outputs)
        else:
            for node in self._graph.nodes():
                if node.called is scope:
                    self._reach(node.outputs)
        known = self.main.world.bodies.get(scope, [])
        return [each for each in known if not is_dropped(each)]

    def _reach(self, outputs: list[Value | None]) -> None:
        """Evaluates the node that makes them, wherever it stands."""
        value = next(filter(None, outputs), None)
        for each in self.evaluations_of(value) if value is not None else ():
            each.of(value)

    def is_half(self, value: Value | None) -> bool:
        """Whether a value is a float16."""
        shape = self._shapes.of(value)
        return shape is not None and shape.dtype == "float16"

    def is_number(self, value: Value) -> bool:
        """Whether a value is a tensor of numbers."""
        shape = self._shapes.of(value)
        return shape is not None and shape.dtype not in ("string", "undefined")

    def is_float(self, node: Node) -> bool:
        """Whether a node gives floats."""
        shape = self._shapes.of(node.output)
        return shape is not None and is_float(shape.element_type)

    @property
    def leaves(self) -> Mapping[str, Leaf]:
        """The range of each input that is a tensor of numbers, and what it rests on."""
        if self._leaves is None:
            from onnxlint.analyses.ranges.leaves import leaves

            self._leaves = leaves(self._graph, self._shapes, self._inputs, self._settings)
        return self._leaves

    def basis(self, name: str) -> Basis:
        """What the range of an input rests on; of what is no tensor of numbers, its type alone."""
        from onnxlint.analyses.ranges.leaf import Basis

        leaf = self.leaves.get(name)
        return Basis.DTYPE if leaf is None else leaf.basis

    def admits(self, fed: Mapping[str, Array]) -> bool:
        """Whether what is fed lies within the ranges of the inputs: only then bounds hold."""
        return all(name not in fed or leaf.admits(fed[name]) for name, leaf in self.leaves.items())

    @property
    def unknown(self) -> Mapping[str, int]:
        """How many nodes of each operator that has no transfer function were met so far."""
        return self.main.world.unknown
