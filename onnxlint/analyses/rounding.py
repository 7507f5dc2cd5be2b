"""By how much two right results of a model may differ: how coarsely it rounds, what it draws."""

from __future__ import annotations

from dataclasses import dataclass

from onnxlint.analyses.shapes import Shapes
from onnxlint.model.graph import Graph, Node, Value

_EPSILONS = {"double": 2.0**-52, "float": 2.0**-23, "float16": 2.0**-10, "bfloat16": 2.0**-7}
"""The relative spacing of each dtype's numbers."""

_QUANTISING = ("quantize", "QLinear", "Integer", "NBits", "QAttention", "QGemm", "Float8")
"""Parts of the names of operators that round to integers, or compute on what was rounded."""


@dataclass(frozen=True)
class Rounding:
    """The relative spacing of the coarsest floats of a model, and whether it is quantised."""

    graph: Graph
    epsilon: float
    quantised: bool

    @classmethod
    def build(cls, graph: Graph, shapes: Shapes) -> Rounding:
        """Reads it off the types and the operators."""
        types = {shape.dtype for shape in map(shapes.of, graph.values()) if shape is not None}
        epsilon = max((_EPSILONS.get(dtype, 0.0) for dtype in types), default=0.0)
        names = [op.replace("Quantize", "quantize") for op in graph.ops]
        quantised = any(part in name for name in names for part in _QUANTISING)
        return cls(graph, epsilon or _EPSILONS["float"], quantised)

    def drawn_by(self, value: Value) -> Node | None:
        """A node that draws random numbers for a value, so that no two runs need agree."""
        before = self.graph.ancestors([value], by_numbers=True)
        drawing = (node for node in self.graph.nodes() if node.is_random and node in before)
        return next((node for node in drawing if self._draws(node)), None)

    def _draws(self, node: Node) -> bool:
        """Whether a dropout drops something; any other random operator draws."""
        if node.op != "Dropout":
            return True
        if node.scope.opsets.get("", 12) < 12 or node.input(2) is None:
            return False
        training, ratio = (self.graph.constant(node.input(slot)) for slot in (2, 1))
        is_inactive = training is not None and not training.any()
        return not is_inactive and (ratio is None or bool(ratio.any()))
