"""Where operators fail: the numbers that an operand must not have, and what comes out of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from enum import StrEnum
from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from onnxlint.analyses.ranges.range import Range, limits, precision, smallest
from onnxlint.model.file.dtypes import dtype_name, is_float

if TYPE_CHECKING:
    from onnxlint.analyses.ranges.at import At
    from onnxlint.model.graph.nodes import Node
    from onnxlint.types import Array


class Kind(StrEnum):
    """What goes wrong."""

    LOG = "log"
    DIVISION = "division"
    ROOT = "root"
    OVERFLOW = "overflow"
    DOMAIN = "domain"
    SOFTMAX = "softmax"
    HALF = "half"
    INDEX = "index"
    CAST = "cast"


class Zone(Struct, frozen=True):
    """Numbers of one operand that an operator fails at: both ends, and all between them.

    Attributes:
        kind: what goes wrong.
        slot: the input that holds the operand.
        low: the least such number.
        high: the largest.
        limit: what the operand must be, in words: `> 0`.
        outcome: what comes out: `NaN`, `-inf`, `refusal` …
        is_of_rows: it is not single elements that fail but rows of which all are the same number
            between these ends.
    """

    kind: Kind
    slot: int
    low: float
    high: float
    limit: str
    outcome: str
    is_of_rows: bool = False

    def hits(self, one: Range) -> bool:
        """Whether an element may lie in it; of rows, whether all elements may be one number."""
        if self.is_of_rows:
            low, high = max(one.low.max(), self.low), min(one.high.min(), self.high)
            return one.varies and bool(low <= high)
        if self.low == 0 == self.high:
            return one.holds(0)
        low, high = (one.low, one.high)
        if one.integer:
            low, high = np.ceil(low), np.floor(high)
        return bool(((low <= self.high) & (high >= self.low)).any())

    def holds(self, one: Range) -> bool:
        """Whether every element lies in it."""
        return (
            not self.is_of_rows
            and bool(((one.low >= self.low) & (one.high <= self.high)).all())
            and not one.nan
        )

    def outside(self, one: Range) -> Range | None:
        """What the operand is where nothing fails; None where it always does."""
        if self.is_of_rows:
            return one
        if self.low == 0 == self.high:
            low, high = one.low, one.high
            tiny = 1.0 if one.integer else 1e-30
            low = np.where(low == 0, tiny, low)
            high = np.where(high == 0, -tiny, high)
            if bool((low > high).all()):
                return None
            low, high = np.minimum(low, high), np.maximum(low, high)
            return replace(one.without_parts(), low=low, high=high, nan=False, nonzero=True)
        if math.isinf(self.low):
            return one.within(np.nextafter(self.high, np.inf), np.inf)
        if math.isinf(self.high):
            return one.within(-np.inf, np.nextafter(self.low, -np.inf))
        return one


SQUARE = 2.0

Zones = Callable[["At"], Iterator[Zone]]

_OPS: dict[str, list[Zones]] = {}


def _zones(*ops: str) -> Callable[[Zones], Zones]:
    def added(zones: Zones) -> Zones:
        for op in ops:
            _OPS.setdefault(op, []).append(zones)
        return zones

    return added


def zones_of(at: At) -> list[Zone]:
    """The zones of a node's operands, as what it reads and its attributes have them.

    It has none where it does not fit its operator.
    """
    try:
        with np.errstate(all="ignore"):
            return [zone for zones in _OPS.get(at.node.op, ()) for zone in zones(at)]
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
        return []


def _dtype(at: At, slot: int = 0) -> int | None:
    return at.element_type(slot)


def _is_floating(at: At, slot: int = 0) -> bool:
    found = at.element_type(slot)
    return found is not None and is_float(found)


@_zones("Log")
def _log(at: At) -> Iterator[Zone]:
    yield Zone(Kind.LOG, 0, -math.inf, 0.0, "> 0", "NaN" if at[0].least < 0 else "-inf")


@_zones("ReduceLogSum")
def _log_of_sum(at: At) -> Iterator[Zone]:
    yield Zone(Kind.LOG, 0, -math.inf, 0.0, "> 0", "NaN" if at[0].least < 0 else "-inf")


@_zones("Div", "Mod")
def _division(at: At) -> Iterator[Zone]:
    if _is_floating(at) and not (at.node.op == "Mod" and not at.attribute("fmod", 0)):
        outcome = "NaN" if at[0].holds(0) or at.node.op == "Mod" else "inf"
    else:
        outcome = "a refused run"
    kind = Kind.SOFTMAX if _is_softmax(at, at.producer(1)) else Kind.DIVISION
    yield Zone(kind, 1, 0.0, 0.0, "≠ 0", outcome)


@_zones("GroupNormalization", "InstanceNormalization", "LayerNormalization")
def _spread(at: At) -> Iterator[Zone]:
    """The spread of a constant row is 0: only epsilon keeps the division by it from failing."""
    yield from _of_rows(at, "not constant", -math.inf, math.inf)


@_zones("RMSNormalization", "SimplifiedLayerNormalization")
def _length(at: At) -> Iterator[Zone]:
    """The same of the length of a row of zeros."""
    yield from _of_rows(at, "not all 0", 0.0, 0.0)


@_zones("MeanVarianceNormalization")
def _without_epsilon(at: At) -> Iterator[Zone]:
    """onnxruntime's kernel has no epsilon."""
    yield Zone(Kind.DIVISION, 0, -math.inf, math.inf, "not constant", "NaN", is_of_rows=True)


