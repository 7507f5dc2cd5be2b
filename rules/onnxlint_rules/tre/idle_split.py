"""TRE007 idle-split."""

from collections.abc import Iterator
from typing import Annotated

from onnxlint import Finding, Option, Severity, Trees, counted, rule
from onnxlint.model.graph.operators import TREES


@rule("TRE007", "idle-split", severity=Severity.INFO, ops=TREES)
def idle_split(
    trees: Trees,
    *,
    max_share: Annotated[float, Option("share that is usual", "fraction of splits")] = 0.1,
) -> Iterator[Finding]:
    """Splits whose two sides give the same.

    Why: such a split decides nothing. A few occur where training found no gain; many mean that
    leaves were rounded, regularised to zero or cut off, or that a small learning rate vanished in
    float32. A warning where all splits are such: the model gives the same for every input. Not
    judged are trees that ask the same at every node of a level, as CatBoost's do.
    Fix: ask for a gain (`min_split_gain`, `gamma`, `min_impurity_decrease`), prune, or export in a
    precision that keeps the leaves apart.

    Bad:
    <ir_version: 8, opset_import: ["" : 17, "ai.onnx.ml" : 3]>
    net (float[N, 2] x) => (float[N, 1] y)
    {
        y = ai.onnx.ml.TreeEnsembleRegressor <n_targets = 1, nodes_treeids = [0, 0, 0,
            0, 0], nodes_nodeids = [0, 1, 2, 3, 4], nodes_modes = ["BRANCH_LEQ",
            "BRANCH_LEQ", "LEAF", "LEAF", "LEAF"], nodes_featureids = [0, 1, 0, 0, 0],
            nodes_values = [1.0, 2.0, 0.0, 0.0, 0.0], nodes_truenodeids = [1, 3, 0, 0,
            0], nodes_falsenodeids = [2, 4, 0, 0, 0], target_treeids = [0, 0, 0],
            target_nodeids = [2, 3, 4], target_ids = [0, 0, 0], target_weights = [3.0,
            5.0, 5.0]> (x)
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
        idle, total = each.idle, sum(each.splits.values())
        if not len(idle) or len(idle) <= max_share * total:
            continue
        is_all = len(idle) == total
        yield Finding(
            each,
            f"{len(idle):,} of {counted(total, 'split')} have two sides that give the same (limit "
            f"{max_share:.0%}){': the trees give the same for every input' * is_all}",
            measured=len(idle) / total,
            limit=max_share,
            unit="fraction of splits",
            severity=Severity.WARNING if is_all else None,
        )
