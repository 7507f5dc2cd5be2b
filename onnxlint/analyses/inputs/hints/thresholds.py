"""Where trees and other operators divide the values of a column: numbers of each side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from math import isfinite
from typing import TYPE_CHECKING

from onnxlint.analyses.inputs.hints.attributes import elements
from onnxlint.analyses.inputs.hints.categories import MOST_OPTIONS
from onnxlint.model.graph.graph import Graph
from onnxlint.model.graph.nodes import Node

if TYPE_CHECKING:
    from onnxlint.runtime.feeds.input_slots import Column

_EQUAL = (b"BRANCH_EQ", "BRANCH_EQ", b"BRANCH_NEQ", "BRANCH_NEQ", 4, 5)
"""Modes that compare with the number itself."""

_LEAF = (b"LEAF", "LEAF")


def thresholds(
    graph: Graph, node: Node, slot: int, count: int | None, joint: str | None
) -> list[Column]:
    """For each column numbers below, between and above what it is compared with."""
    from onnxlint.runtime.feeds.input_slots import Column

    if slot != 0:
        return []
    if node.op == "ai.onnx.ml::Binarizer":
        return [Column(tuple(_sides([float(node.attribute("threshold", 0.0))])))]
    splits: dict[int, set[float]] = {}
    exact: dict[int, set[float]] = {}
    for feature, value, mode in _branches(node):
        (exact if mode in _EQUAL else splits).setdefault(feature, set()).add(value)
    if not splits and not exact:
        return []
    width = count or max([*splits, *exact]) + 1
    return [_column(sorted(splits.get(at, ())), sorted(exact.get(at, ()))) for at in range(width)]


def _column(splits: Sequence[float], exact: Sequence[float]) -> Column:
    from onnxlint.runtime.feeds.input_slots import Column

    step = -(-(len(splits) + len(exact)) // MOST_OPTIONS) or 1
    sides = list(_sides(splits[::step])) if splits else []
    others = [exact[-1] + 1] if exact else []
    return Column((*sides, *exact[::step], *others))


def _branches(node: Node) -> Iterator[tuple[int, float, object]]:
    """(feature, threshold, mode) of every inner node of the trees."""
    if not node.op.startswith("ai.onnx.ml::TreeEnsemble"):
        return
    features = [int(at) for at in elements(node, "nodes_featureids") if isinstance(at, int)]
    values = _numbers(node, "nodes_splits", "nodes_values_as_tensor", "nodes_values")
    modes = _numbers(node, "nodes_modes")
    if not modes:
        modes = [0] * len(features)
    for feature, value, mode in zip(features, values, modes, strict=False):
        if mode not in _LEAF and isinstance(value, (int, float)) and isfinite(value):
            yield int(feature), float(value), mode


def _numbers(node: Node, *names: str) -> list[object]:
    """A list, or the elements of a tensor, of the first of these attributes that is there."""
    return next((found for name in names if (found := elements(node, name))), [])


def _sides(splits: Sequence[float]) -> Iterator[float]:
    """A number from each part that thresholds divide numbers into; counts stay above zero."""
    first, last = splits[0], splits[-1]
    step = (last - first) / (len(splits) - 1) if len(splits) > 1 else max(0.5, abs(first) / 2)
    yield first / 2 if 0 < first < step else first - step
    yield from ((low + high) / 2 for low, high in pairwise(splits))
    yield last + step
