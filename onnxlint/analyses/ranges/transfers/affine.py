"""Matrix products: by constant weights for each column, and of two values that vary."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from msgspec.structs import replace

from onnxlint.analyses.ranges.at import At
from onnxlint.analyses.ranges.range import Part, Range, together, vanished
from onnxlint.analyses.ranges.registry import transfer
from onnxlint.analyses.ranges.transfers import contraction, stored
from onnxlint.analyses.ranges.transfers.contraction import Sums

if TYPE_CHECKING:
    from onnxlint.types import Array

MICROSOFT = "com.microsoft::"


@transfer("MatMul", ulps=2)
def matrix_product(at: At) -> Range | None:
    """The sum of products along the last axis of x and the last but one of y."""
    return product(at, 0, 1)


@transfer(MICROSOFT + "FusedMatMul", MICROSOFT + "TransposeMatMul", ulps=2)
def scaled_product(at: At) -> Range | None:
    """MatMul of transposed operands times alpha."""
    if at.attribute("transBatchA", 0) or at.attribute("transBatchB", 0):
        return _of_hulls(at, 0, 1, float(at.attribute("alpha", 1.0)), None)
    return product(
        at, 0, 1, bool(at.attribute("transA", 0)), bool(at.attribute("transB", 0)),
        scale=float(at.attribute("alpha", 1.0)),
    )  # fmt: skip


@transfer("Gemm", ulps=2)
def general_product(at: At) -> Range | None:
    """The product, scaled by alpha, and C, scaled by beta and broadcast."""
    return _general(at)


def _general(at: At) -> Range | None:
    found = product(
        at, 0, 1, bool(at.attribute("transA", 0)), bool(at.attribute("transB", 0)),
        scale=float(at.attribute("alpha", 1.0)),
    )  # fmt: skip
    beta = float(at.attribute("beta", 1.0))
    if found is None or not at.has(2) or not beta:  # C is not read where beta is 0
        return found
    return contraction.plus(at, found, scaled(at, at[2], beta))


def scaled(at: At, one: Range, scale: float) -> Range:
    """A range times a number, rounding included."""
    ends = np.array([one.low * scale, one.high * scale])
    slip = np.abs(ends).max(axis=0) * at.eps if at.is_float and scale != 1 else 0.0
    slip = np.where(np.isfinite(slip), slip, 0.0)
    return replace(one.without_parts(), low=ends.min(axis=0) - slip, high=ends.max(axis=0) + slip)


@transfer(MICROSOFT + "FusedGemm", ulps=4)
def activated_product(at: At) -> Range | None:
    """Gemm and an activation."""
    found = _general(at)
    return None if found is None else activated(at, found, "activation_alpha", "activation_beta")


def activated(at: At, found: Range, *names: str) -> Range | None:
    """An activation named by a fused operator; its ends are those of its own kernel."""
    name = at.attribute("activation", "") or ""
    name = name.decode() if isinstance(name, bytes) else name
    params = [at.attribute(each) for each in names] or list(at.attribute("activation_params") or ())
    alpha = params[0] if params and params[0] is not None else 0.01
    low, high = found.low, found.high
    if name == "":
        return found
    if name == "Relu":
        ends = np.maximum(low, 0.0), np.maximum(high, 0.0)
    elif name == "LeakyRelu" and alpha >= 0:
        ends = np.where(low < 0, low * alpha, low), np.where(high < 0, high * alpha, high)
    elif name in ("Sigmoid", "HardSigmoid"):
        ends = np.zeros(()), np.ones(())
    elif name == "Tanh":
        ends = -np.ones(()), np.ones(())
    elif name == "Clip" and len(params) > 1 and params[0] <= params[1]:
        ends = np.clip(low, params[0], params[1]), np.clip(high, params[0], params[1])
    else:
        return None
    return replace(found, low=np.asarray(ends[0]), high=np.asarray(ends[1]), integer=False)


def product(at: At, one: int, other: int, turn_one: bool = False, turn_other: bool = False,
            scale: float = 1.0) -> Range | None:  # fmt: skip
    """The matrix product of two inputs, each transposed on demand."""
    a, b = contraction.grid(at, one), contraction.grid(at, other)
    if a is None or b is None or not a[0].ndim or not b[0].ndim:
        terms = inner(at, one, other, turn_one, turn_other)
        return _of_hulls(at, one, other, scale, terms)
    is_row, is_column = a[0].ndim == 1, b[0].ndim == 1
    rows = _shaped(a, turn_one, lambda each: each[None, :])
    columns = _shaped(b, turn_other, lambda each: each[:, None])
    sums = _weighed(at, one, other, rows, columns, turn_one, turn_other)
    shape = list(sums.low.shape)
    if is_column:
        shape.pop()
    if is_row:
        shape.pop(-1 if is_column else -2)
    varies = at[one].varies and at[other].varies
    found = contraction.ranged(
        at, sums.moved(tuple(shape)), at[one], at[other], scale=scale, loose=varies
    )
    return _averaged(at, found, (one, turn_one), (other, turn_other), scale)


def _shaped(ends: tuple[Array, Array], turn: bool, lift: object) -> tuple[Array, Array]:
    low, high = ends
    if low.ndim == 1:
        return lift(low), lift(high)  # type: ignore[operator]
    return (low.swapaxes(-1, -2), high.swapaxes(-1, -2)) if turn else (low, high)


def _weighed(at: At, one: int, other: int, a: tuple[Array, Array], b: tuple[Array, Array],
             turn_one: bool, turn_other: bool) -> Sums:  # fmt: skip
    """The sums where a side is constant: the other's boxes times it; else of both boxes."""
    weights = _matrix(stored.weights(at, other), turn_other, column=True)
    if weights is not None:
        return by_matrix(a, weights)
    weights = _matrix(stored.weights(at, one), turn_one, column=False)
    if weights is not None:
        low, high = (end.swapaxes(-1, -2) for end in b)
        return by_matrix((low, high), weights.swapaxes(-1, -2)).turned()
    return _of_two(at, a, b, inner(at, one, other, turn_one, turn_other))


