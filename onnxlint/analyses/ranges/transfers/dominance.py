"""Which values are bounded by others, element by element: |x| is at most b · y.

It is what makes quotients of norms, shares and standardised values small, however large x is.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from onnxlint.analyses.ranges.at import At
from onnxlint.analyses.ranges.transfers.folding import slip
from onnxlint.analyses.ranges.transfers.formulas import Formulas, Reduction

if TYPE_CHECKING:
    from onnxlint.model.graph.nodes import Node, Value

    Factor = Callable[[Value | None, Value | None, int], float | None]

DEEPEST = 6
"""Steps from a divisor to the norm in it. A choice: √(mean(x²) + eps) has four."""

MOST_TERMS = 2.0**31
"""Elements along axes of unknown size. A choice: what a machine holds."""


class Dominance(Formulas):
    """Finds b such that |x| ≤ b · y whatever is fed, rounding told."""

    def __init__(self, at: At) -> None:
        super().__init__(at)
        self.step = 4 * at.eps

    def factor(self, x: Value | None, y: Value | None, depth: int = DEEPEST) -> float | None:
        """b of |x| ≤ b · y with y ≥ 0; None where none is known."""
        x, y = self.behind(x), self.behind(y)
        node = None if y is None else y.producer
        if x is None or y is None or not depth:
            return None
        if self.same(x, y) and self.least(x) >= 0:
            return 1.0
        if node is None:
            return None
        found = self._of_reduction(x, self.reduction(y)) or self._of_sign(x, y)
        found = found or self._of_node(x, node, depth)
        return found or self._of_numerator(x, y, depth)

    def _of_node(self, x: Value, node: Node, depth: int) -> float | None:
        op = node.op
        if op == "Abs" and self.same(x, node.input(0)):
            return 1.0
        if op in ("Max", "Clip") and self._is_floor(node):
            if op == "Clip" and self.at.evaluation.of(x).infinite:
                return None  # without a limit it makes the largest number of infinity
            inputs = node.inputs if op == "Max" else node.inputs[:1]
            return _least(self.factor(x, each, depth - 1) for each in inputs)
        if op in ("Add", "Sum"):
            return self._of_addends(x, node, depth)
        if op in ("Mul", "Div"):
            return self._of_multiple(x, node, depth, self.factor)
        root = self.root_of(node.output)
        if root is not None:
            squared = self.square(x, root, depth - 1)
            return None if squared is None else math.sqrt(squared) * (1 + self.step)
        return None

    def _is_floor(self, node: Node) -> bool:
        """Whether a Clip has no upper limit; Max never has."""
        if node.op == "Max":
            return True
        no_limit = node.input(2) is None and self.at.evaluation.attribute(node, "max") is None
        most = self.constant(node.input(2)) if node.input(2) is not None else None
        return no_limit or (most is not None and most >= 3e38)

    def _of_addends(self, x: Value, node: Node, depth: int) -> float | None:
        terms = self.addends(node.output)
        parts = [*terms, *(value for value in node.inputs if value not in terms)]
        return _least(self.factor(x, each, depth - 1) for each in parts) if terms else None

    def _of_multiple(self, x: Value, node: Node, depth: int, of: Factor) -> float | None:
        for slot in (1, 0) if node.op == "Mul" else (1,):
            number = self.constant(node.input(slot))
            if number is not None and number > 0:
                inner = of(x, node.input(1 - slot), depth - 1)
                share = 1 / number if node.op == "Mul" else number
                return None if inner is None else inner * share * (1 + self.step)
        return None

    def _of_reduction(self, x: Value, norm: Reduction | None) -> float | None:
        """Sums and largest of what is not negative, and lengths: each element is at most that."""
        if norm is None:
            return None
        if norm.kind in ("sizes", "length") and self._is_or_magnitude(x, norm.of):
            return 1.0 if norm.kind == "sizes" else 1 + self.step
        if norm.kind not in ("sum", "max", "mean") or not self._is_magnitude(x, norm.of):
            return None
        count = norm.count or MOST_TERMS
        return 1.0 if norm.kind != "mean" else count * (1 + slip(self.at, norm.count) + self.step)

    def _is_or_magnitude(self, x: Value, of: Value) -> bool:
        return self.same(x, of) or self._is_magnitude(x, of)

    def _is_magnitude(self, x: Value, of: Value) -> bool:
        """Whether a value is x, which is not negative, or |x|."""
        if self.same(x, of):
            return self.least(x) >= 0
        node = self.maker(of)
        return node is not None and node.op == "Abs" and self.same(x, node.input(0))

    def _of_sign(self, x: Value, y: Value) -> float | None:
        """a - b of a + b, and (x - min) of (max - min)."""
        top, bottom = x.producer, y.producer
        if top is None or bottom is None or top.op != "Sub":
            return None
        if bottom.op == "Add":
            a, b = top.input(0), top.input(1)
            is_same = any(
                self.same(a, bottom.input(slot)) and self.same(b, bottom.input(1 - slot))
                for slot in (0, 1)
            )
            signs = all(self.least(value) >= 0 for value in top.inputs)
            return 1.0 if is_same and signs else None
        return self._of_span(top, bottom)

    def _of_span(self, top: Node, bottom: Node) -> float | None:
        if bottom.op != "Sub":
            return None
        largest, smallest = (self.reduction(value) for value in bottom.inputs)
        if largest is None or smallest is None or (largest.kind, smallest.kind) != ("max", "min"):
            return None
        if largest.axes != smallest.axes or not self.same(largest.of, smallest.of):
            return None
        from_below = self.same(top.input(0), largest.of) and self.same(
            top.input(1), bottom.input(1)
        )
        from_above = self.same(top.input(1), largest.of) and self.same(
            top.input(0), bottom.input(0)
        )
        return 1.0 if from_below or from_above else None

    def _of_numerator(self, x: Value, y: Value, depth: int) -> float | None:
        """a · b of a² + b²; Σ a · b of ‖a‖ · ‖b‖; multiples."""
        node = x.producer
        if node is None:
            return None
        if node.op == "Mul":
            return self._of_mean_square(node, y) or self._of_multiplied(node, y, depth)
        if node.op == "Neg":
            return self.factor(node.input(0), y, depth - 1)
        return self._of_inner_product(x, y)

    def _of_multiplied(self, node: Node, y: Value, depth: int) -> float | None:
        for slot in (0, 1):
            number = self.constant(node.input(slot))
            if number is not None:
                inner = self.factor(node.input(1 - slot), y, depth - 1)
                return None if inner is None else inner * abs(number) * (1 + self.step)
        return None

    def _of_mean_square(self, node: Node, y: Value) -> float | None:
        squares = [self.square_of(term) for term in self.addends(y)]
        a, b = node.inputs
        found = [any(self.same(each, s) for s in squares if s is not None) for each in (a, b)]
        return 0.5 * (1 + 2 * self.step) if all(found) and not self.same(a, b) else None

    def _of_inner_product(self, x: Value, y: Value) -> float | None:
        """Cauchy and Schwarz: |Σ a · b| ≤ ‖a‖ · ‖b‖ along the same axes."""
        total = self.reduction(x)
        product = self.maker(total.of) if total is not None and total.kind == "sum" else None
        if total is None or product is None or product.op != "Mul":
            return None
        lengths = self._lengths(y)
        if len(lengths) != 2 or not self._is_whole(product, total):
            return None
        for one, other in (lengths, lengths[::-1]):
            if self._is_length(one, product.input(0), total) and self._is_length(
                other, product.input(1), total
            ):
                return 1 + 4 * slip(self.at, total.count) + 4 * self.step
        return None

    def _is_whole(self, product: Node, total: Reduction) -> bool:
        """Whether no factor is repeated along the axes of the sum."""
        for value in product.inputs:
            dims, own = self.world.dims(total.of), self.world.dims(value)
            if dims is None or own is None or any(-axis > len(own) for axis in total.axes):
                return False
            if any(own[axis] != dims[axis] or dims[axis] is None for axis in total.axes):
                return False
        return True

    def _lengths(self, y: Value) -> Sequence[Value | None]:
        """The factors of a product, behind what keeps it from 0."""
        node = self.maker(y)
        for _ in range(DEEPEST):
            if node is None or not self._is_floor_or_sum(node):
                break
            node = self.maker(self._growing(node))
        return node.inputs if node is not None and node.op == "Mul" else ()

    def _is_floor_or_sum(self, node: Node) -> bool:
        if node.op == "Clip" and self.at.evaluation.of(node.input(0)).infinite:
            return False
        return node.op == "Add" or (node.op in ("Max", "Clip") and self._is_floor(node))

    def _growing(self, node: Node) -> Value | None:
        """The only input that is no number, beside numbers that are not negative."""
        if node.op == "Clip":
            return node.input(0)
        for slot in (0, 1):
            number = self.constant(node.input(1 - slot))
            if number is not None and (number >= 0 or node.op == "Max"):
                return node.input(slot)
        return None

    def _is_length(self, y: Value | None, a: Value | None, total: Reduction) -> bool:
        """Whether y is at least a's length along the axes of a sum."""
        node = self.maker(y)
        for _ in range(DEEPEST):
            norm = self.reduction(y)
            if norm is not None and norm.kind == "length" and norm.axes == total.axes:
                return self.same(norm.of, a)
            root = self.root_of(y)
            if root is not None:
                return self._is_sum_of_squares(root, a, total)
            if node is None or not self._is_floor_or_sum(node):
                return False
            y = self._growing(node)
            node = self.maker(y)
        return False

    def length_is_below(self, x: Value | None, y: Value | None, axes: frozenset[int]) -> bool:
        """Whether y is at least the length of x along axes."""
        return x is not None and self._is_length(y, x, Reduction("sum", x, axes, None))

    def _is_sum_of_squares(self, z: Value | None, a: Value | None, total: Reduction) -> bool:
        for _ in range(DEEPEST):
            norm = self.reduction(z)
            if norm is not None:
                of = norm.of if norm.kind == "squares" else self.square_of(norm.of)
                kinds = ("squares", "sum")
                return norm.kind in kinds and norm.axes == total.axes and self.same(of, a)
            node = self.maker(z)
            if node is None or not self._is_floor_or_sum(node):
                return False
            z = self._growing(node)
        return False

    def square(self, x: Value | None, z: Value | None, depth: int = DEEPEST) -> float | None:
        """b of x² ≤ b · z with z ≥ 0; None where none is known."""
        x, z = self.behind(x), self.behind(z)
        node = None if z is None else z.producer
        if x is None or z is None or node is None or not depth:
            return None
        if self.same(self.square_of(z), x):
            return 1 + self.step
        norm = self.reduction(z)
        if norm is not None:
            return self._of_squares(x, norm)
        if node.op in ("Max", "Clip") and self._is_floor(node):
            if node.op == "Clip" and self.at.evaluation.of(x).infinite:
                return None
            inputs = node.inputs if node.op == "Max" else node.inputs[:1]
            return _least(self.square(x, each, depth - 1) for each in inputs)
        if node.op in ("Add", "Sum"):
            terms = self.addends(z)
            return _least(self.square(x, term, depth - 1) for term in terms)
        if node.op in ("Mul", "Div"):
            return self._of_multiple(x, node, depth, self.square)
        return None

    def _of_squares(self, x: Value, norm: Reduction) -> float | None:
        """Sums and means of the squares of the very x: rounding of the terms is shared."""
        of = norm.of if "squares" in norm.kind else self.square_of(norm.of)
        kinds = ("squares", "sum", "mean", "max", "mean of squares")
        if norm.kind not in kinds or not self.same(of, x):
            return None
        if "mean" not in norm.kind:
            return 1 + self.step
        count = norm.count or MOST_TERMS
        return count * (1 + 2 * slip(self.at, norm.count) + self.step)


def _least(found: Iterable[float | None]) -> float | None:
    known = [each for each in found if each is not None]
    return min(known) if known else None
