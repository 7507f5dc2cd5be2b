"""TRE002 dominant-feature."""

from collections.abc import Iterator
from typing import Annotated

from onnxlint import Finding, Option, Severity, Shapes, Trees, counted, rule
from onnxlint.model.graph.operators import TREES

GRAVE_SHARE, GRAVE_SPLITS = 0.99, 100
"""A choice: of a hundred splits, noise alone would put more than one elsewhere."""


@rule("TRE002", "dominant-feature", severity=Severity.INFO, ops=TREES)
def dominant_feature(
    trees: Trees,
    shapes: Shapes,
    *,
    max_share: Annotated[float, Option("share of one feature", "fraction of splits")] = 0.9,
    min_splits: Annotated[int, Option("fewest splits to judge by", "splits")] = 20,
) -> Iterator[Finding]:
    """One feature decides nearly all splits of a tree ensemble.

    Why: the other features hardly take part. The feature may tell the label itself (leakage: a
    column that is known only afterwards), be an identifier or a date that the trees learned by
    heart, or the others were constant or missing in training. A warning where of three features or
    more the one has over 99% of a hundred splits or more: such a model is a function of one column.
    Fix: check when the column is known, and train without it: if hardly anything gets worse, or all
    of it, the reason is found.

    Bad:
    # option: min-splits = 4
    <ir_version: 8, opset_import: ["" : 17, "ai.onnx.ml" : 3]>
    net (float[N, 2] x) => (float[N, 1] y)
    {
        y = ai.onnx.ml.TreeEnsembleRegressor <n_targets = 1, nodes_treeids = [0, 0, 0,
            0, 0, 0, 0, 0, 0], nodes_nodeids = [0, 1, 2, 3, 4, 5, 6, 7, 8], nodes_modes
            = ["BRANCH_LEQ", "BRANCH_LEQ", "BRANCH_LEQ", "LEAF", "LEAF", "LEAF",
            "BRANCH_LEQ", "LEAF", "LEAF"], nodes_featureids = [0, 0, 0, 0, 0, 0, 0, 0,
            0], nodes_values = [1.0, 0.5, 2.0, 0.0, 0.0, 0.0, 3.0, 0.0, 0.0],
            nodes_truenodeids = [1, 3, 5, 0, 0, 0, 7, 0, 0], nodes_falsenodeids = [2, 4,
            6, 0, 0, 0, 8, 0, 0], target_treeids = [0, 0, 0, 0, 0], target_nodeids = [3,
            4, 5, 7, 8], target_ids = [0, 0, 0, 0, 0], target_weights = [1.0, 2.0, 3.0,
            4.0, 5.0]> (x)
    }

    Good:
    # option: min-splits = 4
    <ir_version: 8, opset_import: ["" : 17, "ai.onnx.ml" : 3]>
    # both features decide
    net (float[N, 2] x) => (float[N, 1] y)
    {
        y = ai.onnx.ml.TreeEnsembleRegressor <n_targets = 1, nodes_treeids = [0, 0, 0,
            0, 0, 0, 0, 0, 0], nodes_nodeids = [0, 1, 2, 3, 4, 5, 6, 7, 8], nodes_modes
            = ["BRANCH_LEQ", "BRANCH_LEQ", "BRANCH_LEQ", "LEAF", "LEAF", "LEAF",
            "BRANCH_LEQ", "LEAF", "LEAF"], nodes_featureids = [0, 1, 0, 0, 0, 0, 1, 0,
            0], nodes_values = [1.0, 0.5, 2.0, 0.0, 0.0, 0.0, 3.0, 0.0, 0.0],
            nodes_truenodeids = [1, 3, 5, 0, 0, 0, 7, 0, 0], nodes_falsenodeids = [2, 4,
            6, 0, 0, 0, 8, 0, 0], target_treeids = [0, 0, 0, 0, 0], target_nodeids = [3,
            4, 5, 7, 8], target_ids = [0, 0, 0, 0, 0], target_weights = [1.0, 2.0, 3.0,
            4.0, 5.0]> (x)
    }
    """
    for each in trees:
        total = sum(each.splits.values())
        width = shapes.dim(each.node.input(0), 1)
        features = width if isinstance(width, int) else len(each.splits)
        if total < min_splits or features < 2:
            continue
        feature, count = next(iter(each.splits.items()))
        share = count / total
        if share > max_share:
            is_grave = share > GRAVE_SHARE and total >= GRAVE_SPLITS and features > 2
            yield Finding(
                each,
                f"feature {feature} decides {share:.1%} of {total:,} splits (limit "
                f"{max_share:.0%}, {counted(features, 'feature')})",
                measured=share,
                limit=max_share,
                unit="fraction of splits",
                severity=Severity.WARNING if is_grave else None,
                evidence={"feature": feature, "splits": count, "of": total},
            )
