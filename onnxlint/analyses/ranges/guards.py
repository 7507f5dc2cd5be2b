"""What holds where a condition holds: the ranges of what it compares, and of what hangs on them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from onnxlint.analyses.ranges.range import Range
from onnxlint.analyses.ranges.transfers import is_pointwise
from onnxlint.model.file.dtypes import is_float, numpy_dtype
from onnxlint.model.graph.nodes import Node, Value
from onnxlint.model.graph.operators import MIRRORED, RESHAPING

if TYPE_CHECKING:
    from onnxlint.analyses.ranges.at import At
    from onnxlint.analyses.ranges.forms import Form
    from onnxlint.analyses.ranges.world import Knowledge
    from onnxlint.types import Array

MOST_WAY = 32
"""Values between a condition and what is evaluated under it. A choice: guards stand near."""

MOST_NESTED = 8
"""Conditions inside conditions that are followed."""


MOST_ASSUMED = 1
"""Conditions under which values are evaluated that are themselves chosen by conditions: each
multiplies what there is to do. Deeper ones limit what they compare, and nothing made of it."""


class Limit(Struct, frozen=True):
    """What a condition says of a value: between two ends, not NaN, not 0."""

    value: Value
    low: Array | float = -np.inf
    high: Array | float = np.inf
    is_number: bool = True
    nonzero: bool = False

    def on(self, one: Range) -> Range | None:
        """What is left of a range; None where nothing is, so that the condition never holds."""
        cut = one.within(self.low, self.high)
        if cut is None:
            if self.is_number or not one.nan:
                return None
            cut = one  # NaN alone
        nan = one.nan and not self.is_number
        low, high = cut.low, cut.high
        if self.nonzero and one.integer:  # the next whole number is the end
            low, high = np.where(low == 0, 1.0, low), np.where(high == 0, -1.0, high)
            if bool((low > high).all()):
                return None
            low, high = np.minimum(low, high), np.maximum(low, high)
        elif self.nonzero and bool(((low == 0) & (high == 0)).all()):
            return None
        return replace(cut, low=low, high=high, nan=nan, nonzero=one.nonzero or self.nonzero)


def under(at: At, truth: bool, slot: int) -> Range | None:
    """An input of a Where, in the elements where the condition is true, or false; None: nowhere."""
    condition, value = at.node.input(0), at.node.input(slot)
    if condition is None or value is None:
        return at[slot]
    decided = at[0]
    if decided.is_point and decided.low.size == 1 and bool(decided.least) != truth:
        return None
    return under_condition(at.evaluation, condition, truth, value)


def under_condition(
    evaluation: Knowledge, condition: Value, truth: bool, value: Value
) -> Range | None:
    """A value's elements where those of a condition are true, or false; None: nowhere."""
    limits = list(limits_of(evaluation, condition, truth))
    return under_limits(evaluation, limits, value)


def under_limits(evaluation: Knowledge, limits: Iterable[Limit], value: Value) -> Range | None:
    """A value's elements where others are limited; only what is made element by element follows."""
    inside = assumed(evaluation, limits, value)
    return None if inside is None else inside.of(value)


def assumed(evaluation: Knowledge, limits: Iterable[Limit], value: Value) -> Knowledge | None:
    """The evaluation under limits, of a value and those between; None where they never hold."""

    numbers = evaluation.world.numbers
    by_number: dict[int, list[Limit]] = {}
    for limit in limits:
        by_number.setdefault(numbers.of(limit.value), []).append(limit)
    way = list(way_of(evaluation, value)) if by_number else []
    bound: dict[Value, Range] = {}
    for each in way:
        found: Range | None = evaluation.of(each)
        for limit in by_number.get(numbers.of(each), ()):
            found = None if found is None else limit.on(found)
            if found is None:
                return None
            bound[each] = found
    if evaluation.assumed >= MOST_ASSUMED:
        return evaluation.assuming(bound.__contains__, bound)
    affected = _affected(way, set(bound))
    inside = evaluation.assuming(affected.__contains__, bound)
    inside.assumed += 1
    return inside