def _of_rows(at: At, limit: str, low: float, high: float) -> Iterator[Zone]:
    """Where epsilon is 0, or becomes it in the dtype of the data."""
    epsilon, element_type = at.attribute("epsilon", 1e-5), at.element_type(0)
    if element_type is None or not is_float(element_type) or not at.is_decided("epsilon"):
        return
    if epsilon <= smallest(element_type) / 2:
        told = f"{limit} with epsilon {epsilon:.2g}"
        yield Zone(Kind.DIVISION, 0, low, high, told, "NaN", is_of_rows=True)


@_zones("Reciprocal")
def _reciprocal(at: At) -> Iterator[Zone]:
    yield Zone(Kind.DIVISION, 0, 0.0, 0.0, "≠ 0", "inf")


@_zones("Sqrt")
def _root(at: At) -> Iterator[Zone]:
    yield Zone(Kind.ROOT, 0, -math.inf, -5e-324, "≥ 0", "NaN")


@_zones("Exp", "Sinh", "Cosh")
def _exponential(at: At) -> Iterator[Zone]:
    element_type = at.element_type(0)
    most = math.log(limits(element_type)[1]) if element_type is not None else math.inf
    if not math.isfinite(most):
        return
    most = math.log(limits(element_type)[1]) + (math.log(2) if at.node.op != "Exp" else 0.0)
    beyond = most * (1 + 2 * precision(element_type))
    kind = Kind.SOFTMAX if _is_summed(at) else Kind.OVERFLOW
    yield Zone(kind, 0, beyond, math.inf, f"≤ {most:.2f}", "inf")
    if at.node.op != "Exp":
        outcome = "inf" if at.node.op == "Cosh" else "-inf"
        yield Zone(Kind.OVERFLOW, 0, -math.inf, -beyond, f"≥ {-most:.2f}", outcome)


def _is_summed(at: At) -> bool:
    """Whether it is divided by the sum of such exponentials."""
    output = at.node.output
    if at.node.op != "Exp" or output is None:
        return False
    sums = [node for node in output.readers if node.op == "ReduceSum" and node.output is not None]
    return any(
        after.op in ("Div", "Reciprocal")
        for node in sums
        for after in (node.output.readers if node.output is not None else ())
    )


def _is_softmax(at: At, divisor: Node | None) -> bool:
    """Whether a divisor is the sum of exponentials, one of which is divided."""
    if divisor is None or divisor.op != "ReduceSum":
        return False
    above = at.producer(0)
    return above is not None and above.op == "Exp" and at.is_same(divisor.input(0), above.output)


def _is_met(*operands: Range) -> bool:
    """Whether bounds so wide are no mere lack of knowledge: squares are everywhere."""
    return not any(each.free or each.loose for each in operands)


def _is_worth(operand: Range) -> bool:
    """Whether squares of it are worth a word: known bounds, or an input as it is fed."""
    return _is_met(operand) or (operand.free and not operand.mixed)


def _may_overflow(exponent: Range, base: Range) -> bool:
    """The same of powers; those above squares always are, squares are everywhere."""
    if exponent.free or exponent.most <= 1:
        return False
    return exponent.most > SQUARE or _is_met(base)


@_zones("ReduceSumSquare", "ReduceL2")
def _squares(at: At) -> Iterator[Zone]:
    """The sum of n squares overflows from √(limit / n) on."""
    element_type = at.element_type(0)
    if element_type is None or not is_float(element_type) or not _is_worth(at[0]):
        return
    count = at.size(0) or 1
    most = math.sqrt(limits(element_type)[1] / count)
    yield Zone(Kind.OVERFLOW, 0, most, math.inf, f"≤ {most:.3g} for {count:,} squares", "inf")
    yield Zone(Kind.OVERFLOW, 0, -math.inf, -most, f"≥ {-most:.3g} for {count:,} squares", "inf")


@_zones("Asin", "Acos")
def _arc(at: At) -> Iterator[Zone]:
    above, below = math.nextafter(1, 2), math.nextafter(-1, -2)
    yield Zone(Kind.DOMAIN, 0, above, math.inf, "from -1 to 1", "NaN")
    yield Zone(Kind.DOMAIN, 0, -math.inf, below, "from -1 to 1", "NaN")


@_zones("Atanh")
def _area_tangent(at: At) -> Iterator[Zone]:
    outcome = "NaN" if at[0].magnitude > 1 else "inf"
    yield Zone(Kind.DOMAIN, 0, 1.0, math.inf, "between -1 and 1", outcome)
    yield Zone(Kind.DOMAIN, 0, -math.inf, -1.0, "between -1 and 1", outcome)


@_zones("Acosh")
def _area_cosine(at: At) -> Iterator[Zone]:
    yield Zone(Kind.DOMAIN, 0, -math.inf, math.nextafter(1, 0), "≥ 1", "NaN")


