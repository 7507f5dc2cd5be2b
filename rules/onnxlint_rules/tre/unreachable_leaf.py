"""TRE006 unreachable-leaf."""

from collections.abc import Iterator

from onnxlint import Finding, Severity, Trees, counted, rule
from onnxlint.model.graph.operators import TREES


@rule("TRE006", "unreachable-leaf", severity=Severity.INFO, ops=TREES)
def unreachable_leaf(trees: Trees) -> Iterator[Finding]:
    """Leaves that no input reaches.

    Why: the splits above contradict each other, such as x ≤ 1 and then x > 5. The leaves only cost
    size, and show that the trees were edited, merged or cut wrongly, or that their thresholds were
    rounded. A leaf that only a missing value reaches counts as reached. Not judged are trees that
    ask the same at every node of a level, as CatBoost's do: their form has such leaves.
    Fix: export the model again; if the trees were edited, remove the splits.

    Bad:
    <ir_version: 8, opset_import: ["" : 17, "ai.onnx.ml" : 3]>
    net (float[N, 2] x) => (float[N, 1] y)
    {
        y = ai.onnx.ml.TreeEnsembleRegressor <n_targets = 1, nodes_treeids = [0, 0, 0,
            0, 0, 0, 0], nodes_nodeids = [0, 1, 2, 3, 4, 5, 6], nodes_modes =
            ["BRANCH_LEQ", "BRANCH_LEQ", "BRANCH_LEQ", "LEAF", "LEAF", "LEAF", "LEAF"],
            nodes_featureids = [0, 0, 1, 0, 0, 0, 0], nodes_values = [1.0, 5.0, 2.5,
            0.0, 0.0, 0.0, 0.0], nodes_truenodeids = [1, 3, 5, 0, 0, 0, 0],
            nodes_falsenodeids = [2, 4, 6, 0, 0, 0, 0], target_treeids = [0, 0, 0, 0],
            target_nodeids = [3, 4, 5, 6], target_ids = [0, 0, 0, 0], target_weights =
            [1.0, 2.0, 3.0, 4.0]> (x)
    }

    Good:
    <ir_version: 8, opset_import: ["" : 17, "ai.onnx.ml" : 3]>
    # a missing value gets there
    net (float[N, 2] x) => (float[N, 1] y)
    {
        y = ai.onnx.ml.TreeEnsembleRegressor <n_targets = 1, nodes_treeids = [0, 0, 0,
            0, 0, 0, 0], nodes_nodeids = [0, 1, 2, 3, 4, 5, 6], nodes_modes =
            ["BRANCH_LEQ", "BRANCH_LEQ", "BRANCH_LEQ", "LEAF", "LEAF", "LEAF", "LEAF"],
            nodes_featureids = [0, 0, 1, 0, 0, 0, 0], nodes_values = [1.0, 5.0, 2.5,
            0.0, 0.0, 0.0, 0.0], nodes_truenodeids = [1, 3, 5, 0, 0, 0, 0],
            nodes_falsenodeids = [2, 4, 6, 0, 0, 0, 0], target_treeids = [0, 0, 0, 0],
            target_nodeids = [3, 4, 5, 6], target_ids = [0, 0, 0, 0], target_weights =
            [1.0, 2.0, 3.0, 4.0], nodes_missing_value_tracks_true = [1, 0, 0, 0, 0, 0,
            0]> (x)
    }

    Good:
    <ir_version: 8, opset_import: ["" : 17, "ai.onnx.ml" : 3]>
    # the same question at every node of a level
    net (float[N, 2] x) => (float[N, 1] y)
    {
        y = ai.onnx.ml.TreeEnsembleRegressor <n_targets = 1, nodes_treeids = [0, 0, 0,
            0, 0, 0, 0], nodes_nodeids = [0, 1, 2, 3, 4, 5, 6], nodes_modes =
            ["BRANCH_LEQ", "BRANCH_LEQ", "BRANCH_LEQ", "LEAF", "LEAF", "LEAF", "LEAF"],
            nodes_featureids = [0, 0, 0, 0, 0, 0, 0], nodes_values = [1.0, 5.0, 5.0,
            0.0, 0.0, 0.0, 0.0], nodes_truenodeids = [1, 3, 5, 0, 0, 0, 0],
            nodes_falsenodeids = [2, 4, 6, 0, 0, 0, 0], target_treeids = [0, 0, 0, 0],
            target_nodeids = [3, 4, 5, 6], target_ids = [0, 0, 0, 0], target_weights =
            [1.0, 2.0, 3.0, 4.0]> (x)
    }
    """
    for each in trees:
        found = each.unreachable
        if found is not None and len(found):
            yield Finding(
                each,
                f"{len(found):,} of {counted(each.leaves, 'leaf', 'leaves')} unreachable: the "
                "splits above contradict each other",
                measured=len(found),
                limit=0,
                unit="leaves",
            )
