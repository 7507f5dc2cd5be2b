"""Where trees and other operators divide the values of a column: numbers of each side."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from onnxlint.analyses.inputs.hints.attributes import elements
from onnxlint.analyses.inputs.hints.categories import MOST_OPTIONS
from onnxlint.model.graph.graph import Graph
from onnxlint.model.graph.nodes import Node

if TYPE_CHECKING:
    from onnxlint.runtime.feeds.input_slots import Column
    from onnxlint.types import Array

MOST_WIDTH = 1 << 12
"""Columns of a table whose thresholds are told: as many as of any table are looked at."""


class _Kinds(dict[object, int]):
    """What a mode compares with: by order, the number itself, one of a set, nothing."""

    def __missing__(self, mode: object) -> int:
        return ORDER


ORDER, NUMBER, SET, NOTHING = range(4)
_KINDS = _Kinds({"LEAF": NOTHING, b"LEAF": NOTHING, 6: SET, **dict.fromkeys(
    (b"BRANCH_EQ", "BRANCH_EQ", b"BRANCH_NEQ", "BRANCH_NEQ", 4, 5), NUMBER),
    b"BRANCH_LEQ": ORDER, "BRANCH_LEQ": ORDER})  # fmt: skip


def thresholds(
    graph: Graph, node: Node, slot: int, count: int | None, joint: str | None
) -> list[Column]:
    """For each column numbers below, between and above what it is compared with."""
    from onnxlint.runtime.feeds.input_slots import Column

    if slot != 0:
        return []
    if node.op == "ai.onnx.ml::Binarizer":
        return [Column(tuple(_sides([float(node.attribute("threshold", 0.0))])))]
    splits, exact = _compared(node) if node.op_type.startswith("TreeEnsemble") else ({}, {})
    width = count or max([*splits, *exact], default=-1) + 1
    if not (splits or exact) or width > MOST_WIDTH:
        return []
    return [_column(splits.get(at, ()), exact.get(at, ())) for at in range(width)]


def _column(splits: Sequence[float], exact: Sequence[float]) -> Column:
    from onnxlint.runtime.feeds.input_slots import Column

    step = -(-(len(splits) + len(exact)) // MOST_OPTIONS) or 1
    sides = list(_sides(splits[::step])) if splits else []
    others = [exact[-1] + 1] if exact else []
    return Column((*sides, *exact[::step], *others))


Numbers = Mapping[int, Sequence[float]]


def _compared(node: Node) -> tuple[Numbers, Numbers]:
    """What columns are compared with: by order, and for being equal; each in ascending order."""
    import numpy as np

    features = _array(node, "nodes_featureids")
    values = _array(node, "nodes_splits", "nodes_values_as_tensor", "nodes_values")
    modes = elements(node, "nodes_modes") or [0] * len(features)
    size = min(len(features), len(values), len(modes))
    try:
        kinds = np.fromiter(map(_KINDS.__getitem__, modes[:size]), np.int8, size)
    except TypeError:  # a list of graphs
        return {}, {}
    features, values = features[:size].astype(np.int64), values[:size].astype(np.float64)
    by_order, exact = ((features[kinds == kind], values[kinds == kind])
                       for kind in (ORDER, NUMBER))  # fmt: skip
    tested, members = _members(node, features[kinds == SET])
    exact = np.concatenate([exact[0], tested]), np.concatenate([exact[1], members])
    return _by_feature(*by_order), _by_feature(*exact)


def _members(node: Node, features: Array) -> tuple[Array, Array]:
    """The members of sets, each with the column that is tested: NaN stands behind each set."""
    import numpy as np

    members = _array(node, "membership_values").astype(np.float64)
    between = np.isnan(members)
    which = (np.cumsum(between) - between)[~between]
    is_there = which < len(features)
    return features[which[is_there]], members[~between][is_there]


def _by_feature(features: Array, values: Array) -> Numbers:
    import numpy as np

    finite = np.isfinite(values)
    features, values = features[finite], values[finite]
    order = np.lexsort((values, features))
    features, values = features[order], values[order]
    is_new = np.ones(len(values), bool)
    is_new[1:] = (np.diff(values) != 0) | (np.diff(features) != 0)
    features, values = features[is_new], values[is_new]
    ends = np.flatnonzero(np.diff(features)) + 1
    first = np.concatenate([[0], ends]).astype(np.int64)[: len(values)]
    parts = np.split(values, ends)
    return {int(features[at]): part.tolist() for at, part in zip(first, parts, strict=False)}


def _array(node: Node, *names: str) -> Array:
    """The first of these attributes that is there, as numbers; none of anything else."""
    import numpy as np

    found = next((found for name in names if (found := elements(node, name))), [])
    try:
        numbers = np.asarray(found)
    except (TypeError, ValueError, OverflowError):
        numbers = np.zeros(0)
    return numbers if numbers.ndim == 1 and numbers.dtype.kind in "biuf" else np.zeros(0)


def _sides(splits: Sequence[float]) -> Iterator[float]:
    """A number from each part that thresholds divide numbers into; counts stay above zero."""
    first, last = splits[0], splits[-1]
    step = (last - first) / (len(splits) - 1) if len(splits) > 1 else max(0.5, abs(first) / 2)
    yield first / 2 if 0 < first < step else first - step
    yield from ((low + high) / 2 for low, high in pairwise(splits))
    yield last + step