def way_of(evaluation: Knowledge, value: Value) -> Iterator[Value]:
    """The values that a value is made of element by element, itself first."""
    met, ahead = {value}, [value]
    while ahead and len(met) <= MOST_WAY:
        at = ahead.pop()
        yield at
        node = at.producer
        if node is None or not is_pointwise(node.op) or node.scope is not value.scope:
            continue
        for before in node.inputs:
            if before is not None and before not in met:
                met.add(before)
                ahead.append(before)


def _affected(way: list[Value], roots: set[Value]) -> set[Value]:
    """Those of the way that hang on a root."""
    among, found = set(way), set(roots)
    grown = True
    while grown:
        grown = False
        for each in reversed(way):
            node = each.producer
            if each in found or node is None or each not in among or not is_pointwise(node.op):
                continue
            if any(before in found for before in node.inputs if before is not None):
                found.add(each)
                grown = True
    return found


def limits_of(
    evaluation: Knowledge, condition: Value, truth: bool, depth: int = MOST_NESTED
) -> Iterator[Limit]:
    """What a condition says of values where it is true, or false."""
    node = condition.producer
    yield Limit(condition, float(truth), float(truth))
    if node is None or not depth:
        return
    if node.op in ("And", "Or") and truth == (node.op == "And"):
        for part in filter(None, node.inputs):
            yield from limits_of(evaluation, part, truth, depth - 1)
    elif node.op == "Not" and node.inputs and node.inputs[0] is not None:
        yield from limits_of(evaluation, node.inputs[0], not truth, depth - 1)
    elif node.op in ("Identity", "Cast") and node.inputs and node.inputs[0] is not None:
        yield from _of_copy(evaluation, node, truth, depth)
    elif node.op in RESHAPING and evaluation.world.is_single(condition) and node.inputs[0]:
        yield from limits_of(evaluation, node.inputs[0], truth, depth - 1)
    elif node.op in ("IsNaN", "IsInf") and node.inputs and node.inputs[0] is not None:
        yield from _of_test(evaluation, node, node.inputs[0], truth)
    else:
        yield from _of_comparison(evaluation, node, truth)


def _of_copy(evaluation: Knowledge, node: Node, truth: bool, depth: int) -> Iterator[Limit]:
    value = node.inputs[0]
    assert value is not None
    shape = evaluation.world.shapes.of(value)
    if shape is not None and shape.dtype == "bool":
        yield from limits_of(evaluation, value, truth, depth - 1)
    elif node.op == "Cast" and shape is not None:
        if truth:
            yield Limit(value, is_number=False, nonzero=True)
        else:
            yield Limit(value, 0.0, 0.0)


def _of_test(evaluation: Knowledge, node: Node, value: Value, truth: bool) -> Iterator[Limit]:
    if node.op == "IsNaN" and not truth:
        yield Limit(value)
    elif node.op == "IsInf" and not truth:
        element_type = evaluation.world.element_type(value)
        if element_type is not None:
            from onnxlint.analyses.ranges.range import limits

            low, high = limits(element_type)
            low = low if node.attribute("detect_negative", 1) else -np.inf
            high = high if node.attribute("detect_positive", 1) else np.inf
            yield Limit(value, low, high, is_number=False)


_NEGATED = {"Less": "GreaterOrEqual", "Greater": "LessOrEqual", "LessOrEqual": "Greater",
            "GreaterOrEqual": "Less"}  # fmt: skip


def _of_comparison(evaluation: Knowledge, node: Node, truth: bool) -> Iterator[Limit]:
    one, other = node.input(0), node.input(1)
    if one is None or other is None:
        return
    if node.op == "Equal":
        for value, beside in ((one, other), (other, one)):
            there = evaluation.of(beside)
            if truth:
                yield from _on_both(evaluation, value, there.low, there.high, is_number=True)
            elif there.is_point and not there.low.any():
                yield Limit(value, is_number=False, nonzero=True)
        return
    if node.op not in _NEGATED:
        return
    op = node.op if truth else _NEGATED[node.op]
    for value, beside, kind in ((one, other, op), (other, one, MIRRORED[op])):
        there = evaluation.of(beside)
        strict = kind in ("Less", "Greater")
        if kind.startswith("Less"):
            yield from _on_both(evaluation, value, -np.inf, there.high, truth, strict)
        else:
            yield from _on_both(evaluation, value, there.low, np.inf, truth, strict)


