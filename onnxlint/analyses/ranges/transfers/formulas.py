"""Formulas in primitive nodes: what a value is the root, the square, the sum, the inverse of."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from onnxlint.analyses.ranges.at import At
from onnxlint.analyses.ranges.transfers.folding import axes_from_end, known_integers
from onnxlint.model.graph.operators import REDUCED_TO

if TYPE_CHECKING:
    from onnxlint.model.graph.nodes import Node, Value

LONGEST_WAY = 16
"""Nodes that are looked through. A choice: formulas are short."""


class Reduction(Struct, frozen=True):
    """A value that was reduced along axes and lies along what it was made of again.

    `axes` count from the end; `count` elements were made one, None where that is not known.
    """

    kind: str
    of: Value
    axes: frozenset[int]
    count: int | None


class Formulas:
    """Asks what values are made of, behind what only copies them."""

    def __init__(self, at: At) -> None:
        self.at, self.world = at, at.evaluation.world

    def maker(self, value: Value | None) -> Node | None:
        """The node that makes a value, behind copies and what only repeats it along axes."""
        value = self.behind(value)
        return None if value is None else value.producer

    def behind(self, value: Value | None) -> Value | None:
        """A value behind copies, casts to its own type, and what repeats it along axes."""
        for _ in range(LONGEST_WAY):
            node = None if value is None else value.producer
            if node is None or not self._copies(node):
                return value
            value = node.input(0)
        return value

    def _copies(self, node: Node) -> bool:
        """Expand repeats as the broadcast of operators does: elements keep their partners."""
        if node.op == "Cast":
            kinds = [self.world.element_type(v) for v in (node.input(0), node.output)]
            return kinds[0] == kinds[1] and kinds[0] is not None
        return node.op in ("Identity", "Expand")

    def same(self, one: Value | None, other: Value | None) -> bool:
        """Whether two values hold the same numbers, behind copies."""
        return self.at.is_same(self.behind(one), self.behind(other))

    def constant(self, value: Value | None) -> float | None:
        """A number that all elements of a constant are."""
        found = self.world.graph.number(self.behind(value))
        return None if found is None or not np.isfinite(found) else float(found)

    def least(self, value: Value | None) -> float:
        """The lower end of a value."""
        return self.at.evaluation.of(value).least

    def square_of(self, value: Value | None) -> Value | None:
        """x of x · x, x², |x|²."""
        node = self.maker(value)
        if node is None:
            return None
        is_square = node.op == "Pow" and self.constant(node.input(1)) == 2
        if node.op == "Mul" and self.same(node.input(0), node.input(1)):
            is_square = True
        if not is_square:
            return None
        inner = self.maker(node.input(0))
        if inner is not None and inner.op in ("Abs", "Neg"):
            return self.behind(inner.input(0))
        return self.behind(node.input(0))

    def root_of(self, value: Value | None) -> Value | None:
        """x of √x, x^0.5."""
        node = self.maker(value)
        if node is None:
            return None
        if node.op == "Sqrt" or (node.op == "Pow" and self.constant(node.input(1)) == 0.5):
            return self.behind(node.input(0))
        return None

    def inverse_of(self, value: Value | None) -> tuple[Value, bool] | None:
        """y of 1 / y, and whether it is its root that is meant: 1 / √y."""
        node = self.maker(value)
        if node is None:
            return None
        inner, power = None, 0.0
        if node.op == "Reciprocal":
            inner, power = node.input(0), -1.0
        elif node.op == "Div" and self.constant(node.input(0)) == 1:
            inner, power = node.input(1), -1.0
        elif node.op == "Pow":
            inner, power = node.input(0), self.constant(node.input(1)) or 0.0
        inner = self.behind(inner)
        if inner is None or power not in (-1.0, -0.5):
            return None
        return inner, power == -0.5

    def reduction(self, value: Value | None) -> Reduction | None:
        """What a value is a reduction of, whose axes it has kept, or got back."""
        value = self.behind(value)
        node = None if value is None else value.producer
        if node is not None and node.op in ("Div", "Mul"):
            return self._divided(node)
        back: list[int] | None = None
        if node is not None and node.op in ("Unsqueeze", "Reshape"):
            back = self._put_back(node)
            node = self.maker(node.input(0)) if back is not None else None
        if node is None or node.op not in REDUCED_TO or node.input(0) is None:
            return None
        axes = axes_from_end(self.at, node)
        if not axes or not self._lies_along(node, axes, back):
            return None
        of = self.behind(node.input(0))
        assert of is not None
        return Reduction(REDUCED_TO[node.op], of, frozenset(axes), self._count(node, axes))

    def _divided(self, node: Node) -> Reduction | None:
        """A sum over the number of its terms is a mean."""
        for slot in (1,) if node.op == "Div" else (1, 0):
            number = self.constant(node.input(slot))
            if not number:
                continue
            total = self.reduction(node.input(1 - slot))
            count = number if node.op == "Div" else 1 / number
            fits = total is not None and total.count is not None
            if total is None or not fits or total.kind not in ("sum", "squares"):
                return None
            if abs(count - (total.count or 0)) > 1e-6 * count:
                return None
            kind = "mean" if total.kind == "sum" else "mean of squares"
            return replace(total, kind=kind)
        return None

    def _put_back(self, node: Node) -> list[int] | None:
        """The axes that Unsqueeze, or Reshape where sizes tell, put back; from the end."""
        dims = self.world.dims(node.output)
        if node.op == "Reshape":
            return self._reshaped(node)
        axes = self.at.evaluation.attribute(node, "axes")
        if axes is None:
            axes = known_integers(self.at, node, 1) if node.input(1) is not None else None
        if dims is None or axes is None:
            return None
        return sorted(axis % len(dims) - len(dims) for axis in axes)

    def _reshaped(self, node: Node) -> list[int] | None:
        before, after = self.world.dims(node.input(0)), self.world.dims(node.output)
        if before is None or after is None or len(after) != len(before) + 1:
            return None
        return [-1] if after[:-1] == before and after[-1] == 1 else None

    def _lies_along(self, node: Node, axes: list[int], back: list[int] | None) -> bool:
        dims = self.world.dims(node.input(0))
        if self.at.evaluation.attribute(node, "keepdims", 1):
            return back is None
        return back == axes or (back is None and dims is not None and len(axes) == len(dims))

    def _count(self, node: Node, axes: list[int]) -> int | None:
        dims = self.world.dims(node.input(0)) or ()
        sizes = [dims[axis] for axis in axes]
        whole = [size for size in sizes if isinstance(size, int)]
        return int(np.prod(whole)) if len(whole) == len(sizes) else None

    def addends(self, value: Value | None) -> list[Value]:
        """The terms of a sum, of which none is below 0; [] where the value is no such sum."""
        found = list(self._terms(value, LONGEST_WAY))
        return found if len(found) > 1 and all(self.least(v) >= 0 for v in found) else []

    def _terms(self, value: Value | None, depth: int) -> Iterator[Value]:
        value = self.behind(value)
        node = None if value is None else value.producer
        if node is not None and node.op in ("Add", "Sum") and depth:
            for each in node.inputs:
                yield from self._terms(each, depth // 2)
        elif value is not None:
            yield value
