"""TRE001 tree-depth."""

from collections.abc import Iterator
from typing import Annotated

from onnxlint import Finding, Option, Severity, Trees, counted, rule
from onnxlint.model.graph.operators import TREES


@rule("TRE001", "tree-depth", severity=Severity.INFO, ops=TREES)
def tree_depth(
    trees: Trees,
    *,
    max_ratio: Annotated[float, Option("depth of a balanced tree times this")] = 4.0,
    max_depth: Annotated[int, Option("splits from the root to a leaf", "splits")] = 32,
) -> Iterator[Finding]:
    """A tree that is far deeper than its number of splits needs.

    Why: a row takes as many comparisons as a tree is deep, and nodes that few rows reach were
    learned from few rows: they often follow noise. A balanced tree of n splits is log2(n + 1) deep.
    Fix: train with a limit on the depth (`max_depth`), or ask for more rows a leaf
    (`min_samples_leaf`, `min_child_samples`, `min_child_weight`).

    Bad:
    # option: max-depth = 2
    <ir_version: 8, opset_import: ["" : 17, "ai.onnx.ml" : 3]>
    net (float[N, 2] x) => (float[N, 1] y)
    {
        y = ai.onnx.ml.TreeEnsembleRegressor <n_targets = 1, nodes_treeids = [0, 0, 0,
            0, 0, 0, 0], nodes_nodeids = [0, 1, 2, 3, 4, 5, 6], nodes_modes =
            ["BRANCH_LEQ", "BRANCH_LEQ", "LEAF", "BRANCH_LEQ", "LEAF", "LEAF", "LEAF"],
            nodes_featureids = [0, 1, 0, 0, 0, 0, 0], nodes_values = [4.0, 3.0, 0.0,
            2.0, 0.0, 0.0, 0.0], nodes_truenodeids = [1, 3, 0, 5, 0, 0, 0],
            nodes_falsenodeids = [2, 4, 0, 6, 0, 0, 0], target_treeids = [0, 0, 0, 0],
            target_nodeids = [2, 4, 5, 6], target_ids = [0, 0, 0, 0], target_weights =
            [4.0, 3.0, 1.0, 2.0]> (x)
    }

    Good:
    <ir_version: 8, opset_import: ["" : 17, "ai.onnx.ml" : 3]>
    # balanced
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
    import numpy as np

    for each in trees:
        splits = np.bincount(each.order.tree[~each.is_leaf], minlength=each.trees)
        limits = np.minimum(max_ratio * np.log2(np.maximum(splits + 1, 2)), max_depth)
        deep = np.flatnonzero(each.tree_depths > limits)
        if len(deep):
            worst = int(deep[np.argmax(each.tree_depths[deep] - limits[deep])])
            depth, limit = int(each.tree_depths[worst]), float(limits[worst])
            of = f"{len(deep):,} of {counted(each.trees, 'tree')}: " if each.trees > 1 else ""
            yield Finding(
                each,
                f"{of}tree of {counted(int(splits[worst]), 'split')} has depth {depth:,} "
                f"(limit {limit:.4g})",
                measured=depth,
                limit=limit,
                unit="splits",
                evidence={"trees": len(deep), "of": each.trees, "tree": worst},
            )
