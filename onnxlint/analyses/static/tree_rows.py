"""Reads the attributes of a tree ensemble into one form, whatever a file writes into them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from msgspec import Struct

from onnxlint.model.file.mapped_files import TensorError
from onnxlint.model.file.tensors import Tensor
from onnxlint.model.graph.nodes import Node
from onnxlint.runtime.statistics.distinct import distinct

if TYPE_CHECKING:
    from onnxlint.types import Array

MODES = ("BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE", "BRANCH_GT", "BRANCH_EQ", "BRANCH_NEQ",
         "BRANCH_MEMBER", "LEAF")  # fmt: skip
"""How a node compares, by the numbers of TreeEnsemble; a leaf does not."""

LEQ, LT, GTE, GT, EQ, NEQ, MEMBER, LEAF = range(8)

MOST_NODES = 1 << 24
"""Nodes of one ensemble that are looked at; more take seconds for each question."""

MOST_ROOM = 8
"""Places of a table for each row; nodes of few exporters are numbered with such gaps."""

_SEED = np.uint64(0x9E3779B97F4A7C15)


class MalformedTreesError(ValueError):
    """The attributes do not make trees; the text says why not."""


class UnreadTreesError(Exception):
    """Numbers of theirs lie in another file, which cannot be read."""


class Rows(Struct, frozen=True, eq=False):
    """The nodes of all trees, a row each; leaves of the newer operator come behind the others.

    `true` and `false` are rows, -1 at leaves. `missing` says that a missing value goes to the true
    side. `outputs` is a hash of what a leaf gives, of a test for members what it is compared with;
    `single` that thresholds are stored as float32.
    """

    mode: Array
    feature: Array
    threshold: Array
    true: Array
    false: Array
    missing: Array
    outputs: Array
    single: bool


def mixed(*parts: Array) -> Array:
    """A hash of 64 bits of each row of these columns."""
    found = np.zeros(len(parts[0]), np.uint64)
    for part in parts:
        bits = np.ascontiguousarray(part)
        bits = bits.view(np.uint64) if bits.dtype.itemsize == 8 else bits.astype(np.uint64)
        found = (found ^ bits) + _SEED
        for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
            found = (found ^ (found >> np.uint64(shift))) * np.uint64(factor)
        found ^= found >> np.uint64(31)
    return found


def rows_of(node: Node) -> Rows | None:
    """The rows of an ensemble; None where it is too large, a function's call decides, or a file
    that holds some of them cannot be read.

    Raises:
        MalformedTreesError: they do not make trees.
    """
    if any(attribute.ref_attr_name for attribute in node.attribute_list):
        return None
    try:
        return _newer(node) if node.op_type == "TreeEnsemble" else _older(node)
    except UnreadTreesError:
        return None


def _older(node: Node) -> Rows | None:
    """Versions 1 to 3: a leaf is a node, and what it gives stands in lists of its own."""
    kind = "class" if node.op_type == "TreeEnsembleClassifier" else "target"
    trees, names = _integers(node, "nodes_treeids"), _integers(node, "nodes_nodeids")
    size = len(trees)
    if size > MOST_NODES:
        return None
    if not size:
        raise MalformedTreesError("no nodes")
    mode = _modes(node, size)
    feature = _integers(node, "nodes_featureids")
    values, single = _numbers(node, "nodes_values")
    missing = _integers(node, "nodes_missing_value_tracks_true")
    missing = missing if len(missing) else np.zeros(size, np.int64)
    sides = [_integers(node, f"nodes_{side}nodeids") for side in ("true", "false")]
    _same_length(size, nodes_nodeids=names, nodes_featureids=feature, nodes_values=values,
                 nodes_missing_value_tracks_true=missing, nodes_truenodeids=sides[0],
                 nodes_falsenodeids=sides[1])  # fmt: skip
    places = _Places(trees, names)
    is_leaf = mode == LEAF
    true, false = (np.where(is_leaf, -1, places.children(side, ~is_leaf)) for side in sides)
    outputs = _outputs(node, kind, places, size)
    return Rows(mode, feature, values, true, false, missing != 0, outputs, single)


class _Places:
    """Rows by tree and node."""

    def __init__(self, trees: Array, names: Array) -> None:
        self._tree, self._names = trees, names
        (count, self._rank_of_tree), (self._width, self._rank_of_name) = map(
            _ranked, (trees, names)
        )
        keys = self._rank_of_tree(trees) * self._width + self._rank_of_name(names)
        self._row_of = _rows_by_key(count * self._width, keys)
        twice = np.flatnonzero(self._row_of(keys) != np.arange(len(trees)))
        if len(twice):
            at = twice[0]
            raise MalformedTreesError(
                f"node {names[at]} of tree {trees[at]} is defined more than once"
            )

    def children(self, names: Array, where: Array) -> Array:
        """The row of a child in the tree of each node; an error where there is none."""
        found = self._of(self._tree, names)
        lacking = np.flatnonzero(where & (found < 0))
        if len(lacking):
            at = lacking[0]
            raise MalformedTreesError(
                f"node {self._names[at]} of tree {self._tree[at]} leads to node {names[at]}, "
                "which does not exist"
            )
        return found

    def leaves(self, trees: Array, names: Array) -> Array:
        """Rows by the numbers that the file has for tree and node; an error where there is none."""
        found = self._of(trees, names)
        lacking = np.flatnonzero(found < 0)
        if len(lacking):
            at = lacking[0]
            raise MalformedTreesError(
                f"a weight is of node {names[at]} of tree {trees[at]}, which does not exist"
            )
        return found

    def _of(self, trees: Array, names: Array) -> Array:
        """Their rows; -1 where there is none."""
        tree, name = self._rank_of_tree(trees), self._rank_of_name(names)
        is_there = (tree >= 0) & (name >= 0)
        return np.where(
            is_there, self._row_of(np.where(is_there, tree * self._width + name, 0)), -1
        )


def _ranked(known: Array) -> tuple[int, Callable[[Array], Array]]:
    """How many ranks numbers have, and the rank of each; -1 of others."""
    first, last = int(known.min()), int(known.max())
    if last - first < MOST_ROOM * len(known):
        return last - first + 1, lambda asked: np.where(
            (asked >= first) & (asked <= last), asked - first, -1
        )
    numbers = distinct(known)

    def rank(asked: Array) -> Array:
        at = np.searchsorted(numbers, asked).clip(max=len(numbers) - 1)
        return np.where(numbers[at] == asked, at, -1)

    return len(numbers), rank


def _rows_by_key(count: int, keys: Array) -> Callable[[Array], Array]:
    """The row of a key below `count`, -1 where there is none: by a table, else by a search.

    Of several rows with one key it is the first.
    """
    size = len(keys)
    if count <= MOST_ROOM * size:
        rows = np.full(count, -1, np.int32 if size < 1 << 31 else np.int64)
        rows[keys[::-1]] = np.arange(size)[::-1]
        return lambda asked: rows[asked].astype(np.int64)
    order = np.argsort(keys, kind="stable")
    ordered = keys[order]

    def found(asked: Array) -> Array:
        at = np.searchsorted(ordered, asked).clip(max=size - 1)
        return np.where(ordered[at] == asked, order[at], -1)

    return found


def _outputs(node: Node, kind: str, places: _Places, size: int) -> Array:
    """What leaves give, as hashes that do not depend on the order of the entries."""
    trees, names, targets = (
        _integers(node, f"{kind}_{part}") for part in ("treeids", "nodeids", "ids")
    )
    weights, _ = _numbers(node, f"{kind}_weights")
    named = {f"{kind}_nodeids": names, f"{kind}_ids": targets, f"{kind}_weights": weights}
    _same_length(len(trees), f"{kind}_treeids", **named)
    found = np.zeros(size, np.uint64)
    if len(trees):
        np.add.at(found, places.leaves(trees, names), mixed(targets, weights + 0.0))
    return found


def _newer(node: Node) -> Rows | None:
    """Version 5: leaves stand apart from the nodes, and sets follow each other, NaN between."""
    sides = [_integers(node, f"nodes_{side}nodeids") for side in ("true", "false")]
    ends = [_integers(node, f"nodes_{side}leafs") for side in ("true", "false")]
    targets = _integers(node, "leaf_targetids")
    weights, _ = _numbers(node, "leaf_weights")
    size, leaves = len(sides[0]), len(targets)
    if size + leaves > MOST_NODES:
        return None
    if not size or not leaves:
        raise MalformedTreesError("no nodes" if not size else "no leaves")
    _same_length(leaves, "leaf_targetids", leaf_weights=weights)
    feature, mode = _integers(node, "nodes_featureids"), _integers(node, "nodes_modes")
    values, single = _numbers(node, "nodes_splits")
    missing = _integers(node, "nodes_missing_value_tracks_true")
    missing = missing if len(missing) else np.zeros(size, np.int64)
    _same_length(size, "nodes_truenodeids", nodes_falsenodeids=sides[1], nodes_trueleafs=ends[0],
                 nodes_falseleafs=ends[1], nodes_featureids=feature, nodes_modes=mode,
                 nodes_splits=values, nodes_missing_value_tracks_true=missing)  # fmt: skip
    if mode.min() < 0 or mode.max() > MEMBER:
        raise MalformedTreesError("nodes_modes has a number outside 0 to 6")
    true, false = (_rows(*side, size, leaves) for side in zip(sides, ends, strict=True))
    is_leaf = (true == false) & (true >= size)  # how a tree of one leaf is written
    mode = np.where(is_leaf, LEAF, mode)
    outputs = np.concatenate([_sets(node, mode), mixed(targets, weights + 0.0)])
    outputs[:size][is_leaf] = outputs[true[is_leaf]]
    true, false = (np.where(is_leaf, -1, side) for side in (true, false))
    return Rows(_longer(mode, leaves, LEAF), _longer(feature, leaves, 0),
                _longer(values, leaves, 0), _longer(true, leaves, -1), _longer(false, leaves, -1),
                _longer(missing != 0, leaves, False), outputs, single)  # fmt: skip


def _longer(column: Array, count: int, fill: object) -> Array:
    return np.concatenate([column, np.full(count, fill, column.dtype)])


def _rows(names: Array, is_leaf: Array, size: int, leaves: int) -> Array:
    most = np.where(is_leaf != 0, leaves, size)
    wrong = np.flatnonzero((names < 0) | (names >= most))
    if len(wrong):
        kind = "leaf" if is_leaf[wrong[0]] else "node"
        raise MalformedTreesError(
            f"node {wrong[0]} leads to {kind} {names[wrong[0]]}, which does not exist"
        )
    return np.where(is_leaf != 0, names + size, names)


def _sets(node: Node, mode: Array) -> Array:
    """For each node that tests for members a hash of its set."""
    found, testing = np.zeros(len(mode), np.uint64), np.flatnonzero(mode == MEMBER)
    members, _ = _numbers(node, "membership_values")
    between = np.isnan(members)
    which = np.cumsum(between) - between
    count = int(which[~between].max(initial=-1)) + 1
    if count > len(testing) or (len(testing) and count != len(testing)):
        raise MalformedTreesError(
            f"membership_values has {count:,} sets for {len(testing):,} nodes"
        )
    np.add.at(found, testing[which[~between]], mixed(members[~between] + 0.0))
    return found


def _modes(node: Node, size: int) -> Array:
    found = node.attribute("nodes_modes")
    found = found if isinstance(found, list) else []
    _same_length(size, nodes_modes=found)
    try:
        modes = np.fromiter(map(_NUMBERS.__getitem__, found), np.int64, size)
    except TypeError as error:  # a list of graphs
        raise MalformedTreesError("nodes_modes does not hold texts") from error
    if modes.min() < 0:
        at = int(modes.argmin())
        raise MalformedTreesError(f"element {at} of nodes_modes is not a mode")
    return modes


class _Numbers(dict[object, int]):
    """Of each mode its number, of any other text -1."""

    def __missing__(self, mode: object) -> int:
        return -1


_NUMBERS = _Numbers({each: at for at, name in enumerate(MODES) if at != MEMBER
                     for each in (name, name.encode())})  # fmt: skip


def _same_length(size: int, of: str = "nodes_treeids", **columns: Any) -> None:
    for name, column in columns.items():
        if len(column) != size:
            raise MalformedTreesError(f"{name} has {len(column):,} elements, {of} has {size:,}")


def _elements(node: Node, name: str) -> Array | None:
    """A list, or the elements of a tensor; None of what is absent or cannot be read."""
    from onnx import TensorProto

    tensor = node.attribute(name)
    if not isinstance(tensor, TensorProto):
        return np.asarray(tensor) if isinstance(tensor, list) else None
    stored = Tensor(tensor, node.scope.shared.model.files, tuple(tensor.dims))
    try:
        return stored.array().reshape(-1)
    except TensorError as problem:
        if stored.is_external:
            raise UnreadTreesError from problem
        raise MalformedTreesError(f"{name} cannot be read: {problem}") from problem


def _integers(node: Node, name: str) -> Array:
    found = _elements(node, name)
    if found is None or not found.size:
        return np.zeros(0, np.int64)
    if found.dtype.kind not in "iub":
        raise MalformedTreesError(f"{name} does not hold integers")
    return found.astype(np.int64)


def _numbers(node: Node, name: str) -> tuple[Array, bool]:
    """As float64, and whether they are stored as float32."""
    stored = _elements(node, f"{name}_as_tensor")
    found = _elements(node, name) if stored is None else stored
    if found is None or not found.size:
        return np.zeros(0), True
    if found.dtype.kind not in "fiu":
        raise MalformedTreesError(f"{name} does not hold numbers")
    is_list = stored is None and node.tensor(name) is None
    return found.astype(np.float64), is_list or found.dtype.itemsize <= 4
