"""What is known of each step, as it is told beside the picture."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

from onnxlint.analyses.static.multiplications import multiplications
from onnxlint.analyses.static.shapes import Shapes
from onnxlint.analyses.static.trees import Trees
from onnxlint.inspection.attributes import attribute_texts
from onnxlint.inspection.classics import classic_of
from onnxlint.inspection.forests import forest_of
from onnxlint.inspection.observing import seen_of
from onnxlint.inspection.wiring import Wiring
from onnxlint.model.graph import nodes
from onnxlint.model.graph.nodes import Scope
from onnxlint.model.graph.place import shortened
from onnxlint.portrait.drawing import Seen, Step, Value
from onnxlint.portraying.drawing.wires import Port, Wires
from onnxlint.portraying.subject import Subject
from onnxlint.settings import Settings

_UNKNOWN = re.compile(r"\bunk__\d+")
"""What shape inference calls a size that it does not know."""

MOST_FEATURES = 5
"""Features of trees that are named beside the picture; the table of layers names more."""

LONGEST = 200
"""Characters of a name; a choice, as many as anybody reads beside a picture."""
MOST_GLUE = 50
"""Nodes of glue that are named at a step."""


class Describing:
    """Tells of steps; it numbers the values that it meets."""

    def __init__(self, subject: Subject, wiring: Wiring, wires: Wires) -> None:
        self._trace, self._wiring, self._wires = subject.trace, wiring, wires
        self._shapes, self._trees = subject.analyses.get(Shapes), subject.analyses.get(Trees)
        self._sizes = subject.analyses.get(Settings).budgets.sizes
        self.values: dict[nodes.Value, int] = {}

    def value(self, value: nodes.Value) -> int:
        """The number of a value."""
        return self.values.setdefault(value, len(self.values))

    def told(self, value: nodes.Value) -> Value:
        """A value, as it is told."""
        shape = self._shapes.of(value)
        known = None if shape is None else _UNKNOWN.sub("?", str(shape))
        return Value(shortened(value.name, LONGEST), known)

    def step(self, number: int, called: Mapping[Scope, int]) -> Step:
        """One step; `called` are the groups of functions."""
        step = self._wires.steps[number]
        is_unused = number in self._wires.unused
        if isinstance(step, Port):
            return self._port(step, is_unused)
        reads = [*self._wiring.inputs(step)]
        glue = self._wires.glue.get(number, [])[:MOST_GLUE]
        return Step(
            "node",
            shortened(step.name, LONGEST),
            shortened(step.op, LONGEST),
            step.scope.path,
            step.index,
            step.place.module,
            attribute_texts(step),
            tuple(self.value(value) for value, sizes in reads if not sizes),
            tuple(self.value(value) for value, sizes in reads if sizes),
            tuple(map(self.told, self._wiring.weights(step))),
            tuple(self.value(value) for value in step.outputs if value is not None),
            tuple((node.index, shortened(f"{node.op} {node.name}", LONGEST)) for node in glue),
            self._wiring.parameters[step],
            multiplications(step, self._dims) or 0,
            self._seen(step.output),
            is_unused,
            None if step.called is None else called.get(step.called),
            self._consists(step),
        )

    def _consists(self, node: nodes.Node) -> str:
        forest, classic = forest_of(self._trees, node), classic_of(node)
        if forest is not None:
            return f"{forest.told}; features {forest.importance(MOST_FEATURES)}"
        return "" if classic is None else classic.told

    def _port(self, port: Port, is_unused: bool) -> Step:
        number, is_input = (self.value(port.value),), port.kind == "input"
        return Step(
            port.kind,
            shortened(port.value.name, LONGEST),
            scope=port.value.scope.path,
            reads=() if is_input else number,
            gives=number if is_input else (),
            seen=self._seen(port.value),
            unused=is_unused,
        )

    def _dims(self, value: nodes.Value | None) -> tuple[int, ...] | None:
        """The sizes of a value; symbols that nothing sets count as 1."""
        shape = self._shapes.of(value)
        if shape is None or shape.dims is None:
            return None
        return tuple(dim if isinstance(dim, int) else self._sizes.get(dim or "", 1)
                     for dim in shape.dims)  # fmt: skip

    def _seen(self, value: nodes.Value | None) -> Seen | None:
        found = None if self._trace is None else seen_of(self._trace, value)
        if found is None or not found.elements:
            return None
        ends = [end if end is None or math.isfinite(end) else None
                for end in (found.minimum, found.maximum)]  # fmt: skip
        return Seen(found.samples, found.elements, found.nan, found.infinite, found.zeros,
                    found.dead, *ends)  # fmt: skip
