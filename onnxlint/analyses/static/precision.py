"""By how much two right results of a model may differ: how coarsely it rounds, what it draws."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from msgspec import Struct

from onnxlint.analyses.static.shapes import Shapes
from onnxlint.model.graph.graph import Graph
from onnxlint.model.graph.nodes import Node, Value

if TYPE_CHECKING:
    from onnxlint.types import Array

_EPSILONS = {"double": 2.0**-52, "float": 2.0**-23, "float16": 2.0**-10, "bfloat16": 2.0**-7}
"""The relative spacing of each dtype's numbers."""

_QUANTISING = ("quantize", "QLinear", "Integer", "NBits", "QAttention", "QGemm", "Float8")
"""Parts of the names of operators that round to integers, or compute on what was rounded."""


class Rounding(Struct, frozen=True):
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
        drawing = [node for node in self.graph.nodes() if node.is_random and self._draws(node)]
        before = self.graph.ancestors([value], by_numbers=True) if drawing else ()
        return next((node for node in drawing if node in before), None)

    def _draws(self, node: Node) -> bool:
        """Whether a dropout drops something; any other random operator draws."""
        if node.op != "Dropout":
            return True
        if node.scope.opsets.get("", 12) < 12 or node.input(2) is None:
            return False
        training, ratio = (self.graph.constant(node.input(slot)) for slot in (2, 1))
        is_inactive = training is not None and not training.any()
        return not is_inactive and (ratio is None or bool(ratio.any()))


LEAST_RMS = 1e-6
"""A value whose root mean square is below it is compared as if it reached it: it may be noise."""


def finite_parts(one: Array, other: Array) -> tuple[Array, Array, Array]:
    """Two arrays of floats in float64, 0 where either is not finite; and where that is alike.

    The largest number of a dtype counts as infinite, for masks are written so.
    """
    import numpy as np

    one, other = _unbounded(one), _unbounded(other)
    finite = np.isfinite(one) & np.isfinite(other)
    if finite.all():
        return one, other, finite
    alike = finite | (one == other) | (np.isnan(one) & np.isnan(other))
    return np.where(finite, one, 0.0), np.where(finite, other, 0.0), alike


def same_array(one: Array, other: Array) -> bool:
    """Whether dtype, shape and every element are the same, NaN for NaN."""
    import numpy as np

    alike = one.dtype == other.dtype and one.shape == other.shape
    return alike and np.array_equal(one, other, equal_nan=one.dtype.kind in "fc")


def _unbounded(array: Array) -> Array:
    import numpy as np

    largest = float(np.finfo(array.dtype).max)
    wide = array.astype(np.float64)
    beyond = np.abs(wide) >= largest
    return np.where(beyond, np.copysign(np.inf, wide), wide) if beyond.any() else wide


class Distance(Struct):
    """The length of a difference relative to that of what was wanted (relative L2 error).

    Infinite where a NaN or an infinity stands in one of the two alone.
    """

    difference: float = 0.0
    length: float = 0.0
    elements: int = 0

    @classmethod
    def between(cls, got: Array, wanted: Array) -> Distance:
        """The distance of two arrays of floats and of one shape."""
        import numpy as np

        got, wanted, alike = finite_parts(got, wanted)
        difference = float(np.square(got - wanted).sum()) if alike.all() else math.inf
        return cls(difference, float(np.square(wanted).sum()), got.size)

    def __add__(self, other: Distance) -> Distance:
        return Distance(
            self.difference + other.difference,
            self.length + other.length,
            self.elements + other.elements,
        )

    @property
    def relative(self) -> float:
        """0 for what is the same."""
        least = LEAST_RMS**2 * max(1, self.elements)
        return math.sqrt(self.difference / max(self.length, least))
