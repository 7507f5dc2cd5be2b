"""Einsum: products of any number of values, summed over labels that the output lacks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from onnxlint.analyses.ranges.at import At
from onnxlint.analyses.ranges.range import Range
from onnxlint.analyses.ranges.registry import transfer
from onnxlint.analyses.ranges.transfers import contraction, stored
from onnxlint.analyses.ranges.transfers.affine import averages

if TYPE_CHECKING:
    from onnxlint.types import Array


class Equation(Struct, frozen=True):
    """The labels of each input's axes and of the output's; `is_plain` without `...`."""

    inputs: list[str]
    output: str
    is_plain: bool

    @classmethod
    def parsed(cls, text: str) -> Equation | None:
        """What an equation says; without an arrow the output has what occurs once, sorted."""
        text = text.replace(" ", "")
        left, arrow, right = text.partition("->")
        inputs, is_plain = left.replace("...", "").split(","), "..." not in text
        if not arrow:
            joined = "".join(inputs)
            right = "".join(sorted(each for each in set(joined) if joined.count(each) == 1))
        right = right.replace("...", "")
        if not all(each.isalpha() or not each for each in (*inputs, right)):
            return None
        return cls(inputs, right, is_plain)

    @property
    def summed(self) -> set[str]:
        """The labels that are summed over."""
        return set("".join(self.inputs)) - set(self.output)


@transfer("Einsum", ulps=4)
def summed_products(at: At) -> Range | None:
    """By constant weights for each of their labels in the output, else by corners."""
    text = at.attribute("equation", "")
    equation = Equation.parsed(text.decode() if isinstance(text, bytes) else text)
    parts = [each for each in at.read if each is not None]
    if equation is None or not parts or len(equation.inputs) != len(parts):
        return None
    sizes = _sizes(at, equation)
    found = _weighed(at, equation, sizes) or _of_hulls(at, equation, sizes, parts)
    return _averaged(at, equation, found)


def _sizes(at: At, equation: Equation) -> dict[str, int]:
    """The size of each label, where it is known; a size of 1 may be broadcast."""
    found: dict[str, int] = {}
    for slot, labels in enumerate(equation.inputs):
        dims = at.dims(slot)
        if dims is None or len(dims) < len(labels):
            continue
        # an ellipsis stands before, between or behind: only plain labels can be placed
        if len(dims) != len(labels):
            continue
        for label, size in zip(labels, dims, strict=True):
            if isinstance(size, int):
                found[label] = max(found.get(label, 1), size)
    return found


def _terms(equation: Equation, sizes: dict[str, int]) -> int | None:
    summed = equation.summed
    if any(label not in sizes for label in summed):
        return None
    return int(np.prod([sizes[label] for label in sorted(summed)], dtype=np.int64))


def _of_hulls(at: At, equation: Equation, sizes: dict[str, int], parts: list[Range]) -> Range:
    """The product of all intervals, so many times; axes under an ellipsis may be summed, too."""
    terms = _terms(equation, sizes)
    one = np.asarray(1.0)
    product = contraction.by_corners(*_ends(parts[0]), one, one, 1)
    nan = product.nan
    for part in parts[1:]:
        product = contraction.by_corners(product.low, product.high, *_ends(part), 1)
        nan = nan or product.nan
    sums = contraction.by_corners(product.low, product.high, one, one, terms)
    loose = sum(part.varies for part in parts) > 1
    found = contraction.ranged(at, sums, *parts, loose=loose)
    return replace(found, nan=found.nan or nan)


def _ends(one: Range) -> tuple[Array, Array]:
    return np.asarray(one.least), np.asarray(one.most)


def _weighed(at: At, equation: Equation, sizes: dict[str, int]) -> Range | None:
    """One of two operands is constant: sums of its weights for each label that it leaves."""
    if len(equation.inputs) != 2 or not equation.is_plain:
        return None
    for slot, other in ((1, 0), (0, 1)):
        labels = equation.inputs[slot]
        weights = stored.weights(at, slot)
        if weights is None or weights.ndim != len(labels) or not weights.size:
            continue
        if len(set(labels)) != len(labels) or any(
            sizes.get(label) != size for label, size in zip(labels, weights.shape, strict=True)
        ):
            continue
        rest = equation.summed - set(labels)
        if any(label not in sizes for label in rest):
            continue
        times = int(np.prod([sizes[label] for label in sorted(rest)], dtype=np.int64))
        return _by_labels(at, equation, labels, weights, at.hull(other), times)
    return None


def _by_labels(at: At, equation: Equation, labels: str, weights: Array, x: Range,
               times: int) -> Range:  # fmt: skip
    kept = [label for label in equation.output if label in labels]
    gone = [label for label in labels if label not in equation.output]
    order = [labels.index(label) for label in (*gone, *kept)]
    turned = weights.transpose(order)
    shape = turned.shape[len(gone) :]
    matrix = turned.reshape(-1, int(np.prod(shape, dtype=np.int64)))
    low, high = (np.full((1, 1), end * times if end else 0.0) for end in (x.least, x.most))
    sums = contraction.by_weights(low, high, matrix, len(matrix) * max(times, 1))
    size = dict(zip(kept, shape, strict=True))
    sums = sums.moved(tuple(size.get(label, 1) for label in equation.output))
    return contraction.ranged(at, sums, x)


def _averaged(at: At, equation: Equation, found: Range) -> Range:
    """Narrower where one side's numbers are shares along the only label that is summed."""
    summed = equation.summed
    if len(equation.inputs) != 2 or not equation.is_plain or len(summed) != 1:
        return found
    (label,) = summed
    for slot, other in ((0, 1), (1, 0)):
        shares, values, labels = at[slot], at.hull(other), equation.inputs[slot]
        total = shares.total
        if total is None or label not in labels or label not in equation.inputs[other]:
            continue
        if total.axes != {labels.index(label) - len(labels)} or len(set(labels)) != len(labels):
            continue
        if shares.least < 0 or shares.nan or not values.is_finite:
            continue
        low, high = averages(at, total, _ends(values), _terms(equation, _sizes(at, equation)))
        low, high = np.maximum(found.low, low), np.minimum(found.high, high)
        if bool((low <= high).all()):
            return replace(found, low=low, high=high, nan=False)
    return found
