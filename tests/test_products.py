"""Sums of products in one compiled pass are those of numpy, however the weights lie in memory."""

from __future__ import annotations

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis.extra.numpy import arrays

from onnxlint.analyses.ranges.transfers.contraction import FEW_ROWS, by_boxes, by_weights
from onnxlint.runtime.statistics import products as module
from onnxlint.runtime.statistics.products import _by_numpy, products

SIZES = st.tuples(st.integers(1, 9), st.integers(1, 40))
WEIGHTS = SIZES.flatmap(
    lambda shape: arrays(np.float32, shape, elements=st.floats(-(2.0**99), 2.0**99, width=32))
)
LAYOUTS = {
    "rows": lambda w: w,
    "columns": lambda w: np.ascontiguousarray(w.T).T,
    "every other column": lambda w: np.repeat(w, 2, axis=1)[:, ::2],
    "part of wider rows": lambda w: np.pad(w, ((0, 0), (3, 2)))[:, 3:-2],
    "backwards": lambda w: np.ascontiguousarray(w[::-1])[::-1],
    "at an odd address": lambda w: np.frombuffer(b"." + w.tobytes(), np.float32, w.size, 1).reshape(
        w.shape
    ),
}


def vectors(weights, seed):
    return np.random.default_rng(seed).normal(size=(3, len(weights)))


@pytest.mark.parametrize("layout", LAYOUTS)
@given(WEIGHTS, st.integers(0, 9))
def test_the_pass_says_what_numpy_says(layout, weights, seed):
    laid = LAYOUTS[layout](weights)
    assert laid.tolist() == weights.tolist()
    centre, radius, bulk = vectors(weights, seed)
    found, expected = products(laid, centre, radius, bulk), _by_numpy(weights, centre, radius, bulk)
    assert found is not None
    assert expected is not None
    terms = np.abs(weights.astype(np.float64))
    for sums, same, scale in zip(found, expected, (centre, radius, bulk, 1, 0, 0), strict=True):
        room = np.abs(scale * np.ones(len(weights))) @ terms * 1e-14
        assert (np.abs(sums - same) <= room).all()


def test_many_columns_and_terms_are_all_there():
    weights = np.random.default_rng(0).normal(size=(103, 2500)).astype(np.float32)
    found = products(weights, *vectors(weights, 1))
    expected = _by_numpy(weights, *vectors(weights, 1))
    assert found is not None
    assert expected is not None
    for sums, same in zip(found, expected, strict=True):
        assert np.allclose(sums, same, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("number", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("place", [(0, 0), (4, 3), (8, 20)])
def test_there_are_no_sums_of_what_is_no_number(layout, number, place):
    weights = np.ones((9, 21), np.float32)
    weights[place] = number
    laid = LAYOUTS[layout](weights)
    assert products(laid, *vectors(weights, 0)) is None
    assert _by_numpy(weights, *vectors(weights, 0)) is None


NUMBERS = st.one_of(st.floats(-1e30, 1e30), st.floats(-1e-307, 1e-307))
CASES = WEIGHTS.flatmap(
    lambda weights: st.tuples(
        st.just(weights),
        arrays(np.float64, (2, 2, len(weights)), elements=NUMBERS),
        arrays(np.float64, (2, len(weights)), elements=st.floats(0, 1)),
    )
)
LEAST = 2.0**-1074
"""Half of it is 0, so that a box of it alone has no centre."""


def one(weight, low, high, share):
    """A case of one product of each row."""
    ends = np.array([[[low]] * 2, [[high]] * 2], np.float64)
    return np.array([[weight]], np.float32), ends, np.array([[share]] * 2, np.float64)


def by_one_box(low, high, weights, terms):
    low, high = low.min(axis=-1, keepdims=True), high.max(axis=-1, keepdims=True)
    return by_doubles(low, high, weights, terms)


def by_many_rows(low, high, weights, terms):
    times = FEW_ROWS // len(low) + 1
    sums = by_weights(np.tile(low, (times, 1)), np.tile(high, (times, 1)), weights, terms)
    return sums.each(lambda array: array[: len(low)])


def by_doubles(low, high, weights, terms):
    return by_weights(low, high, weights.astype(np.float64), terms)


def by_two_boxes(low, high, weights, terms):
    return by_boxes(low, high, *[weights.astype(np.float64)] * 2, terms)


WAYS = {
    "compiled": by_weights,
    "numpy": by_weights,
    "many rows": by_many_rows,
    "one box": by_one_box,
    "doubles": by_doubles,
    "two boxes": by_two_boxes,
}


@pytest.mark.parametrize("way", WAYS)
@given(CASES)
@example(one(5, LEAST, LEAST, 0))
@example(one(2.0**99, LEAST, 3 * LEAST, 0))
@example(one(2.0**99, -LEAST, 0, 1))
@example(one(2.0**-149, 2.0**-900, 2.0**-900, 0))
def test_sums_hold_every_product(way, case):
    weights, ends, share = case
    low, high = ends.min(axis=0), ends.max(axis=0)
    inside = np.clip(low + share * (high - low), low, high)
    with pytest.MonkeyPatch.context() as patch:
        if way == "numpy":
            patch.setattr(module, "compiled", lambda: None)
        sums = WAYS[way](low, high, weights, len(weights))
    each = inside.astype(np.longdouble)[..., None] * weights.astype(np.longdouble)
    exact = np.where(np.abs(each) * 2 <= LEAST, 0, each).sum(axis=-2)  # 0 to any kernel
    assert (sums.low <= exact).all()
    assert (exact <= sums.high).all()
    assert (
        np.abs(inside).astype(np.longdouble) @ np.abs(weights) <= sums.mass * (1 + 1e-12) + 1e-300
    ).all()


def test_boxes_with_an_infinite_end_are_bounded_where_no_weight_takes_it_up():
    low, high = np.array([[0.0, 0.0]]), np.array([[1.0, np.inf]])
    sums = by_weights(low, high, np.array([[2, 0, -1], [0, 0, 0]], np.float32), 2)
    assert np.isinf(sums.high).tolist() == [[True, False, False]]
    assert np.isinf(sums.low).tolist() == [[False, False, True]]
    assert sums.nan
