"""Sums of products of a matrix with a vector of intervals, in one pass where numpy needs nine."""

from __future__ import annotations

import ctypes
from typing import NamedTuple

import numpy as np

from onnxlint.runtime.protocol import Array
from onnxlint.runtime.statistics.compiled import compiled


class Products(NamedTuple):
    """What a matrix W makes of intervals, for each of its columns, in float64.

    `centre` @ W, `radius` @ |W|, `mass` @ |W|, the sum of |W|, and the extremes of W.
    """

    centre: Array
    radius: Array
    mass: Array
    size: Array
    lowest: Array
    highest: Array


class _Task(ctypes.Structure):
    """`Products` of passes.c."""

    _fields_ = [
        ("weights", ctypes.c_void_p),
        *((name, ctypes.c_int64) for name in ("terms", "columns", "by_term", "by_column")),
        *((name, ctypes.c_void_p) for name in (
            "centre", "radius", "bulk", "centres", "radii", "masses", "sizes", "lows", "highs",
        )),
    ]  # fmt: skip


def products(weights: Array, centre: Array, radius: Array, bulk: Array) -> Products | None:
    """Of float32 weights (terms, columns) and vectors over their terms, of any strides.

    None where a weight is NaN or infinite.
    """
    vectors = [np.ascontiguousarray(each, np.float64) for each in (centre, radius, bulk)]
    steps = [step // 4 for step in weights.strides]
    library = compiled()
    if library is None or 1 not in steps or not _can_be_read(weights):
        return _by_numpy(weights, *vectors)
    columns = weights.shape[1]
    sums = [np.zeros(columns) for _ in range(4)]
    ends = [np.full(columns, end, np.float32) for end in (_HIGHEST, -_HIGHEST)]
    arrays = [each.ctypes.data for each in (*vectors, *sums, *ends)]
    task = _Task(weights.ctypes.data, *weights.shape, *steps, *arrays)
    return Products(*sums, *ends) if library.onnxlint_products(ctypes.byref(task)) else None


def _can_be_read(weights: Array) -> bool:
    return bool(weights.dtype == np.float32 and weights.size)


_HIGHEST = float(np.finfo(np.float32).max)

_CHUNK = 1 << 21
"""Weights that numpy widens at a time: 16 MiB, and as much of magnitudes."""


def _by_numpy(weights: Array, centre: Array, radius: Array, bulk: Array) -> Products | None:
    width = max(1, _CHUNK // max(len(weights), 1))
    starts = range(0, max(weights.shape[1], 1), width)
    parts = [_of_some(weights[:, start : start + width], centre, radius, bulk) for start in starts]
    known = [part for part in parts if part is not None]
    if len(known) < len(parts):
        return None
    return Products(*map(np.concatenate, zip(*known, strict=True)))


def _of_some(weights: Array, centre: Array, radius: Array, bulk: Array) -> Products | None:
    wide = weights.astype(np.float64)
    size = np.abs(wide)
    total = size.sum(axis=0)
    if not np.isfinite(total).all():
        return None
    low, high = wide.min(axis=0, initial=_HIGHEST), wide.max(axis=0, initial=-_HIGHEST)
    return Products(centre @ wide, radius @ size, bulk @ size, total, low, high)
