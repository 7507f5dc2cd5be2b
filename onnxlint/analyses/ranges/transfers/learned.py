"""Operators of ai.onnx.ml: what scales and encodes columns, and models that are sums of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from msgspec.structs import replace

from onnxlint.analyses.inputs.hints.attributes import elements
from onnxlint.analyses.ranges.at import At
from onnxlint.analyses.ranges.range import MOST_BOXES, Part, Range, join, vanished
from onnxlint.analyses.ranges.registry import transfer
from onnxlint.analyses.ranges.transfers.scores import labelled, scored, transformed

if TYPE_CHECKING:
    from onnxlint.types import Array

_DEGREES = {b"RBF": (0.0, 1.0), "RBF": (0.0, 1.0), b"SIGMOID": (-1.0, 1.0), "SIGMOID": (-1.0, 1.0)}
"""Kernels whose values are bounded, whatever they are fed."""


@transfer("ai.onnx.ml::Scaler", ulps=2)
def scaled(at: At) -> Range | None:
    """(x - offset) · scale, by column or for all."""
    offset, scale = (_row(at, name) for name in ("offset", "scale"))
    if offset is None or scale is None:
        return None
    x = _by_column(at, max(offset.size, scale.size))
    if x is None:
        return None
    moved = [x.low - offset, x.high - offset]
    slip = at.eps * np.maximum(np.abs(moved[0]), np.abs(moved[1])) * np.abs(scale)
    ends = np.array(np.broadcast_arrays(*(end * scale for end in moved)))
    nan = x.infinite and not scale.all()
    return at.made(ends.min(axis=0) - slip, ends.max(axis=0) + slip, nan=nan)


def _row(at: At, name: str) -> Array | None:
    """Numbers for the last axis, or one for all; None where they are not finite."""
    found = _floats(at, name)
    if not found.size or found.size > MOST_BOXES or not np.isfinite(found).all():
        return None
    return found if found.size > 1 else found.reshape(())


def _floats(at: At, name: str) -> Array:
    try:
        return np.asarray(elements(at.node, name), np.float64).reshape(-1)
    except (TypeError, ValueError):
        return np.zeros(0)


def _by_column(at: At, count: int) -> Range | None:
    """The input, whose last axis has so many places; None where it has not."""
    dims = at.dims(0)
    if count > 1 and (not dims or dims[-1] != count):
        return None
    found = _ranked(at)
    others = range(-found.low.ndim, -1)
    return (found.collapsed(list(others)) if others else found).without_parts()


def _ranked(at: At) -> Range:
    """The first input with all its axes, where they are told apart."""
    found, rank = at[0], at.rank(0)
    if rank is None or found.low.shape != found.high.shape or not 0 < found.low.ndim < rank:
        return at.with_rank(0)
    shape = (1,) * (rank - found.low.ndim) + found.low.shape
    return replace(found, low=found.low.reshape(shape), high=found.high.reshape(shape))


@transfer("ai.onnx.ml::Imputer")
def imputed(at: At) -> Range | None:
    """x, or the value that stands for one that is missing."""
    names = ("imputed_value_floats", "imputed_value_int64s")
    values = next((row for name in names if (row := _floats(at, name)).size), np.zeros(0))
    x = at[0].hull.without_parts()
    if not values.size or not np.isfinite(values).all():
        return None
    whole = bool((np.floor(values) == values).all())
    there = replace(x, low=np.asarray(values.min()), high=np.asarray(values.max()),
                    integer=whole, nan=False, nonzero=False)  # fmt: skip
    found = join(x, there)
    replaced = at.attribute("replaced_value_float", 0.0)
    is_nan = isinstance(replaced, float) and np.isnan(replaced)
    return replace(found, nan=x.nan and not is_nan)


@transfer("ai.onnx.ml::LabelEncoder", "ai.onnx.ml::CategoryMapper")
def encoded(at: At) -> Range | None:
    """One of the values, or the default of what is not among the keys."""
    numbers = [each for name in ("values_int64s", "values_floats", "values_tensor", "cats_int64s")
               for each in elements(at.node, name) if isinstance(each, (int, float))]  # fmt: skip
    texts = elements(at.node, "classes_strings")
    if not numbers and texts:
        numbers = [0, len(texts) - 1]
    if not numbers:
        return None
    for name, default in (("default_int64", -1), ("default_float", -0.0)):
        found = at.attribute(name, default)
        numbers.append(found if isinstance(found, (int, float)) else default)
    numbers += [each for each in elements(at.node, "default_tensor")
                if isinstance(each, (int, float))]  # fmt: skip
    array = np.asarray(numbers, np.float64)
    made = Range.constant(array).hull
    return replace(made, varies=at[0].varies, nonzero=False)


@transfer("ai.onnx.ml::OneHotEncoder")
def one_hot(at: At) -> Range:
    """1 at the category; nowhere, where it is not known and `zeros` allows that."""
    found = Range.of(0, 1, integer=True, varies=at[0].varies)
    least = 0.0 if at.attribute("zeros", 1) else 1.0
    return replace(found, total=Part(frozenset({-1}), least, 1.0))


@transfer("ai.onnx.ml::ArrayFeatureExtractor")
def extracted(at: At) -> Range:
    """Columns by their numbers."""
    x, indices = _ranked(at), at.integers(1)
    rank = at.rank(0)
    size = x.low.shape[-1] if x.low.ndim and x.low.shape == x.high.shape else 1
    if indices is None or rank is None or rank < 2 or size == 1 or not (
        all(0 <= index < size for index in indices) and indices
    ):  # fmt: skip
        return x.collapsed([-1]).hull.without_parts() if rank is None or rank < 2 else (
            x.collapsed([-1]).without_parts()
        )  # fmt: skip
    return replace(x.without_parts(), low=x.low[..., indices], high=x.high[..., indices])


@transfer("ai.onnx.ml::FeatureVectorizer")
def joined(at: At) -> Range | None:
    """Columns of all inputs; shorter ones are filled up with zeros."""
    parts = [each.hull.without_parts() for each in at.read if each is not None]
    return join(*parts, Range.of(0, 0, integer=True)) if parts else None


@transfer("ai.onnx.ml::ZipMap")
def zipped(at: At) -> Range:
    """The same numbers under names."""
    return at.hull()


@transfer("ai.onnx.ml::CastMap", "ai.onnx.ml::DictVectorizer")
def untold(at: At) -> None:
    """Of maps and of text nothing is known."""
    return


@transfer("TfIdfVectorizer")
def counted(at: At) -> Range | None:
    """How often each n-gram is found, times its weight, or 1 or 0 times it."""
    size, skips = at.size(0), at.attribute("max_skip_count", 0)
    mode = at.attribute("mode", "TF")
    most = 2.0**31 if size is None or not isinstance(skips, int) else size * (abs(skips) + 1.0)
    weights = _floats(at, "weights")
    if mode in ("IDF", b"IDF"):
        most = 1.0
    if mode in ("TF", b"TF") or not weights.size:
        return at.made(0.0, most, integer=True, mixes=True)
    ends = [0.0, most * weights.min(), most * weights.max()]
    return at.made(min(ends), max(ends), mixes=True)


# models


@transfer("ai.onnx.ml::LinearRegressor")
def regressed(at: At) -> Range | None:
    """W · x + b for each target."""
    found = _linear(at, at.attribute("targets", 1))
    return None if found is None else transformed(at, *found, _post(at))


@transfer("ai.onnx.ml::LinearClassifier")
def classified(at: At) -> list[Range]:
    """The label, and W · x + b for each class; of two classes one may have all weights."""
    label = labelled(at, "classlabels_ints")
    intercepts = _floats(at, "intercepts")
    count = intercepts.size or max(len(elements(at.node, "classlabels_ints")),
                                   len(elements(at.node, "classlabels_strings")))  # fmt: skip
    found = _linear(at, count)
    if found is None:
        return [label, at.top(1)]
    return [label, scored(at, *found, _post(at), is_single=count < 2)]


def _post(at: At) -> str:
    found = at.attribute("post_transform", "NONE")
    return found.decode("ascii", "replace") if isinstance(found, bytes) else str(found)


def _linear(at: At, count: int) -> tuple[Array, Array] | None:
    """The ends of each row of weights: positive ones by the upper end, negative by the lower."""
    weights, intercepts = _floats(at, "coefficients"), _floats(at, "intercepts")
    if not isinstance(count, int) or count < 1 or not weights.size or weights.size % count:
        return None
    if not np.isfinite(weights).all() or count > MOST_BOXES:
        return None
    matrix = weights.reshape(count, -1)
    x = _by_column(at, matrix.shape[1])
    if x is None or x.infinite:
        return None
    low, high = (np.broadcast_to(end.reshape(-1), matrix.shape[1]) for end in (x.low, x.high))
    up, down = np.maximum(matrix, 0), np.minimum(matrix, 0)
    base = intercepts if intercepts.size == count else np.zeros(count)
    if intercepts.size not in (0, count):
        return None
    size = np.abs(matrix) @ np.maximum(np.abs(low), np.abs(high)) + np.abs(base)
    slip = (matrix.shape[1] + 2) * at.eps * size
    slip = slip + vanished(None, matrix.shape[1], size)
    return up @ low + down @ high + base - slip, up @ high + down @ low + base + slip


@transfer("ai.onnx.ml::SVMRegressor")
def supported(at: At) -> Range | None:
    """Σ coefficient · kernel + rho; 1 or -1 where one class is told from all else."""
    if at.attribute("one_class", 0):
        return replace(at.made(-1.0, 1.0, integer=True, mixes=True, loose=True), free=False)
    parameters = at.attribute("kernel_type", "LINEAR")
    weights, rho = _floats(at, "coefficients"), _floats(at, "rho")
    if parameters not in _DEGREES or rho.size != 1 or not weights.size:
        return None
    ends = np.array([end * weights for end in _DEGREES[parameters]])
    slip = (weights.size + 8) * at.eps * (np.abs(weights).sum() + abs(rho[0]))
    low, high = ends.min(axis=0).sum() + rho[0] - slip, ends.max(axis=0).sum() + rho[0] + slip
    return transformed(at, np.asarray(low), np.asarray(high), _post(at))


@transfer("ai.onnx.ml::SVMClassifier")
def separated(at: At) -> list[Range]:
    """The label, and probabilities where it was fitted to give them."""
    label = labelled(at, "classlabels_ints")
    if not _floats(at, "prob_a").size or _post(at) != "NONE":
        return [label, at.top(1)]
    probable = at.made(-1e-5, 1 + 1e-5, mixes=True, loose=True)
    return [label, replace(probable, free=False, nan=probable.nan or not at[0].is_finite)]
