"""The test of two samples, and linear CKA, by what must hold of them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from onnxlint.runtime.metrics.binning import binned, categories, frequencies
from onnxlint.runtime.metrics.cka import linear_cka
from onnxlint.runtime.metrics.two_sample import Halves, Sides, stability_indices, told_apart

SEEDS = st.integers(0, 2**32 - 1)


def drawn(seed: int, rows: int = 40, columns: int = 3) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 1, (rows, columns))


@settings(max_examples=30, deadline=None)
@given(SEEDS, st.integers(1, 6), st.integers(2, 40))
def test_a_representation_is_wholly_like_itself(seed, columns, rows):
    own = drawn(seed, rows, columns)
    assert linear_cka(own, own) == pytest.approx(1)


@settings(max_examples=30, deadline=None)
@given(SEEDS, st.floats(1e-3, 1e3), st.floats(-100, 100))
def test_rotation_scale_and_offset_change_no_alignment(seed, scale, offset):
    one, other = drawn(seed), drawn(seed + 1, columns=5)
    turned, _ = np.linalg.qr(drawn(seed + 2, 3, 3))
    assert linear_cka(one @ turned * scale + offset, other) == pytest.approx(linear_cka(one, other))
    assert linear_cka(one @ turned, one) == pytest.approx(1)


@settings(max_examples=30, deadline=None)
@given(SEEDS)
def test_alignment_is_symmetric_and_between_0_and_1(seed):
    one, other = drawn(seed), drawn(seed + 1, columns=7)
    aligned = linear_cka(one, other)
    assert aligned == pytest.approx(linear_cka(other, one))
    assert 0 <= aligned < 0.9


def test_alignment_is_that_of_the_formula():
    one, other = drawn(0), drawn(0) @ drawn(1, 3, 4) + drawn(2, 40, 4)
    mine, theirs = one - one.mean(axis=0), other - other.mean(axis=0)
    cross = np.linalg.norm(theirs.T @ mine) ** 2
    expected = cross / np.linalg.norm(mine.T @ mine) / np.linalg.norm(theirs.T @ theirs)
    assert linear_cka(one, other) == pytest.approx(expected)


def test_what_says_nothing_has_nothing_in_common():
    constant = np.ones((40, 3))
    assert linear_cka(constant, drawn(0)) == 0
    assert linear_cka(constant, 5 * constant) == 1
    assert linear_cka(np.full((40, 3), np.nan), drawn(0)) is None
    assert linear_cka(drawn(0) * 1e300, drawn(0)) == pytest.approx(1)


@settings(max_examples=20, deadline=None)
@given(SEEDS)
def test_permutations_keep_the_sizes_of_both_sets_in_every_stratum(seed):
    rng = np.random.default_rng(seed)
    strata, is_first = rng.integers(0, 3, 50), rng.random(50) < 0.4
    sides = Sides.of(is_first, strata, seed, 20)
    for stratum in range(3):
        counts = sides.drawn[:, strata == stratum].sum(axis=1)
        assert (counts == counts[0]).all()
    assert sides.first[is_first].sum() == pytest.approx(sides.second[~is_first].sum())


def test_p_values_are_uniform_where_nothing_differs():
    """Of one test each: at most as many below a level as the level says."""
    found = []
    for seed in range(150):
        rng = np.random.default_rng(seed)
        is_first = np.arange(60) < 25
        sides = Sides.of(is_first, np.zeros(60, int), seed, 99)
        found.append(float(stability_indices(sides, [binned(rng.normal(size=60), 25)]).p[0]))
    for level in (0.05, 0.1, 0.5):
        share, spread = np.mean(np.array(found) <= level), (level * (1 - level) / 150) ** 0.5
        assert abs(share - level) < 4 * spread + 0.01


def test_p_values_are_corrected_for_the_number_of_features():
    """Of twenty features, one is below the level as seldom as one alone would be."""
    below = 0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        sides = Sides.of(np.arange(80) < 40, np.zeros(80, int), seed, 99)
        columns = [binned(column, 40) for column in rng.normal(size=(20, 80))]
        below += bool((stability_indices(sides, columns).p <= 0.05).any())
    assert below <= 8  # 2 are expected; of 20 tests that are not corrected it were 26


def test_a_classifier_tells_apart_what_no_single_feature_shows():
    rng = np.random.default_rng(0)
    one, other = rng.normal(size=(150, 2)), rng.normal(size=(150, 2))
    other[:, 1] = other[:, 0] + 0.2 * other[:, 1]
    rows, is_first = np.concatenate([one, other / other.std(axis=0)]), np.arange(300) < 150
    none = np.zeros(300, int)
    sides = Sides.of(is_first, none, 0)
    alone = stability_indices(sides, [binned(column, 150) for column in rows.T])
    assert (alone.p > 0.05).all()
    together = told_apart(Halves.of(is_first, none, 0), [rows, rng.normal(size=(300, 9))], 0)
    assert together.effect[0] > 0.7
    assert together.p[0] <= 0.005
    assert together.p[1] > 0.05


def test_a_stratum_of_one_set_counts_nothing():
    rng = np.random.default_rng(0)
    strata = np.repeat([0, 1, 0], 50)
    values = np.where(strata == 1, 9.0, rng.normal(size=150))
    sides = Sides.of(np.arange(150) < 100, strata, 0)
    assert stability_indices(sides, [binned(values, 50)]).p[0] > 0.05
    assert sides.overlap(True) == 0.5
    assert sides.overlap(False) == 1


@settings(max_examples=40, deadline=None)
@given(st.lists(st.one_of(
    st.floats(allow_nan=True, allow_infinity=True), st.integers(0, 3).map(float)
), min_size=1, max_size=60))  # fmt: skip
def test_every_value_has_one_bin_that_depends_on_nothing_else(values):
    column = np.array(values)
    bins = binned(column, max(1, len(values) // 2))
    assert (bins.sum(axis=1) == 1).all()
    assert bins.any(axis=0).all()
    at = bins.argmax(axis=1)
    for one, other in zip(range(len(values)), range(1, len(values)), strict=False):
        if values[one] == values[other] or (values[one] != values[one] != values[other]):
            same = values[one] == values[other] or np.isnan(column[[one, other]]).all()
            assert not same or at[one] == at[other]


def test_missing_and_infinite_values_have_bins_of_their_own():
    bins = binned(np.array([np.nan, np.inf, -np.inf, 1.0, np.nan]), 5)
    assert bins.shape[1] == 4
    assert (bins[0] == bins[4]).all()


def test_texts_and_ids_are_counted():
    texts = np.array(["a"] * 20 + ["b"] * 20 + ["rare", "rarer"])
    assert categories(texts, 20).shape == (42, 3)
    shares = frequencies([np.array([1, 1, 2, 3])] * 5 + [np.array([1, 1, 1, 1])] * 5, 5)
    assert shares.sum(axis=1) == pytest.approx(1)
    assert shares[0].max() == pytest.approx(0.5)
