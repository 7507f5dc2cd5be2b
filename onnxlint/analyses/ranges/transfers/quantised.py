"""Numbers as codes: QuantizeLinear, DequantizeLinear, and what they make of a range."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from msgspec.structs import replace

from onnxlint.analyses.ranges.at import At
from onnxlint.analyses.ranges.range import Range, limits, precision
from onnxlint.analyses.ranges.registry import transfer
from onnxlint.analyses.ranges.transfers import contraction
from onnxlint.analyses.ranges.transfers.affine import MICROSOFT
from onnxlint.model.file.dtypes import integer_range


@transfer("QuantizeLinear", MICROSOFT + "QuantizeLinear")
def quantised(at: At) -> Range | None:
    """round(x / scale) + zero point, cut off at the ends of the codes' dtype.

    NaN and infinity become a code, any: what onnxruntime gives differs by machine.
    """
    block = at.attribute("block_size", 0)
    scale, zero = (laid(at, slot, 0, int(at.attribute("axis", 1) or 0), bool(block))
                   for slot in (1, 2))  # fmt: skip
    kind = at.element_type_out()
    if kind is None:
        return None
    if integer_range(kind) is None and not at.dtype_out().startswith(("int", "uint")):
        return _narrow_float(at, scale, zero)
    return to_codes(at, at[0], scale, zero, kind)


def _narrow_float(at: At, scale: Range, zero: Range) -> Range | None:
    """To float8 and such: x / scale, saturated or infinite."""
    x, scale, zero = contraction.combined(at[0], scale, zero)
    if scale.least <= 0 or not x.is_finite or zero.magnitude:
        return None
    ends = np.array(np.broadcast_arrays(*(e / s for e in (x.low, x.high)
                                          for s in (scale.low, scale.high))))  # fmt: skip
    least, most = at.limits
    low, high = (each * (1 + at.eps) for each in (ends.min(axis=0), ends.max(axis=0)))
    low, high = np.minimum(low, ends.min(axis=0)), np.maximum(high, ends.max(axis=0))
    if at.attribute("saturate", 1):
        return at.made(np.clip(low, least, most), np.clip(high, least, most), x, scale)
    overflows = bool((low < least).any() or (high > most).any())
    return at.made(low, high, x, scale, nan=overflows)


def laid(at: At, slot: int, data: int, axis: int, blocked: bool = False) -> Range:
    """A scale or zero point laid along the axis of the data that it belongs to; 0 if omitted."""
    if not at.has(slot):
        return Range.of(0.0, 0.0, integer=True)
    found, rank = at[slot].without_parts(), at.rank(data)
    if found.low.size == 1 and found.high.size == 1:
        return found.hull
    if blocked or rank is None or found.low.ndim != 1 or not -rank <= axis < rank:
        return found.hull
    shape = [-1 if each == axis % rank else 1 for each in range(rank)]
    return replace(found, low=found.low.reshape(shape), high=found.high.reshape(shape))


def code_limits(element_type: int) -> tuple[float, float]:
    """The least and the largest code of a dtype."""
    return limits(element_type)


def to_codes(at: At, x: Range, scale: Range, zero: Range, element_type: int) -> Range:
    """Codes of real numbers; one more on either side where a quotient may be rounded across."""
    least, most = code_limits(element_type)
    x, scale, zero = contraction.combined(x, scale, zero)
    if scale.least <= 0 or not scale.is_finite or not x.is_finite:
        low, high = np.full(x.low.shape, least), np.full(x.low.shape, most)
        return at.made(low, high, x, scale, zero, integer=True)
    ends = np.array(np.broadcast_arrays(*(e / s for e in (x.low, x.high)
                                          for s in (scale.low, scale.high))))  # fmt: skip
    low, high = ends.min(axis=0), ends.max(axis=0)
    eps = max(precision(at.attribute("precision", 0) or at.element_type(0)), 2.0**-23)
    low, high = low - np.abs(low) * 2 * eps, high + np.abs(high) * 2 * eps
    low, high = np.round(low) + zero.low, np.round(high) + zero.high
    return at.made(np.clip(low, least, most), np.clip(high, least, most), x, scale, zero,
                   integer=True)  # fmt: skip


@transfer("DequantizeLinear", MICROSOFT + "DequantizeLinear", ulps=4)
def dequantised(at: At) -> Range | None:
    """(code - zero point) · scale."""
    block = at.attribute("block_size", 0)
    axis = int(at.attribute("axis", 1) or 0)
    scale, zero = (laid(at, slot, 0, axis, bool(block)) for slot in (1, 2))
    if at.element_type(0) is None:
        return None
    return real(at, at[0], scale, zero)


def real(at: At, codes: Range, scale: Range, zero: Range) -> Range:
    """The numbers that codes stand for."""
    codes, scale, zero = contraction.combined(codes, scale, zero)
    low, high = codes.low - zero.high, codes.high - zero.low
    ends = np.array(np.broadcast_arrays(*(
        np.nan_to_num(e * s, nan=0.0, posinf=np.inf, neginf=-np.inf)
        for e in (low, high) for s in (scale.low, scale.high)
    )))  # fmt: skip
    nan = codes.infinite or scale.infinite
    varies = codes.varies and scale.varies
    return at.made(ends.min(axis=0), ends.max(axis=0), codes, scale, zero, nan=nan, loose=varies)


@transfer("DynamicQuantizeLinear", ulps=4)
def by_own_ends(at: At) -> list[Range]:
    """Codes from 0 to 255, the step (max - min) / 255 of the data with 0, and the code of 0.

    The step of data that is 0 everywhere is 1.
    """
    x = at.hull(0)
    codes = at.made(0.0, 255.0, x, integer=True)
    codes = replace(codes, free=False, nan=False)
    low, high = min(x.least, 0.0), max(x.most, 0.0)
    most = (high - low) / 255.0
    step = at.made(0.0, max(most, 1.0) if x.holds(0) else most, x, nan=x.infinite, mixes=True)
    if x.is_finite and (x.least > 0 or x.most < 0):  # 0 is one end: the other is no nearer
        nearest = x.least if x.least > 0 else -x.most
        step = replace(step, low=np.asarray(nearest / 255.0 * (1 - 1e-5)))
    first, last = (255.0 if x.most < 0 else 0.0), (0.0 if x.least > 0 else 255.0)
    zero = at.made(first, last, x, integer=True)
    if not x.is_finite:
        zero = replace(zero, low=np.asarray(0.0), high=np.asarray(255.0))
    return [codes, step, replace(zero, free=False, nan=False)]


def _pointwise(at: At, function: Callable[[Range], tuple[float, float]]) -> Range | None:
    """X by its scale and zero point, a monotone function of it, and codes of the result."""
    kind = at.element_type(0)
    if kind is None:
        return None
    x = real(at, at[0], at.hull(1), laid(at, 2, 0, 0).hull)
    if not x.is_finite:
        return None
    ends = function(replace(x.hull, low=x.hull.low - 1e-6 * x.magnitude,
                            high=x.hull.high + 1e-6 * x.magnitude))  # fmt: skip
    y = at.made(*ends, x)
    return padded(to_codes(at, y, at.hull(3), laid(at, 4, 0, 0).hull, kind), kind)


def padded(codes: Range, element_type: int, by: float = 1.0) -> Range:
    """Codes with one more on either side: tables and requantisation round twice."""
    least, most = code_limits(element_type)
    return replace(codes, low=np.clip(codes.low - by, least, most),
                   high=np.clip(codes.high + by, least, most))  # fmt: skip


@transfer(MICROSOFT + "QLinearSigmoid")
def sigmoid_of_codes(at: At) -> Range | None:
    """Between the values at both ends."""
    return _pointwise(at, lambda x: (_sigmoid(x.least), _sigmoid(x.most)))


def _sigmoid(number: float) -> float:
    return float(1 / (1 + np.exp(-number)))


@transfer(MICROSOFT + "QLinearLeakyRelu")
def leaky_of_codes(at: At) -> Range | None:
    """x, or alpha · x below 0."""
    alpha = float(at.attribute("alpha", 0.01))

    def ends(x: Range) -> tuple[float, float]:
        found = [number if number >= 0 else number * alpha for number in (x.least, x.most)]
        if x.least < 0 < x.most:
            found.append(0.0)
        return min(found), max(found)

    return _pointwise(at, ends)


@transfer(MICROSOFT + "QLinearSoftmax")
def softmax_of_codes(at: At) -> Range | None:
    """Shares between 0 and 1."""
    kind = at.element_type(0)
    if kind is None:
        return None
    shares = at.made(0.0, 1.0, at[0])
    return padded(to_codes(at, shares, at.hull(3), laid(at, 4, 0, 0).hull, kind), kind)


@transfer(MICROSOFT + "QLinearAdd", MICROSOFT + "QLinearMul")
def of_two_codes(at: At) -> Range | None:
    """The sum or product of what two codes stand for."""
    kind = at.element_type(0)
    if kind is None:
        return None
    a = real(at, at[0], at.hull(1), laid(at, 2, 0, 0).hull)
    b = real(at, at[3], at.hull(4), laid(at, 5, 0, 0).hull)
    if not (a.is_finite and b.is_finite):
        return None
    a, b = contraction.combined(a, b)
    if at.node.op.endswith("Add"):
        low, high = a.low + b.low, a.high + b.high
    else:
        ends = np.array(np.broadcast_arrays(*(p * q for p in (a.low, a.high)
                                              for q in (b.low, b.high))))  # fmt: skip
        low, high = ends.min(axis=0), ends.max(axis=0)
    size = np.maximum(np.abs(a.low), np.abs(a.high)) + np.maximum(np.abs(b.low), np.abs(b.high))
    y = at.made(low - size * 1e-6, high + size * 1e-6, a, b, loose=a.varies and b.varies)
    return padded(to_codes(at, y, at.hull(6), laid(at, 7, 0, 0).hull, kind), kind)


@transfer(MICROSOFT + "QLinearConcat")
def joined_codes(at: At) -> Range | None:
    """Each part by its own scale, in codes of the result's."""
    kind = at.element_type_out()
    if kind is None or len(at.read) < 5:
        return None
    parts = []
    for slot in range(2, len(at.read) - 2, 3):
        zero = laid(at, slot + 2, 0, 0).hull
        parts.append(real(at, at.hull(slot), at.hull(slot + 1), zero))
    if not all(part.is_finite for part in parts):
        return None
    low, high = min(part.least for part in parts), max(part.most for part in parts)
    y = at.made(low, high, *parts)
    return padded(to_codes(at, y, at.hull(0), laid(at, 1, 0, 0).hull, kind), kind)


@transfer(MICROSOFT + "QLinearAveragePool", MICROSOFT + "QLinearGlobalAveragePool",
          MICROSOFT + "QLinearReduceMean")  # fmt: skip
def mean_of_codes(at: At) -> Range | None:
    """A mean of what codes stand for, 0 among them where padding counts."""
    kind = at.element_type(0)
    if kind is None:
        return None
    x = real(at, at.hull(0), at.hull(1), laid(at, 2, 0, 0).hull)
    if not x.is_finite:
        return None
    low, high = (x.least, x.most) if "Pool" not in at.node.op else (
        min(x.least, 0.0), max(x.most, 0.0)
    )  # fmt: skip
    slip = x.magnitude * 1e-3
    y = at.made(low - slip, high + slip, x, mixes=True)
    return padded(to_codes(at, y, at.hull(3), laid(at, 4, 0, 0).hull, kind), kind)
