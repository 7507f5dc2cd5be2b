"""TRE009 splitless-tree."""

from collections.abc import Iterator
from typing import Annotated

from onnxlint import Finding, Option, Severity, Trees, counted, rule
from onnxlint.model.graph.operators import TREES


@rule("TRE009", "splitless-tree", severity=Severity.INFO, ops=TREES)
def splitless_tree(
    trees: Trees,
    *,
    max_share: Annotated[float, Option("share that is usual", "fraction of trees")] = 0.1,
) -> Iterator[Finding]:
    """Trees that consist of one leaf.

    Why: such a tree gives the same for every input. Training found nothing to split: fewer rows
    than a leaf asks for, a regularisation that forbids every gain, or constant labels; or it had
    long converged, and the last trees are empty. A warning where no tree splits anything: the model
    gives the same for every input.
    Fix: lower `min_child_samples`, `min_child_weight` or `gamma`, or stop training earlier.

    Bad:
    <ir_version: 8, opset_import: ["" : 17, "ai.onnx.ml" : 3]>
    net (float[N, 2] x) => (float[N, 1] y)
    {
        y = ai.onnx.ml.TreeEnsembleRegressor <n_targets = 1, nodes_treeids = [0, 1],
            nodes_nodeids = [0, 0], nodes_modes = ["LEAF", "LEAF"], nodes_featureids =
            [0, 0], nodes_values = [0.0, 0.0], nodes_truenodeids = [0, 0],
            nodes_falsenodeids = [0, 0], target_treeids = [0, 1], target_nodeids = [0,
            0], target_ids = [0, 0], target_weights = [3.0, 4.0]> (x)
    }

    Good:
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
    """
    for each in trees:
        empty = each.trees - len(each.splitting)
        if not empty or empty <= max_share * each.trees:
            continue
        is_all = empty == each.trees
        yield Finding(
            each,
            "no tree splits anything: the result is the same for every input"
            if is_all
            else f"{empty:,} of {counted(each.trees, 'tree')} split nothing "
            f"(limit {max_share:.0%})",
            measured=empty / each.trees,
            limit=max_share,
            unit="fraction of trees",
            severity=Severity.WARNING if is_all else None,
        )
