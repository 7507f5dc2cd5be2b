"""Tree ensembles: of each tree one leaf, of all trees the sum."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from onnxlint.analyses.inputs.hints.attributes import elements
from onnxlint.analyses.ranges.at import At
from onnxlint.analyses.ranges.range import MOST_BOXES, Range
from onnxlint.analyses.ranges.registry import transfer
from onnxlint.analyses.ranges.transfers.scores import PROBABLE, labelled, scored, transformed
from onnxlint.runtime.statistics.distinct import distinct

if TYPE_CHECKING:
    from onnxlint.types import Array

MOST_CELLS = 1 << 22
"""Trees times targets that are told apart; more are taken as one target."""

_DEEPEST = 1 << 12
"""Levels of a tree that are walked."""

_AGGREGATES = ("AVERAGE", "SUM", "MIN", "MAX")
_POSTS = ("NONE", "SOFTMAX", "LOGISTIC", "SOFTMAX_ZERO", "PROBIT")


@transfer("ai.onnx.ml::TreeEnsembleRegressor")
def regressed(at: At) -> Range | None:
    """The sum, mean, least or largest of one leaf of each tree, for each target."""
    trees, nodes, targets = (
        _array(at, name) for name in ("target_treeids", "target_nodeids", "target_ids")
    )
    weights = _weights(at, "target_weights")
    base = _weights(at, "base_values")
    count = at.attribute("n_targets", 1)
    ends = _ends(
        at, (trees, nodes, targets, weights), count, _text(at, "aggregate_function", "SUM")
    )
    if ends is None:
        return None
    return _finished(at, *_based(ends, base), _text(at, "post_transform", "NONE"))


@transfer("ai.onnx.ml::TreeEnsembleClassifier")
def classified(at: At) -> list[Range] | None:
    """The label, and the sums of the leaves of each class."""
    trees, nodes, classes = (
        _array(at, name) for name in ("class_treeids", "class_nodeids", "class_ids")
    )
    weights, base = _weights(at, "class_weights"), _weights(at, "base_values")
    labels = max(len(elements(at.node, "classlabels_int64s")),
                 len(elements(at.node, "classlabels_strings")))  # fmt: skip
    count = max(labels, int(classes.max(initial=0)) + 1)
    label = labelled(at, "classlabels_int64s", "classlabels_strings")
    ends = _ends(at, (trees, nodes, classes, weights), count, "SUM")
    if ends is None:
        return [label, at.top(1)]
    low, high = _based(ends, base)
    is_single = count <= 2 and len(set(classes.tolist())) == 1
    return [label, scored(at, low, high, _text(at, "post_transform", "NONE"), is_single=is_single)]


@transfer("ai.onnx.ml::TreeEnsemble")
def ensembled(at: At) -> Range | None:
    """The same of the newer operator, whose leaves stand apart from its nodes."""
    weights, targets = _weights(at, "leaf_weights"), _array(at, "leaf_targetids")
    trees = _trees_of_leaves(at, len(weights))
    if trees is None:
        return None
    aggregate, post = at.attribute("aggregate_function", 1), at.attribute("post_transform", 0)
    if aggregate not in range(4) or post not in range(5):
        return None
    leaves = np.arange(len(weights))
    count = at.attribute("n_targets", 1)
    ends = _ends(at, (trees, leaves, targets, weights), count, _AGGREGATES[aggregate], np.bincount(
        trees, minlength=int(trees.max(initial=-1)) + 1))  # fmt: skip
    return None if ends is None else _finished(at, *ends, _POSTS[post])


def _finished(at: At, low: Array, high: Array, post: str) -> Range | None:
    """After the transformation; onnxruntime leaves a single target as it is."""
    found = transformed(at, low, high, post)
    if found is None or low.size > 1 or post not in PROBABLE:
        return found
    return at.made(min(0.0, float(low[0])), max(1.0, float(high[0])), mixes=True)


def _text(at: At, name: str, default: str) -> str:
    found = at.attribute(name, default)
    return found.decode("ascii", "replace") if isinstance(found, bytes) else str(found)


def _array(at: At, name: str) -> Array:
    """An attribute of whole numbers; empty where it is none."""
    try:
        return np.asarray(elements(at.node, name), np.int64).reshape(-1)
    except (TypeError, ValueError, OverflowError):
        return np.zeros(0, np.int64)


def _weights(at: At, name: str) -> Array:
    """Numbers of an attribute, or of the tensor that takes its place."""
    found = elements(at.node, f"{name}_as_tensor") or elements(at.node, name)
    try:
        return np.asarray(found, np.float64).reshape(-1)
    except (TypeError, ValueError):
        return np.zeros(0)


def _based(ends: tuple[Array, Array], base: Array) -> tuple[Array, Array]:
    """With the base values added: one for each target, or one for all."""
    if not base.size:
        return ends
    if base.size == ends[0].size:
        return ends[0] + base, ends[1] + base
    low, high = min(0.0, base.min()), max(0.0, base.max())
    return ends[0] + low, ends[1] + high


def _ends(
    at: At, leaves: tuple[Array, Array, Array, Array], count: int, aggregate: str,
    sizes: Array | None = None,
) -> tuple[Array, Array] | None:  # fmt: skip
    """The ends of each target; `sizes` are the numbers of leaves of the trees."""
    trees, nodes, targets, weights = leaves
    is_whole = len(trees) == len(nodes) == len(targets) == len(weights) > 0
    if not is_whole or not isinstance(count, int) or not 0 < count <= MOST_BOXES:
        return None
    if targets.min() < 0 or targets.max() >= count or not np.isfinite(weights).all():
        return None
    known, tree = np.unique(trees, return_inverse=True)
    if len(known) * count > MOST_CELLS:
        return None
    low, high = _by_tree(tree, nodes, targets, weights, len(known), count)
    lacking = _lacking(at, known, tree, nodes, targets, count, sizes)
    low, high = (np.where(lacking, pick(ends, 0), ends)
                 for pick, ends in ((np.minimum, low), (np.maximum, high)))  # fmt: skip
    return _aggregated(low, high, aggregate, at.eps, bool(lacking.any()))


def _by_tree(
    tree: Array, nodes: Array, targets: Array, weights: Array, trees: int, count: int
) -> tuple[Array, Array]:
    """The least and largest weight of each tree and target; those of one leaf are added up."""
    cells = tree.reshape(-1) * count + targets
    _, place, leaf = np.unique(
        np.stack([cells, nodes]), axis=1, return_index=True, return_inverse=True
    )
    sums = np.zeros(len(place))
    np.add.at(sums, leaf.reshape(-1), weights)
    low, high = np.full(trees * count, np.inf), np.full(trees * count, -np.inf)
    np.minimum.at(low, cells[place], sums)
    np.maximum.at(high, cells[place], sums)
    return low.reshape(trees, count), high.reshape(trees, count)


def _lacking(
    at: At, known: Array, tree: Array, nodes: Array, targets: Array, count: int, sizes: Array | None
) -> Array:
    """Of which trees and targets some leaf says nothing, and so adds 0."""
    cells = distinct(np.stack([tree.reshape(-1) * count + targets, nodes]), axis=1)[0]
    there = np.bincount(cells, minlength=len(known) * count).reshape(len(known), count)
    if sizes is None:
        modes, owners = elements(at.node, "nodes_modes"), _array(at, "nodes_treeids")
        is_leaf = np.array([mode in (b"LEAF", "LEAF") for mode in modes], bool)
        if len(is_leaf) != len(owners):
            return np.ones((len(known), count), bool)
        all_leaves = owners[is_leaf]
        found, number = np.unique(all_leaves, return_counts=True)
        by_tree = dict(zip(found.tolist(), number.tolist(), strict=True))
        totals = np.array([by_tree.get(each, -1) for each in known.tolist()])
    else:
        totals = sizes[known]
    return np.asarray(there != totals[:, None])


def _aggregated(
    low: Array, high: Array, aggregate: str, eps: float, lacks: bool
) -> tuple[Array, Array] | None:
    """Over all trees. A leaf that says nothing of a target takes no part in a least or largest."""
    if aggregate in ("MIN", "MAX"):
        if lacks:
            return low.min(axis=0), high.max(axis=0)
        pick = np.min if aggregate == "MIN" else np.max
        return pick(low, axis=0), pick(high, axis=0)
    if aggregate not in ("SUM", "AVERAGE"):
        return None
    slip = (len(low) + 2) * eps * np.maximum(np.abs(low), np.abs(high)).sum(axis=0)
    least, most = low.sum(axis=0) - slip, high.sum(axis=0) + slip
    return (least, most) if aggregate == "SUM" else (least / len(low), most / len(low))


def _trees_of_leaves(at: At, count: int) -> Array | None:
    """The tree of each leaf, by walking down from all roots at once."""
    roots = _array(at, "tree_roots")
    ways = [(_array(at, f"nodes_{side}nodeids"), _array(at, f"nodes_{side}leafs"))
            for side in ("true", "false")]  # fmt: skip
    size = len(ways[0][0])
    if not count or any(len(each) != size for way in ways for each in way):
        return None
    found = np.full(count, -1, np.int64)
    at_nodes, of_tree = roots, np.arange(len(roots))
    for _ in range(_DEEPEST):
        if not len(at_nodes):
            return found if (found >= 0).all() else None
        if at_nodes.min() < 0 or at_nodes.max() >= size or len(at_nodes) > 2 * size + 1:
            return None
        ahead = []
        for targets, is_leaf in ways:
            there, ends = targets[at_nodes], is_leaf[at_nodes] != 0
            if ends.any() and (there[ends].min() < 0 or there[ends].max() >= count):
                return None
            found[there[ends]] = of_tree[ends]
            ahead.append((there[~ends], of_tree[~ends]))
        at_nodes, of_tree = (np.concatenate(parts) for parts in zip(*ahead, strict=True))
    return None
