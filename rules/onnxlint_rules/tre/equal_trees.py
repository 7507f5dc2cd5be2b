"""TRE008 equal-trees."""

from collections.abc import Iterator
from typing import Annotated

from onnxlint import Finding, Option, Severity, Trees, counted, rule
from onnxlint.model.graph.operators import TREES


@rule("TRE008", "equal-trees", severity=Severity.INFO, ops=TREES)
def equal_trees(
    trees: Trees,
    *,
    max_share: Annotated[float, Option("share that is usual", "fraction of trees")] = 0.1,
    min_trees: Annotated[int, Option("trees from which on it is a warning", "trees")] = 10,
) -> Iterator[Finding]:
    """Trees of an ensemble that are equal.

    Why: an ensemble is better than its trees because they differ. Equal ones were grown from the
    same rows and features (no bootstrap and all features at every split, the same seed for each),
    or were written twice. A warning where all of ten trees or more are equal: one of them does the
    same.
    Fix: let rows or features be drawn anew for each tree, and check how seeds are set.

    Bad:
    <ir_version: 8, opset_import: ["" : 17, "ai.onnx.ml" : 3]>
    net (float[N, 2] x) => (float[N, 1] y)
    {
        y = ai.onnx.ml.TreeEnsembleRegressor <n_targets = 1, nodes_treeids = [0, 0, 0,
            0, 0, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2], nodes_nodeids = [0, 1, 2, 3, 4, 0, 1,
            2, 3, 4, 0, 1, 2, 3, 4], nodes_modes = ["BRANCH_LEQ", "LEAF", "BRANCH_LEQ",
            "LEAF", "LEAF", "BRANCH_LEQ", "LEAF", "BRANCH_LEQ", "LEAF", "LEAF",
            "BRANCH_LEQ", "LEAF", "BRANCH_LEQ", "LEAF", "LEAF"], nodes_featureids = [0,
            0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0], nodes_values = [1.5, 0.0, 2.5,
            0.0, 0.0, 1.5, 0.0, 2.5, 0.0, 0.0, 1.5, 0.0, 2.5, 0.0, 0.0],
            nodes_truenodeids = [1, 0, 3, 0, 0, 1, 0, 3, 0, 0, 1, 0, 3, 0, 0],
            nodes_falsenodeids = [2, 0, 4, 0, 0, 2, 0, 4, 0, 0, 2, 0, 4, 0, 0],
            target_treeids = [0, 0, 0, 1, 1, 1, 2, 2, 2], target_nodeids = [1, 3, 4, 1,
            3, 4, 1, 3, 4], target_ids = [0, 0, 0, 0, 0, 0, 0, 0, 0], target_weights =
            [1.0, 2.0, 3.0, 1.0, 2.0, 3.0, 1.0, 2.0, 3.0]> (x)
    }

    Good:
    <ir_version: 8, opset_import: ["" : 17, "ai.onnx.ml" : 3]>
    net (float[N, 2] x) => (float[N, 1] y)
    {
        y = ai.onnx.ml.TreeEnsembleRegressor <n_targets = 1, nodes_treeids = [0, 0, 0,
            0, 0, 1, 1, 1, 1, 1], nodes_nodeids = [0, 1, 2, 3, 4, 0, 1, 2, 3, 4],
            nodes_modes = ["BRANCH_LEQ", "LEAF", "BRANCH_LEQ", "LEAF", "LEAF",
            "BRANCH_LEQ", "LEAF", "BRANCH_LEQ", "LEAF", "LEAF"], nodes_featureids = [0,
            0, 1, 0, 0, 1, 0, 0, 0, 0], nodes_values = [1.5, 0.0, 2.5, 0.0, 0.0, 2.5,
            0.0, 1.5, 0.0, 0.0], nodes_truenodeids = [1, 0, 3, 0, 0, 1, 0, 3, 0, 0],
            nodes_falsenodeids = [2, 0, 4, 0, 0, 2, 0, 4, 0, 0], target_treeids = [0, 0,
            0, 1, 1, 1], target_nodeids = [1, 3, 4, 1, 3, 4], target_ids = [0, 0, 0, 0,
            0, 0], target_weights = [1.0, 2.0, 3.0, 1.0, 2.0, 3.0]> (x)
    }
    """
    for each in trees:
        total = len(each.splitting)
        equal = total - each.distinct
        if equal <= max_share * total:
            continue
        is_one = each.distinct == 1 and total >= min_trees
        yield Finding(
            each,
            f"{equal:,} of {counted(total, 'tree')} repeat another one (limit {max_share:.0%}, "
            f"{each.distinct:,} distinct)",
            measured=equal / total,
            limit=max_share,
            unit="fraction of trees",
            severity=Severity.WARNING if is_one else None,
        )