def _matrix(array: Array | None, turn: bool, column: bool) -> Array | None:
    if array is None or not array.ndim or not array.size:
        return None
    if array.ndim == 1:
        return array[:, None] if column else array[None, :]
    return array.swapaxes(-1, -2) if turn else array


def by_matrix(data: tuple[Array, Array], weights: Array) -> Sums:
    """Rows of boxes times a constant; rows are merged where the products are too many."""
    low, high = data
    terms = weights.shape[-2]
    if low.shape[-1] not in (1, terms):
        low, high = contraction.merged(data, (-1,))
    rows = int(np.prod(low.shape[:-1], dtype=np.int64))
    columns = weights.shape[-1]
    batches = weights.size // max(terms * columns, 1)
    if not contraction.fits(rows, max(columns * batches, 1)):
        low, high = contraction.merged((low, high), tuple(range(low.ndim - 1)))
    if _broadcast(low.shape[:-2], weights.shape[:-2]) is None:
        low, high = contraction.merged((low, high), tuple(range(low.ndim - 1)))
    return contraction.by_weights(low, high, weights, terms)


def inner(at: At, one: int, other: int, turn_one: bool, turn_other: bool) -> int | None:
    """How many products are added; None where it is not known."""
    for slot, axis in ((one, -2 if turn_one else -1), (other, -1 if turn_other else -2)):
        dims = at.dims(slot)
        if dims:
            size = dims[0] if len(dims) == 1 else dims[axis]
            if isinstance(size, int):
                return size
    return None


