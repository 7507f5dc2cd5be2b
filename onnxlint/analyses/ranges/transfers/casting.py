"""Values as another type, and Dropout, which is a copy where nothing is trained."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from msgspec.structs import replace

from onnxlint.analyses.ranges.at import At
from onnxlint.analyses.ranges.range import Range, limits, precision
from onnxlint.analyses.ranges.registry import transfer
from onnxlint.model.file.dtypes import dtype_name, is_float, is_integer, numpy_dtype

FROM_NAN = {"int32": (-(2.0**31), 0.0), "int64": (-(2.0**63), 0.0),
            "uint32": (0.0, 2.0**31), "uint64": (0.0, 2.0**63)}  # fmt: skip
"""What NaN becomes as an integer: on x86 the least number or what is left of it in fewer bits, 0 on
other machines. Narrower types get 0."""


@transfer("Cast", "CastLike", pointwise=True)
def cast(at: At) -> Range | None:
    """x as another type: cut off towards 0 as an integer, true where it is not 0 as a boolean.

    As an integer, what lies beyond the type may become any number: kernels wrap around, give the
    least number, or the end.
    """
    source, target = at.element_type(), at.element_type_out()
    if source is None or target is None or "string" in (dtype_name(source), dtype_name(target)):
        return None
    if dtype_name(target) == "bool":
        return _as_bool(at)
    if is_integer(target):
        return _as_integer(at, target)
    if dtype_name(target).startswith("float8") or dtype_name(target).startswith("float4"):
        return _as_small_float(at, target)
    return _as_float(at, source, target)


def _as_bool(at: At) -> Range:
    x = at[0]
    low = np.where((x.low > 0) | (x.high < 0) | x.nonzero, 1.0, 0.0)
    high = np.where((x.low == 0) & (x.high == 0) & (not x.nan), 0.0, 1.0)
    return at.made(low, np.maximum(low, high), x, integer=True)


def _as_integer(at: At, target: int) -> Range:
    """Cut off; of fewer than 8 bits rounded to the nearest."""
    x = at[0]
    low, high = np.trunc(x.low), np.trunc(x.high)
    if dtype_name(target)[-1] in "24" and dtype_name(target)[-2] == "t":
        low, high = np.minimum(low, np.rint(x.low)), np.maximum(high, np.rint(x.high))
    if x.nan:
        least, most = FROM_NAN.get(dtype_name(target), (0.0, 0.0))
        low, high = np.minimum(low, least), np.maximum(high, most)
    least, most = limits(target)
    fits = bool((low >= least).all() and (high <= most).all())
    keeps = x.integer and x.nonzero and fits and not x.nan
    return at.made(low, high, x, integer=True, nonzero=keeps)


def _as_float(at: At, source: int, target: int) -> Range:
    """Rounded; beyond the largest number it is infinity."""
    x = at[0]
    wider = is_integer(source) or limits(target)[1] >= limits(source)[1]
    is_kept = not is_float(source) or precision(target) <= precision(source)
    found = at.made(x.low, x.high, x, integer=x.integer, nonzero=x.nonzero and wider)
    if is_kept and is_float(source):
        return replace(found, anchor=x.anchor)
    return found


def _as_small_float(at: At, target: int) -> Range:
    """Rounded; beyond the largest number that itself, unless `saturate` is 0: then NaN."""
    x, most = at[0], limits(target)[1]
    least = 2.0**-127 if dtype_name(target) == "float8e8m0" else -most
    low, high = np.clip(x.low, least, most), np.clip(x.high, least, most)
    if least > 0:  # powers of two alone, rounded as an attribute says
        low, high = np.exp2(np.floor(np.log2(low))), np.exp2(np.ceil(np.log2(high)))
    else:
        dtype = numpy_dtype(target)
        low, high = (end.astype(np.float32).astype(dtype).astype(np.float64) for end in (low, high))
    beyond = bool((x.low < least).any() or (x.high > most).any())
    is_lost = beyond and not at.attribute("saturate", 1)
    if is_lost and dtype_name(target) == "float8e5m2":  # the one that has infinity
        low, high = np.where(x.low < least, -np.inf, low), np.where(x.high > most, np.inf, high)
        is_lost = False
    return at.made(low, high, x, nan=is_lost, integer=x.integer and least < 0 and not is_lost)


@transfer("BitCast", pointwise=True)
def same_bits(at: At) -> Range:
    """The bits as another type: anything, unless it is the same type."""
    x = at[0]
    if at.element_type() is not None and at.element_type() == at.element_type_out():
        return x
    return replace(at.top(), free=x.free, loose=True, mixed=x.mixed, varies=x.varies)


@transfer("Dropout", pointwise=True)
def dropped(at: At) -> Sequence[Range]:
    """x; in training 0, or x over the share that is kept. The mask tells which are kept.

    Before opset 12 the kernel gives a mask of zeros.
    """
    x = at[0]
    may_train = at.has(2) and at.node.opset >= 12 and at[2].most > 0
    if not may_train:
        mask = 1.0 if at.node.opset >= 12 else 0.0
        return [x, Range.of(mask, mask, integer=True)]
    ratio = at[1].most if at.has(1) else 0.5
    if at.has(1) and not ratio > 0:
        return [x, Range.of(1.0, 1.0, integer=True)]
    factor = 1 / (1 - ratio) if 0 <= ratio < 1 else np.inf
    slip = 1 + 4 * precision(at.element_type_out())
    ends = np.array([x.low, x.high, x.low * factor * slip, x.high * factor * slip])
    ends = np.nan_to_num(ends, nan=0.0, posinf=np.inf, neginf=-np.inf)
    found = at.made(np.minimum(ends.min(axis=0), 0), np.maximum(ends.max(axis=0), 0), x,
                    nan=x.infinite or not np.isfinite(factor), loose=True)  # fmt: skip
    return [replace(found, varies=True), replace(Range.of(0, 1, integer=True), varies=True)]
