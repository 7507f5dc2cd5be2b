"""What is proven of trees, against every way through them: no sample ever shows it wrong."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_trees import ensemble

from onnxlint.analyses.static.tree_paths import unreached
from onnxlint.analyses.static.trees import Ensemble

FIXTURES = Path(__file__).parent.parent / "fixtures"
ORDERED = ("BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE", "BRANCH_GT")
EXACT = ("BRANCH_EQ", "BRANCH_NEQ")
SAMPLES = list(product([*np.arange(-0.5, 4, 0.5), np.nan], repeat=2))
"""For two features: every threshold that is drawn, both sides of each, and no value at all."""


@st.composite
def trees(draw: Any, modes: tuple[str, ...]) -> list[tuple[Any, ...]]:
    """A tree as (mode, feature, threshold, tracks true, true, false), or a leaf as a number."""

    def grown(depth: int) -> Any:
        if depth == 0 or draw(st.integers(0, 3)) == 0:
            return draw(st.integers(0, 2))
        return (draw(st.sampled_from(modes)), draw(st.integers(0, 1)), draw(st.integers(0, 3)),
                draw(st.booleans()), grown(depth - 1), grown(depth - 1))  # fmt: skip

    return [grown(4) for _ in range(draw(st.integers(1, 3)))]


def of(forest: list[Any]) -> Ensemble:
    """The ensemble of some trees, whose nodes are numbered in the order of their rows."""
    columns: dict[str, list[Any]] = {name: [] for name in (
        "treeids", "nodeids", "modes", "featureids", "values", "missing_value_tracks_true",
        "truenodeids", "falsenodeids")}  # fmt: skip
    leaves: list[tuple[int, int, float]] = []
    for number, tree in enumerate(forest):
        ahead, at = [tree], 0
        while at < len(ahead):
            node = ahead[at]
            is_leaf = not isinstance(node, tuple)
            mode, feature, value, missing = ("LEAF", 0, 0, 0) if is_leaf else node[:4]
            sides = (0, 0) if is_leaf else (len(ahead), len(ahead) + 1)
            row = (number, at, mode, feature, float(value), int(missing), *sides)
            for name, cell in zip(columns, row, strict=True):
                columns[name].append(cell)
            if is_leaf:
                leaves.append((number, at, float(node)))
            else:
                ahead += node[4:]
            at += 1
    tree_ids, node_ids, weights = map(list, zip(*leaves, strict=True))
    return ensemble(
        **{f"nodes_{name}": column for name, column in columns.items()}, target_treeids=tree_ids,
        target_nodeids=node_ids, target_ids=[0] * len(leaves), target_weights=weights,
    )  # fmt: skip


def landed(found: Ensemble, root: int, sample: tuple[float, float]) -> int:
    """The leaf that a sample gets to."""
    rows, at = found.rows, root
    while not found.is_leaf[at]:
        value, limit = sample[rows.feature[at]], rows.threshold[at]
        holds = (value <= limit, value < limit, value >= limit, value > limit, value == limit,
                 value != limit)[rows.mode[at]]  # fmt: skip
        holds = holds or (np.isnan(value) and bool(rows.missing[at]))
        at = int((rows.true if holds else rows.false)[at])
    return at


def reached(found: Ensemble) -> set[int]:
    return {landed(found, root, sample) for root in found.order.roots for sample in SAMPLES}


@given(trees(ORDERED + EXACT))
@settings(max_examples=60, deadline=None)
def test_no_sample_lands_in_a_leaf_called_unreachable(forest: list[Any]) -> None:
    found = of(forest)
    dead = unreached(found.rows, found.order)
    assert dead is not None
    assert not reached(found) & set(dead.leaves.tolist())


@given(trees(ORDERED))
@settings(max_examples=60, deadline=None)
def test_leaves_that_no_sample_reaches_are_found(forest: list[Any]) -> None:
    found = of(forest)
    dead = unreached(found.rows, found.order)
    assert dead is not None
    missed = set(np.flatnonzero(found.is_leaf).tolist()) - reached(found)
    assert missed >= set(dead.leaves.tolist())
    if not len(dead.repeated):
        assert missed == set(dead.leaves.tolist())


@given(trees(ORDERED + EXACT))
@settings(max_examples=60, deadline=None)
def test_trees_that_count_as_equal_give_the_same(forest: list[Any]) -> None:
    found = of(forest + forest[:1])
    digests, given_by = found._digests[0], found.rows.outputs
    assert found.distinct < len(found.splitting) or found.is_leaf[found.order.roots[0]]
    for one, other in product(found.order.roots, repeat=2):
        if digests[one] == digests[other]:
            pairs = ((landed(found, one, each), landed(found, other, each)) for each in SAMPLES)
            assert all(given_by[a] == given_by[b] for a, b in pairs)


@given(trees(ORDERED + EXACT))
@settings(max_examples=60, deadline=None)
def test_an_idle_split_gives_the_same_on_both_sides(forest: list[Any]) -> None:
    found = of(forest)
    given_by = found.rows.outputs
    for at in found._digests[1]:
        for sample in SAMPLES:
            ends = (landed(found, side[at], sample) for side in (found.rows.true, found.rows.false))
            assert len({int(given_by[end]) for end in ends}) == 1


def test_onnxruntime_never_gets_to_the_leaves_of_a_real_export_that_are_called_unreachable() -> (
    None
):
    onnxruntime = pytest.importorskip("onnxruntime")
    model = onnx.load(FIXTURES / "trees/tree_units.onnx")
    node = next(each for each in model.graph.node if each.op_type == "TreeEnsembleRegressor")
    attributes = {each.name: onnx.helper.get_attribute_value(each) for each in node.attribute}
    found = ensemble(**attributes)
    assert len(found.unreachable) == 10
    weights = next(each for each in node.attribute if each.name == "target_weights")
    weights.floats[:] = list(map(float, attributes["target_nodeids"]))
    session = onnxruntime.InferenceSession(model.SerializeToString())
    x = np.random.default_rng(0).normal(0, 2, (20_000, 4)).astype(np.float32)
    (got,) = session.run(None, {"features": x})
    assert not set(got.astype(int).ravel().tolist()) & set(found.unreachable.tolist())
    assert len(set(got.ravel().tolist())) > 5