@_zones("Pow")
def _power(at: At) -> Iterator[Zone]:
    """A base of 0 with a negative exponent, a negative one with a fraction, and what overflows."""
    if not _is_floating(at):
        return
    exponent, element_type = at[1], at.element_type(0)
    whole = exponent.integer or bool(
        exponent.is_point and (np.floor(exponent.low) == exponent.low).all()
    )
    if exponent.least < 0:
        yield Zone(Kind.DIVISION, 0, 0.0, 0.0, "≠ 0 with a negative exponent", "inf")
    if not whole:
        yield Zone(Kind.DOMAIN, 0, -math.inf, -5e-324, "≥ 0 with a fractional exponent", "NaN")
    if _may_overflow(exponent, at[0]) and element_type is not None:
        most = limits(element_type)[1] ** (1 / exponent.most)
        limit = f"≤ {most:.3g} with the exponent {exponent.most:.4g}"
        beyond = most * (1 + 4 * precision(element_type))
        yield Zone(Kind.OVERFLOW, 0, beyond, math.inf, limit, "inf")
        if whole:
            yield Zone(Kind.OVERFLOW, 0, -math.inf, -beyond, f"magnitude {limit}", "inf")


@_zones("Gather", "GatherElements", "ScatterElements", "Scatter")
def _index(at: At) -> Iterator[Zone]:
    """Indices along one axis, negative ones from the end."""
    dims, axis = at.dims(0), at.attribute("axis", 0)
    if dims is None or not -len(dims) <= axis < len(dims):
        return
    size = dims[axis]
    if isinstance(size, int):
        yield from _beyond(1, size)


@_zones("GatherND", "ScatterND")
def _tuples(at: At) -> Iterator[Zone]:
    """The last axis of the indices holds an index for each of the first axes of the data."""
    dims, index = at.dims(0), at.dims(1)
    batch = at.attribute("batch_dims", 0)
    if dims is None or not index or not isinstance(index[-1], int):
        return
    sizes = dims[batch : batch + index[-1]]
    if sizes and all(isinstance(size, int) for size in sizes):
        yield from _beyond(1, max(size for size in sizes if isinstance(size, int)))


def _beyond(slot: int, size: int) -> Iterator[Zone]:
    limit = f"from {-size} to {size - 1}"
    yield Zone(Kind.INDEX, slot, float(size), math.inf, limit, "a refused run")
    yield Zone(Kind.INDEX, slot, -math.inf, -float(size) - 1, limit, "a refused run")


@_zones("Cast", "CastLike")
def _cast(at: At) -> Iterator[Zone]:
    """Numbers that the target type cannot hold, and integers that it cannot tell apart."""
    source, target = at.element_type(0), at.element_type_out()
    if source is None or target is None or dtype_name(target) in ("bool", "string"):
        return
    least, most = limits(target)
    name = dtype_name(target)
    if not math.isfinite(most) or dtype_name(source) in ("bool", "string"):
        return
    if not is_float(target) and not _fits(source, target):
        yield from _past(Kind.CAST, least, most, is_float(source), name)
    elif (
        is_float(target)
        and not is_float(source)
        and name in ("float16", "bfloat16", "float")
        and (name != "float" or _is_met(at[0]))
    ):
        exact = 2.0 / precision(target)
        outcome = f"numbers that {name} rounds"
        yield Zone(Kind.CAST, 0, exact + 1, math.inf, f"magnitude ≤ {exact:.0f}", outcome)
        yield Zone(Kind.CAST, 0, -math.inf, -exact - 1, f"magnitude ≤ {exact:.0f}", outcome)


def _fits(source: int, target: int) -> bool:
    """Whether a type holds all integers of another."""
    (least, most), (low, high) = limits(source), limits(target)
    return not is_float(source) and low <= least and most <= high


def _past(kind: Kind, least: float, most: float, from_float: bool, name: str) -> Iterator[Zone]:
    above, below = (most + 1, least - 1)
    limit = f"from {least:.0f} to {most:.0f}"
    outcome = "another number" if from_float else "the number modulo 2^n"
    yield Zone(kind, 0, above, math.inf, f"{limit} ({name})", outcome)
    yield Zone(kind, 0, -math.inf, below, f"{limit} ({name})", outcome)


OUTPUT = -1
"""The slot of a zone that a node's own output must not lie in."""

FLOAT16_MOST = 65504.0

HALF_ZONES = (
    Zone(Kind.HALF, OUTPUT, FLOAT16_MOST + 16, math.inf, "≤ 65504", "inf"),
    Zone(Kind.HALF, OUTPUT, -math.inf, -FLOAT16_MOST - 16, "≥ -65504", "-inf"),
)
"""A float16 beyond them is rounded to infinity: half a step above the largest number."""

HAZARDOUS = frozenset(_OPS)
"""Operators that have such zones: a model without any is not evaluated."""


def overlap(zone: Zone, one: Range) -> Array:
    """The boxes of a range that reach into a zone."""
    return (one.low <= zone.high) & (one.high >= zone.low)
