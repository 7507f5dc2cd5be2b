"""Quotients and products that are small whatever is fed: shares, norms, gates."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from msgspec.structs import replace

from onnxlint.analyses.ranges.at import At
from onnxlint.analyses.ranges.range import Range
from onnxlint.analyses.ranges.registry import relation
from onnxlint.analyses.ranges.transfers.dominance import Dominance
from onnxlint.analyses.ranges.transfers.folding import axes_from_end, slip

if TYPE_CHECKING:
    from onnxlint.model.graph.nodes import Node, Value

MOST_FACTORS = 5
"""Factors of a product that are looked at. A choice: a gate has three."""


def within(made: Range, low: float, high: float) -> Range:
    """A range cut to what a relation proves. Where both ends are, no input's size matters."""
    least, most = np.clip(made.low, low, high), np.clip(made.high, low, high)
    if bool((least == made.low).all() and (most == made.high).all()):
        return made
    cut = replace(made, low=least, high=most)
    proven = math.isfinite(low) and math.isfinite(high)
    return replace(cut, free=False, loose=True) if proven and made.free else cut


@relation("Div")
def share(at: At, made: Range) -> Range:
    """x / y with |x| ≤ b · y: no more than b."""
    if not at.is_float:
        return made
    known = Dominance(at)
    return _cut(known, made, known.factor(at.node.input(0), at.node.input(1)), at[1].least)


@relation("Mul")
def share_by_inverse(at: At, made: Range) -> Range:
    """x · (1 / y), x · y^-0.5."""
    if not at.is_float or at.same(0, 1):
        return made
    known = Dominance(at)
    for slot in (0, 1):
        found = known.inverse_of(at.node.input(slot))
        if found is None:
            continue
        divisor, is_root = found
        x, least = at.node.input(1 - slot), known.least(divisor)
        if is_root:
            square = known.square(x, divisor)
            factor = None if square is None else math.sqrt(square)
            least = math.sqrt(max(least, 0.0))
        else:
            factor = known.factor(x, divisor)
        made = _cut(known, made, None if factor is None else factor * (1 + known.step), least)
    return made


def _cut(known: Dominance, made: Range, factor: float | None, least: float) -> Range:
    """Within b. Squares that vanish add to b what they were; a y of 0 then gives ∞."""
    if factor is None:
        return made
    if factor != 1.0:
        if least <= 0:
            return made
        factor *= math.sqrt(1 + 2 * _vanished(known.at) / least**2) * (1 + known.step)
    return within(made, -factor, factor)


def _vanished(at: At) -> float:
    """What a square may lose: a number below the least that the dtype has."""
    return {"float16": 6e-8, "bfloat16": 1e-38, "double": 5e-324}.get(at.dtype_out(), 1.5e-45)


@relation("ReduceSum")
def inner_product(at: At, made: Range) -> Range:
    """Σ p · q of vectors of a length of at most 1: as x / max(‖x‖, eps) is."""
    known, axes = Dominance(at), axes_from_end(at, at.node)
    product = known.maker(at.node.input(0))
    if not at.is_float or not axes or product is None or product.op != "Mul":
        return made
    if not all(_is_short(known, value, frozenset(axes)) for value in product.inputs):
        return made
    count = at.size(0, axes)
    most = 1 + 4 * slip(at, count) + 8 * known.step
    return within(made, -most, most)


def _is_short(known: Dominance, value: Value | None, axes: frozenset[int]) -> bool:
    node = known.maker(value)
    if node is None or known.world.dims(value) is None:
        return False
    if node.op != "Div" or not known.length_is_below(node.input(0), node.input(1), axes):
        return False
    return known.least(node.input(1)) >= _SAFE.get(known.at.dtype_out(), 1e-15)


_SAFE = {"float16": 0.1, "bfloat16": 1e-15}

SILU, GELU, MISH = -0.2785, -0.1700, -0.3089
"""The least of x · sigmoid(x), x · Φ(x) and x · tanh(softplus(x)), computed to four digits."""


@relation("Mul", "Div")
def gate(at: At, made: Range) -> Range:
    """x · sigmoid(x), x · Φ(x), x · tanh(softplus(x)) and multiples: not far below 0."""
    if not at.is_float or made.least >= -0.16:
        return made
    known = Dominance(at)
    number, factors = _factors(known, at.node)
    if len(factors) != 2 or number <= 0:
        return made
    for x, other in (factors, factors[::-1]):
        least = _least_of_gate(known, x, other)
        if least is not None:
            least *= number * (1 + 16 * at.eps)
            return replace(made, low=np.maximum(made.low, least - 4 * at.eps))
    return made


def _factors(known: Dominance, node: Node) -> tuple[float, list[Value]]:
    """A product as a number and other factors."""
    number, ahead = 1.0, [node]
    found: list[Value] = []
    while ahead and len(found) <= MOST_FACTORS:
        at = ahead.pop()
        for slot, value in enumerate(at.inputs[:2]):
            if value is None:
                return 0.0, []
            constant, maker = known.constant(value), known.maker(value)
            if at.op == "Div" and slot:
                if not constant:
                    return 0.0, []
                number /= constant
            elif constant is not None:
                number *= constant
            elif maker is not None and (
                maker.op == "Mul" or (maker.op == "Div" and known.constant(maker.input(1)))
            ):
                ahead.append(maker)
            else:
                found.append(known.behind(value) or value)
    return number, found


def _least_of_gate(known: Dominance, x: Value, other: Value) -> float | None:
    node = other.producer
    if node is None:
        return None
    if node.op == "Sigmoid":
        slope = _slope(known, node.input(0), x)
        return None if slope is None or slope <= 0 else SILU / slope
    if node.op == "Tanh":
        inner = known.maker(node.input(0))
        is_mish = inner is not None and inner.op == "Softplus" and known.same(inner.input(0), x)
        return MISH if is_mish else None
    if node.op != "Add":
        return None
    for slot in (0, 1):
        inner = known.maker(node.input(slot))
        if known.constant(node.input(1 - slot)) == 1 and inner is not None and inner.op == "Erf":
            slope = _slope(known, inner.input(0), x)
            if slope is not None and slope > 0:
                return 2 * GELU / (slope * math.sqrt(2))
    return None


def _slope(known: Dominance, value: Value | None, x: Value) -> float | None:
    """How many times x a value is."""
    if known.same(value, x):
        return 1.0
    node = known.maker(value)
    if node is None or node.op not in ("Mul", "Div"):
        return None
    for slot in (1, 0) if node.op == "Mul" else (1,):
        number = known.constant(node.input(slot))
        if number and known.same(node.input(1 - slot), x):
            return number if node.op == "Mul" else 1 / number
    return None


@relation("Mul")
def signed_magnitude(at: At, made: Range) -> Range:
    """|x| · sign(x), which is x."""
    known = Dominance(at)
    for slot in (0, 1):
        size, sign = (known.maker(at.node.input(s)) for s in (slot, 1 - slot))
        if size is None or sign is None or (size.op, sign.op) != ("Abs", "Sign"):
            continue
        if known.same(size.input(0), sign.input(0)):
            x = at.evaluation.of(size.input(0))
            return within(made, x.least, x.most)
    return made
