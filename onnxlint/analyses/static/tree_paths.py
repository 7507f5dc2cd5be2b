"""The order of the nodes of trees, and which ways through them a value can take."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct

from onnxlint.analyses.static.tree_rows import (
    EQ,
    GT,
    GTE,
    LEAF,
    LEQ,
    LT,
    NEQ,
    MalformedTreesError,
    Rows,
    mixed,
)
from onnxlint.runtime.statistics.distinct import distinct

if TYPE_CHECKING:
    from onnxlint.types import Array

DEEPEST = 4_096
"""Levels of a tree that are looked at; onnxruntime goes down 1,000."""

MOST_STEPS = 1 << 28
"""Steps up from all nodes to their roots: some seconds, and more than ensembles need."""


class Order(Struct, frozen=True, eq=False):
    """The roots, and of each row its level, its tree and how many edges lead to it.

    `by_level` are the rows of each level; a row that several edges lead to, as for a set of
    categories, stands at the lowest.
    """

    roots: Array
    level: Array
    tree: Array
    edges: Array
    by_level: list[Array]


def ordered(rows: Rows) -> Order:
    """From the roots down.

    Raises:
        MalformedTreesError: nodes lead in a circle, or the trees are too deep.
    """
    size = len(rows.mode)
    children = np.concatenate([rows.true, rows.false])
    edges = np.bincount(children[children >= 0], minlength=size)
    pending, frontier = edges.copy(), np.flatnonzero(edges == 0)
    is_shared = bool(edges.max(initial=0) > 1)
    roots, level, tree = frontier, np.zeros(size, np.int64), np.full(size, -1)
    tree[roots] = np.arange(len(roots))
    found: list[Array] = []
    while len(frontier):
        if len(found) > DEEPEST:
            raise MalformedTreesError(f"trees have more than {DEEPEST:,} levels")
        level[frontier] = len(found)
        found.append(frontier)
        inner = frontier[rows.mode[frontier] != LEAF]
        ahead = np.concatenate([rows.true[inner], rows.false[inner]])
        tree[ahead] = np.tile(tree[inner], 2)
        if not is_shared:
            frontier = np.sort(ahead)
            continue
        np.subtract.at(pending, ahead, 1)
        frontier = distinct(ahead[pending[ahead] == 0])
    if sum(map(len, found)) < size:
        raise MalformedTreesError("nodes lead in a circle")
    return Order(roots, level, tree, edges, found)


def digests(rows: Rows, order: Order) -> tuple[Array, Array]:
    """A hash of what each row and all below it do, and the splits whose sides do the same.

    Such a split counts as what its sides are.
    """
    found = rows.outputs.copy()
    is_idle = np.zeros(len(found), bool)
    for level in reversed(order.by_level):
        at = level[rows.mode[level] != LEAF]
        true, false = found[rows.true[at]], found[rows.false[at]]
        is_idle[at] = true == false
        own = mixed(rows.mode[at], rows.feature[at], rows.threshold[at] + 0.0,
                    rows.missing[at], rows.outputs[at], true, false)  # fmt: skip
        found[at] = np.where(true == false, true, own)
    return found, np.flatnonzero(is_idle)


class Dead(Struct, frozen=True, eq=False):
    """What no value reaches: `repeated` are splits at a threshold that was asked for above, one
    side of which is such; `leaves` are those behind other splits."""

    repeated: Array
    leaves: Array


def unreached(rows: Rows, order: Order) -> Dead | None:
    """Where the comparisons above leave nothing over; None of trees with too many steps."""
    if int(order.level.sum()) > MOST_STEPS:
        return None
    walk = _Walk(rows, order)
    repeated = np.flatnonzero(walk.is_repeated & (walk.dead[0] | walk.dead[1]))
    dead = [side.copy() for side in walk.dead]
    for side in dead:
        side[repeated] = False
    return Dead(repeated, _leaves_behind(rows, order, dead))


class _Walk:
    """From every split up to its root, all at once, over the splits at the same feature."""

    def __init__(self, rows: Rows, order: Order) -> None:
        self._rows, size = rows, len(rows.mode)
        self._parent, self._side = np.full(size, -1), np.zeros(size, np.int64)
        splits = np.flatnonzero(rows.mode != LEAF)
        for side, children in enumerate((rows.true, rows.false)):
            only = splits[order.edges[children[splits]] == 1]
            self._parent[children[only]], self._side[children[only]] = only, side
        self._ends = [_ends(rows, side) for side in (0, 1)]
        self._nan = np.where(rows.missing | (rows.mode == NEQ), 0, 1)
        self._low, self._high = np.full(size, -np.inf), np.full(size, np.inf)
        self._takes_nan, self.is_repeated = np.ones(size, bool), np.zeros(size, bool)
        self._climb(splits)
        self.dead = [self._is_dead(side) for side in (0, 1)]

    def _climb(self, splits: Array) -> None:
        rows, below = self._rows, splits
        while len(splits):
            above = self._parent[below]
            splits, below, above = (each[above >= 0] for each in (splits, below, above))
            same = rows.feature[above] == rows.feature[splits]
            at, up, side = splits[same], above[same], self._side[below[same]]
            for which, (low, high) in enumerate(self._ends):
                here, there = at[side == which], up[side == which]
                self._low[here] = np.maximum(self._low[here], low[there])
                self._high[here] = np.minimum(self._high[here], high[there])
            self._takes_nan[at] &= self._nan[up] == side
            alike = (rows.threshold[up] == rows.threshold[at]) & (rows.mode[up] == rows.mode[at])
            self.is_repeated[at] |= alike & (rows.mode[at] <= GT)
            below = above

    def _is_dead(self, side: int) -> Array:
        low, high = self._ends[side]
        is_empty = np.maximum(low, self._low) > np.minimum(high, self._high)
        takes_nan = self._takes_nan & (self._nan == side)
        return np.asarray(is_empty & ~takes_nan & (self._rows.mode != LEAF))


def _ends(rows: Rows, side: int) -> tuple[Array, Array]:
    """The least and the largest number that takes a side of each split."""
    at, mode = rows.threshold, rows.mode
    low, high = np.full(len(at), -np.inf), np.full(len(at), np.inf)
    below, above = np.nextafter(at, -np.inf), np.nextafter(at, np.inf)
    ends = {LEQ: (high, at, low, above), LT: (high, below, low, at),
            GTE: (low, at, high, below), GT: (low, above, high, at)}  # fmt: skip
    for which, (true, true_end, false, false_end) in ends.items():
        end, limit = ((true, true_end), (false, false_end))[side]
        end[mode == which] = limit[mode == which]
    exact = mode == (EQ, NEQ)[side]
    low[exact] = high[exact] = at[exact]
    return low, high


def _leaves_behind(rows: Rows, order: Order, dead: list[Array]) -> Array:
    """The leaves that every way to is dead."""
    met, is_dead = np.zeros(len(rows.mode), np.int64), np.zeros(len(rows.mode), bool)
    for level in order.by_level:
        is_dead[level] = (met[level] == order.edges[level]) & (order.edges[level] > 0)
        inner = level[rows.mode[level] != LEAF]
        for side, children in zip(dead, (rows.true, rows.false), strict=True):
            np.add.at(met, children[inner[side[inner] | is_dead[inner]]], 1)
    return np.flatnonzero(is_dead & (rows.mode == LEAF))


def symmetric(rows: Rows, order: Order) -> Array:
    """Whether each tree asks the same at all nodes of a level, as CatBoost's do."""
    found = np.ones(len(order.roots), bool)
    for level in order.by_level:
        tree = order.tree[level]
        _, first, which = np.unique(tree, return_index=True, return_inverse=True)
        alike = level[first][which]
        same = rows.mode[level] == rows.mode[alike]
        is_split = rows.mode[level] != LEAF
        same &= ~is_split | ((rows.feature[level] == rows.feature[alike])
                             & (rows.threshold[level] == rows.threshold[alike]))  # fmt: skip
        found[tree[~same]] = False
    return found