def _of_two(at: At, a: tuple[Array, Array], b: tuple[Array, Array], terms: int | None) -> Sums:
    """Both vary: corners times how many are added, and by boxes where these tell them apart."""
    rows, columns = contraction.merged(a, (-1,)), contraction.merged(b, (-2,))
    shape = _broadcast(rows[0].shape, columns[0].shape)
    if shape is None or not contraction.fits(*shape):
        rows = contraction.merged(rows, tuple(range(rows[0].ndim)))
        columns = contraction.merged(columns, tuple(range(columns[0].ndim)))
        return contraction.by_corners(*rows, *columns, terms)
    found = contraction.by_corners(*rows, *columns, terms)
    finite = all(np.isfinite(end).all() for end in (*a, *b))
    if terms is None or not finite or not {a[0].shape[-1], b[0].shape[-2]} <= {1, terms}:
        return found
    if terms == 1 or {a[0].shape[-1], b[0].shape[-2]} == {1}:
        return found
    if not contraction.fits(a[0].size // a[0].shape[-1], terms):
        return found
    a = _widened(a, -1, terms)
    b = _widened(b, -2, terms)
    return contraction.met(contraction.by_boxes(*a, *b, terms), found)


def _broadcast(*shapes: tuple[int, ...]) -> tuple[int, ...] | None:
    try:
        return np.broadcast_shapes(*shapes)
    except ValueError:  # a model that does not run
        return None


def _widened(ends: tuple[Array, Array], axis: int, size: int) -> tuple[Array, Array]:
    low, high = ends
    shape = list(low.shape)
    shape[axis] = size
    return np.broadcast_to(low, shape), np.broadcast_to(high, shape)


def _of_hulls(at: At, one: int, other: int, scale: float, terms: int | None) -> Range:
    """Where ranks are not known: the product of two intervals, so many times."""
    a, b = at.hull(one), at.hull(other)
    sums = contraction.by_corners(a.low, a.high, b.low, b.high, terms)
    return contraction.ranged(at, sums, a, b, scale=scale, loose=True)


def _averaged(at: At, found: Range, one: tuple[int, bool], other: tuple[int, bool],
              scale: float) -> Range:  # fmt: skip
    """Narrower where one side's numbers are shares, as of a softmax: then the other's average."""
    for (slot, _), (far, turned), axis, across in (
        (one, other, -2 if one[1] else -1, -1 if other[1] else -2),
        (other, one, -1 if other[1] else -2, -2 if one[1] else -1),
    ):
        shares, values = at[slot], contraction.grid(at, far)
        if not _are_shares(shares, axis) or values is None or not at[far].is_finite:
            continue
        if values[0].ndim < 2 or (at.rank(slot) or 0) < 2 or shares.total is None:
            continue
        terms = inner(at, one[0], other[0], one[1], other[1])
        low, high = averages(at, shares.total, contraction.merged(values, (across,)), terms)
        if turned:
            low, high = low.swapaxes(-1, -2), high.swapaxes(-1, -2)
        return _narrowed(found, low * scale, high * scale)
    return found


def _are_shares(one: Range, axis: int) -> bool:
    return one.total is not None and one.total.axes == {axis} and one.least >= 0 and not one.nan


LONGEST = 1 << 12
"""Terms of a weighted average that are taken where their number is not known. A choice."""


def averages(at: At, total: Part, values: tuple[Array, Array], terms: int | None
             ) -> tuple[Array, Array]:  # fmt: skip
    """Sums of numbers weighed by shares that add up to about 1; rounding included.

    Narrow floats are summed up in float32 and rounded after that.
    """
    low, high = values
    ends = np.array([end * by for end in (low, high) for by in (total.low, total.high)])
    rate = (terms or LONGEST) / 2 * min(at.eps, 2.0**-23) + 4 * at.eps
    size = np.maximum(np.abs(low), np.abs(high))
    slip = size * max(abs(total.high), 1.0) * rate
    slip = slip + vanished(at.element_type_out(), terms or LONGEST, size)
    return ends.min(axis=0) - slip, ends.max(axis=0) + slip


def _narrowed(found: Range, low: Array, high: Array) -> Range:
    """Within these ends too, whichever way they lie."""
    low, high = np.minimum(low, high), np.maximum(low, high)
    other = replace(found, low=low, high=high)
    a, b = together(found, other)
    least, most = np.maximum(a.low, b.low), np.minimum(a.high, b.high)
    if bool((least > most).any()):
        return found
    return replace(found, low=least, high=most, nan=found.nan and not np.isfinite(high).all())
