"""Sums of multiples of values and of their rectified selves: relations that intervals lose.

`relu(x) - x`, `x - (x - y)`, `2 * |x| - x`: the bounds of such a sum are told by its terms
together.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct, field
from msgspec.structs import replace

from onnxlint.analyses.ranges.numbering import Numbers
from onnxlint.model.graph.graph import Graph
from onnxlint.model.graph.nodes import Node, Value
from onnxlint.model.graph.operators import BENT_AT_ZERO
from onnxlint.model.graph.walk import postorder

if TYPE_CHECKING:
    from onnxlint.analyses.ranges.range import Range
    from onnxlint.types import Array

MOST_TERMS = 6
"""Terms of a sum that is followed; longer ones are taken as a value of its own. A choice: written
losses have three or four."""


class Slope(Struct, frozen=True):
    """How a sum depends on one value x: `plain` · x + `bent` · max(x, 0)."""

    plain: float = 0.0
    bent: float = 0.0

    def __add__(self, other: Slope) -> Slope:
        return Slope(self.plain + other.plain, self.bent + other.bent)

    def __mul__(self, factor: float) -> Slope:
        return Slope(self.plain * factor, self.bent * factor)

    def ends(self, x: Range) -> tuple[Array, Array]:
        """The least and the largest that it can be: at the ends of x, or at its bend."""
        points = [x.low, x.high, np.clip(0.0, x.low, x.high)]
        with np.errstate(invalid="ignore"):
            found = np.array([_times(self.plain, p) + _times(self.bent, np.maximum(p, 0))
                              for p in points])  # fmt: skip
        return found.min(axis=0), found.max(axis=0)


def _times(factor: float, ends: Array) -> Array:
    return ends * factor if factor else np.zeros_like(ends)


class Form(Struct, frozen=True):
    """`constant` + Σ slope(x), over values x by their numbers.

    `touched` has what was added on the way, also what was taken away again: by it the sum is off,
    as each step rounds. Numbers of values to the sum of their factors' magnitudes; -1 stands for 1.

    A product may be subnormal, and lose half of the least number: `made_small` counts steps that
    may do so, and `lost` is what later factors make of that, in least numbers.
    """

    constant: float = 0.0
    slopes: Mapping[int, Slope] = field(default_factory=dict)
    touched: Mapping[int, float] = field(default_factory=dict)
    made_small: int = 0
    lost: float = 0.0

    @classmethod
    def of(cls, constant: float) -> Form:
        """A number alone."""
        return cls(constant, {}, {-1: abs(constant)})

    def __add__(self, other: Form) -> Form:
        slopes = dict(self.slopes)
        for number, slope in other.slopes.items():
            slopes[number] = slopes.get(number, Slope()) + slope
        left = {number: slope for number, slope in slopes.items() if slope != Slope()}
        touched = Counter(self.touched)
        touched.update(other.touched)
        small, lost = self.made_small + other.made_small, self.lost + other.lost
        return Form(self.constant + other.constant, left, touched, small, lost)

    def __mul__(self, factor: float) -> Form:
        slopes = {number: slope * factor for number, slope in self.slopes.items() if factor}
        touched = {number: size * abs(factor) for number, size in self.touched.items()}
        small, lost = self.made_small, self.lost
        if abs(factor) < 1:
            small += 1
        elif abs(factor) > 1:
            small, lost = 0, (small + lost) * abs(factor)
        return Form(self.constant * factor, slopes, touched, small, lost)

    @property
    def is_exact(self) -> bool:
        """Whether no step rounded: multiples by 1 and 2 of one value and its rectified self."""
        if self.constant or len(self.touched) != 1 or self.single is None:
            return False
        slope = self.single[1]
        return {abs(slope.plain), abs(slope.bent), abs(slope.plain + slope.bent)} <= {0, 1, 2}

    @property
    def single(self) -> tuple[int, Slope] | None:
        """The only value that it depends on, and how."""
        return next(iter(self.slopes.items())) if len(self.slopes) == 1 else None


class Forms:
    """The sum that each value is; a value that is none stands for itself."""

    def __init__(self, graph: Graph, numbers: Numbers) -> None:
        self._graph, self._numbers = graph, numbers
        self._known: dict[Value, Form] = {}
        self.values: dict[int, Value] = {}
        """A value for each number that a form speaks of."""

    def of(self, value: Value) -> Form:
        """The sum that a value is."""
        if value not in self._known:
            for each in postorder([value], self._before):
                self._known[each] = self._found(each)
        return self._known[value]

    def _before(self, value: Value) -> list[Value]:
        node = value.producer
        if value in self._known or node is None or node.op not in _MAKERS:
            return []
        return [each for each in node.inputs if each is not None and each not in self._known]

    def _found(self, value: Value) -> Form:
        node = value.producer
        number = self._graph.number(value)
        if number is not None and np.isfinite(number):
            return Form.of(float(number))
        made = None
        if (
            node is not None
            and node.op in _MAKERS
            and all(v in self._known for v in node.inputs if v)
        ):
            made = _MAKERS[node.op](self, node)
        is_base = any(reader.op in BENT_AT_ZERO for reader in value.readers)
        if made is None or len(made.slopes) > MOST_TERMS or (is_base and made.single is None):
            return self._alone(value)
        return made

    def _alone(self, value: Value) -> Form:
        number = self._numbers.of(value)
        self.values.setdefault(number, value)
        return Form(0.0, {number: Slope(1.0)}, {number: 1.0})

    def _read(self, node: Node, slot: int) -> Form | None:
        value = node.input(slot)
        return None if value is None else self._known.get(value)

    def _constant(self, node: Node, slot: int) -> float | None:
        number = self._graph.number(node.input(slot))
        return float(number) if number is not None and np.isfinite(number) else None

    def _summed(self, node: Node) -> Form | None:
        one, other = self._read(node, 0), self._read(node, 1)
        if one is None or other is None:
            return None
        return one + other * (-1.0 if node.op == "Sub" else 1.0)

    def _scaled(self, node: Node) -> Form | None:
        for slot in (1, 0) if node.op == "Mul" else (1,):
            factor, rest = self._constant(node, slot), self._read(node, 1 - slot)
            if factor is not None and rest is not None and (factor or node.op == "Mul"):
                return rest * (factor if node.op == "Mul" else 1 / factor)
        return None

    def _negated(self, node: Node) -> Form | None:
        read = self._read(node, 0)
        return None if read is None else read * -1.0

    def _copied(self, node: Node) -> Form | None:
        return self._read(node, 0)

    def _rectified(self, node: Node) -> Form | None:
        """max(x, 0), also of multiples of x; |x| is 2 max(x, 0) - x, min(x, 0) is x - max(x, 0)."""
        read = self._read(node, 0)
        if read is None or read.constant or read.single is None or read.single[1].bent:
            return None
        number, slope = read.single
        up = Slope(0.0, slope.plain)
        if slope.plain < 0:  # max(-x, 0) is max(x, 0) - x
            up = Slope(slope.plain, -slope.plain)
        return self._bent(self._kind(node), read, Form(0.0, {number: up}, read.touched))

    @staticmethod
    def _bent(kind: str | None, read: Form, up: Form) -> Form | None:
        made = {"relu": up, "abs": up * 2.0 + read * -1.0, "min": read + up * -1.0}.get(kind or "")
        if made is None:
            return None
        return replace(made, touched=read.touched, made_small=read.made_small, lost=read.lost)

    def _kind(self, node: Node) -> str | None:
        if node.op in ("Relu", "Abs"):
            return node.op.lower()
        if node.op in ("Max", "Min") and len(node.inputs) == 2 and self._constant(node, 1) == 0:
            return "relu" if node.op == "Max" else "min"
        if node.op == "Clip" and node.opset >= 11:
            low, high = self._constant(node, 1), self._constant(node, 2)
            if low == 0 and node.input(2) is None:
                return "relu"
            if high == 0 and node.input(1) is None:
                return "min"
        return None


_MAKERS: Mapping[str, Callable[[Forms, Node], Form | None]] = {
    "Add": Forms._summed, "Sub": Forms._summed, "Mul": Forms._scaled, "Div": Forms._scaled,
    "Neg": Forms._negated, "Identity": Forms._copied, "Relu": Forms._rectified,
    "Abs": Forms._rectified, "Max": Forms._rectified, "Min": Forms._rectified,
    "Clip": Forms._rectified,
}  # fmt: skip