def _on_both(
    evaluation: Knowledge, value: Value, low: Array | float, high: Array | float,
    is_number: bool, strict: bool = False,
) -> Iterator[Limit]:  # fmt: skip
    """The limit on a value, and on the only value that it is a multiple of."""
    element_type = evaluation.world.element_type(value)
    if strict:
        low, high = _next(low, 1, element_type), _next(high, -1, element_type)
    yield Limit(value, low, high, is_number)
    form = evaluation.world.forms.of(value)
    if element_type is None or not is_float(element_type) or form.single is None:
        return
    number, slope = form.single
    base = evaluation.world.forms.values[number]
    is_magnitude = slope.plain == -slope.bent / 2 and not form.constant
    if base is value or (slope.bent and not is_magnitude):
        return
    factor = slope.bent / 2 if slope.bent else slope.plain
    with np.errstate(invalid="ignore", over="ignore"):
        ends = [(np.asarray(end) - form.constant) / factor for end in (low, high)]
        slips = [_slip(evaluation, form, element_type, abs(factor), end) for end in ends]
    if slope.bent:  # a·|x|: at most so much on both sides
        most = ends[1] + slips[1]
        if factor > 0 and bool((most >= 0).all()):
            yield Limit(base, -most, most, is_number)
        if factor > 0 and bool((np.asarray(low) > 0).all()):
            yield Limit(base, is_number=is_number, nonzero=True)
        return
    if factor < 0:
        ends.reverse()
        slips.reverse()
    yield Limit(base, ends[0] - slips[0], ends[1] + slips[1], is_number)


def _slip(evaluation: Knowledge, form: Form, element_type: int, factor: float, end: Array) -> Array:
    """How far beyond an end a value may lie whose multiple is rounded to within its limit.

    Each step is off by a part of the magnitudes that it adds: `share` of |x|, and what is
    independent of x. Beyond the end a·x must grow by more than that.
    """
    from onnxlint.analyses.ranges.range import precision, smallest

    assert form.single is not None
    number, least = form.single[0], (form.made_small + form.lost) * smallest(element_type)
    if form.is_exact:
        return np.where(np.isfinite(end), least / factor, 0.0)
    part = 4 * len(form.touched) * precision(element_type)
    share, others = part * form.touched.get(number, factor), 0.0
    for each, weight in form.touched.items():
        if each != number:
            others += weight * (1.0 if each < 0 else _magnitude(evaluation, each))
    if share >= factor:
        return np.where(np.isfinite(end), np.inf, 0.0)
    off = (share * np.abs(end) + part * others + least) / (factor - share)
    return np.where(np.isfinite(end), off, 0.0)


def _magnitude(evaluation: Knowledge, number: int) -> float:
    return evaluation.of(evaluation.world.forms.values[number]).magnitude


def _next(end: Array | float, sign: int, element_type: int | None) -> Array | float:
    """The next number of the dtype: an open end as a closed one."""
    if element_type is None or not np.isfinite(end).any():
        return end
    if not is_float(element_type):
        return np.floor(end) + 1 if sign > 0 else np.ceil(end) - 1
    dtype = numpy_dtype(element_type)
    if dtype.kind != "f":  # bfloat16 and the like: numpy knows no next one
        return end
    with np.errstate(over="ignore"):
        at = np.asarray(end).astype(dtype)
    after = np.nextafter(at, np.asarray(sign * np.inf, dtype))
    exact = at.astype(np.float64) == end
    beyond = (at.astype(np.float64) - end) * sign > 0
    moved = np.where(exact, after, np.where(beyond, at, after))
    return np.where(np.isfinite(end), moved.astype(np.float64), end)
