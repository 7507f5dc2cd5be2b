"""TRE003 untracked-missing."""

from collections.abc import Iterator, Mapping

from onnxlint import (
    Data,
    Ensemble,
    FeatureColumn,
    FeatureColumns,
    FedInput,
    Finding,
    Severity,
    Trees,
    Value,
    counted,
    rule,
)
from onnxlint.model.graph.operators import TREES

LESS = (0, 1)
"""BRANCH_LEQ and BRANCH_LT."""

BY_CHANCE = 8
"""Splits that all send missing values to the false side by chance once in 256 times."""


@rule("TRE003", "untracked-missing", severity=Severity.WARNING, ops=TREES)
def untracked_missing(trees: Trees, data: Data, columns: FeatureColumns) -> Iterator[Finding]:
    """Missing values in the data, and trees that do not know where to send them.

    Why: a split at which no missing value is tracked compares NaN as a number: of `BRANCH_LEQ` and
    `BRANCH_LT` the false side is taken, as if the value were very large. The trees were trained
    without missing values in this feature, so nobody chose that. Libraries that learn the side
    write it (`nodes_missing_value_tracks_true`), for about half of the splits. Not judged are
    features with few splits where others track, and trees of `BRANCH_GT`, where the false side is
    what CatBoost chooses for missing values. Columns are followed through what joins, picks and
    scales features; an Imputer on the way fills them in.
    Fix: fill missing values in before the trees as in training, or train on data that has them.

    Bad:
    # data: x = [[1.0, nan], [3.0, 1.0], [nan, 2.0], [2.0, 3.0]]
    <ir_version: 8, opset_import: ["" : 17, "ai.onnx.ml" : 3]>
    net (float[N, 2] x) => (float[N, 1] y)
    {
        y = ai.onnx.ml.TreeEnsembleRegressor <n_targets = 1, nodes_treeids = [0, 0, 0,
            0, 0], nodes_nodeids = [0, 1, 2, 3, 4], nodes_modes = ["BRANCH_LEQ", "LEAF",
            "BRANCH_LEQ", "LEAF", "LEAF"], nodes_featureids = [0, 0, 1, 0, 0],
            nodes_values = [1.5, 0.0, 2.5, 0.0, 0.0], nodes_truenodeids = [1, 0, 3, 0,
            0], nodes_falsenodeids = [2, 0, 4, 0, 0], target_treeids = [0, 0, 0],
            target_nodeids = [1, 3, 4], target_ids = [0, 0, 0], target_weights = [1.0,
            2.0, 3.0]> (x)
    }

    Bad:
    # data: a = [[1.0], [3.0], [2.0]]
    # data: b = [[nan], [1.0], [3.0]]
    <ir_version: 8, opset_import: ["" : 17, "ai.onnx.ml" : 3]>
    # columns apart
    net (float[N, 1] a, float[N, 1] b) => (float[N, 1] y)
    {
        x = Concat <axis = 1> (a, b)
        y = ai.onnx.ml.TreeEnsembleRegressor <n_targets = 1, nodes_treeids = [0, 0, 0,
            0, 0], nodes_nodeids = [0, 1, 2, 3, 4], nodes_modes = ["BRANCH_LEQ", "LEAF",
            "BRANCH_LEQ", "LEAF", "LEAF"], nodes_featureids = [0, 0, 1, 0, 0],
            nodes_values = [1.5, 0.0, 2.5, 0.0, 0.0], nodes_truenodeids = [1, 0, 3, 0,
            0], nodes_falsenodeids = [2, 0, 4, 0, 0], target_treeids = [0, 0, 0],
            target_nodeids = [1, 3, 4], target_ids = [0, 0, 0], target_weights = [1.0,
            2.0, 3.0]> (x)
    }

    Good:
    # data: x = [[1.0, nan], [3.0, 1.0], [nan, 2.0], [2.0, 3.0]]
    <ir_version: 8, opset_import: ["" : 17, "ai.onnx.ml" : 3]>
    # filled in
    net (float[N, 2] x) => (float[N, 1] y)
    {
        h = ai.onnx.ml.Imputer <imputed_value_floats = [1.0, 2.0], replaced_value_float = nan>
            (x)
        y = ai.onnx.ml.TreeEnsembleRegressor <n_targets = 1, nodes_treeids = [0, 0, 0,
            0, 0], nodes_nodeids = [0, 1, 2, 3, 4], nodes_modes = ["BRANCH_LEQ", "LEAF",
            "BRANCH_LEQ", "LEAF", "LEAF"], nodes_featureids = [0, 0, 1, 0, 0],
            nodes_values = [1.5, 0.0, 2.5, 0.0, 0.0], nodes_truenodeids = [1, 0, 3, 0,
            0], nodes_falsenodeids = [2, 0, 4, 0, 0], target_treeids = [0, 0, 0],
            target_nodeids = [1, 3, 4], target_ids = [0, 0, 0], target_weights = [1.0,
            2.0, 3.0]> (h)
    }

    Good:
    # data: x = [[1.0, nan], [3.0, 1.0], [nan, 2.0], [2.0, 3.0]]
    <ir_version: 8, opset_import: ["" : 17, "ai.onnx.ml" : 3]>
    # tracked
    net (float[N, 2] x) => (float[N, 1] y)
    {
        y = ai.onnx.ml.TreeEnsembleRegressor <n_targets = 1, nodes_treeids = [0, 0, 0,
            0, 0], nodes_nodeids = [0, 1, 2, 3, 4], nodes_modes = ["BRANCH_LEQ", "LEAF",
            "BRANCH_LEQ", "LEAF", "LEAF"], nodes_featureids = [0, 0, 1, 0, 0],
            nodes_values = [1.5, 0.0, 2.5, 0.0, 0.0], nodes_truenodeids = [1, 0, 3, 0,
            0], nodes_falsenodeids = [2, 0, 4, 0, 0], nodes_missing_value_tracks_true =
            [1, 0, 1, 0, 0], target_treeids = [0, 0, 0], target_nodeids = [1, 3, 4],
            target_ids = [0, 0, 0], target_weights = [1.0, 2.0, 3.0]> (x)
    }

    Good:
    # data: x = [[1.0, 2.0], [3.0, 1.0]]
    <ir_version: 8, opset_import: ["" : 17, "ai.onnx.ml" : 3]>
    # nothing is missing
    net (float[N, 2] x) => (float[N, 1] y)
    {
        y = ai.onnx.ml.TreeEnsembleRegressor <n_targets = 1, nodes_treeids = [0, 0, 0,
            0, 0], nodes_nodeids = [0, 1, 2, 3, 4], nodes_modes = ["BRANCH_LEQ", "LEAF",
            "BRANCH_LEQ", "LEAF", "LEAF"], nodes_featureids = [0, 0, 1, 0, 0],
            nodes_values = [1.5, 0.0, 2.5, 0.0, 0.0], nodes_truenodeids = [1, 0, 3, 0,
            0], nodes_falsenodeids = [2, 0, 4, 0, 0], target_treeids = [0, 0, 0],
            target_nodeids = [1, 3, 4], target_ids = [0, 0, 0], target_weights = [1.0,
            2.0, 3.0]> (x)
    }
    """
    fed = {each.value: each for each in data if each.is_float}
    for each in trees:
        untracked = _untracked(each)
        found = {feature: columns.of(each.node.input(0), feature) for feature in untracked}
        counts = {feature: _missing(fed, column) for feature, column in found.items()}
        lost = {feature: count for feature, count in counts.items() if count}
        if lost:
            at = max(lost, key=lambda feature: (lost[feature], -feature))
            yield Finding(
                each,
                f"{counted(lost[at], 'value')} of feature {at}{_named(found[at], len(fed))} "
                f"missing in the data, and none of its {counted(untracked[at], 'split')} tracks "
                f"missing values: all count as large{_others(len(lost) - 1)}",
                measured=lost[at],
                limit=0,
                unit="values",
                evidence={"features": {str(each): count for each, count in lost.items()}},
            )


def _missing(fed: Mapping[Value, FedInput], column: FeatureColumn | None) -> int:
    """The missing values of a column of the data that get to the trees as they are."""
    if column is None or column.is_filled or column.value not in fed:
        return 0
    counts = fed[column.value].by_feature.nan
    return int(counts[column.at]) if column.at < len(counts) else 0


def _named(column: FeatureColumn | None, inputs: int) -> str:
    return f" ({column.value.name!r})" if column is not None and inputs > 1 else ""


def _others(count: int) -> str:
    return f" ({counted(count, 'further feature')} alike)" if count else ""


def _untracked(trees: Ensemble) -> dict[int, int]:
    """The features of whose splits none tracks missing values, with how many there are."""
    import numpy as np

    rows = trees.rows
    ordering = np.isin(rows.mode, LESS)
    is_tracked = bool(rows.missing[~trees.is_leaf].any())
    found = {}
    for feature, count in trees.splits.items():
        of = ordering & (rows.feature == feature)
        others = (rows.feature == feature) & ~ordering & ~trees.is_leaf
        is_chance = is_tracked and count < BY_CHANCE
        if of.any() and not (others.any() or rows.missing[of].any() or is_chance):
            found[feature] = count
    return found
