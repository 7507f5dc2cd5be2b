"""TRE005 malformed-trees."""

from collections.abc import Iterator

from onnxlint import Finding, Severity, Shapes, Trees, counted, rule
from onnxlint.model.graph.operators import TREES


@rule("TRE005", "malformed-trees", severity=Severity.ERROR, ops=TREES)
def malformed_trees(trees: Trees, shapes: Shapes) -> Iterator[Finding]:
    """A tree ensemble whose attributes do not make trees.

    Why: lists of different lengths, a child or a leaf that does not exist, a node that is defined
    twice, nodes that lead in a circle, or a feature beyond the columns of the input. Runtimes
    refuse to load such a model, fail when it runs, or go round for ever.
    Fix: export the model again; if the file was edited, every list that begins with `nodes_` needs
    an element for each node.

    Bad:
    <ir_version: 8, opset_import: ["" : 17, "ai.onnx.ml" : 3]>
    # node 0 leads to node 7
    net (float[N, 2] x) => (float[N, 1] y)
    {
        y = ai.onnx.ml.TreeEnsembleRegressor <n_targets = 1, nodes_treeids = [0, 0, 0,
            0, 0], nodes_nodeids = [0, 1, 2, 3, 4], nodes_modes = ["BRANCH_LEQ", "LEAF",
            "BRANCH_LEQ", "LEAF", "LEAF"], nodes_featureids = [0, 0, 1, 0, 0],
            nodes_values = [1.5, 0.0, 2.5, 0.0, 0.0], nodes_truenodeids = [7, 0, 3, 0,
            0], nodes_falsenodeids = [2, 0, 4, 0, 0], target_treeids = [0, 0, 0],
            target_nodeids = [1, 3, 4], target_ids = [0, 0, 0], target_weights = [1.0,
            2.0, 3.0]> (x)
    }

    Bad:
    <ir_version: 8, opset_import: ["" : 17, "ai.onnx.ml" : 3]>
    # there is no column 5
    net (float[N, 2] x) => (float[N, 1] y)
    {
        y = ai.onnx.ml.TreeEnsembleRegressor <n_targets = 1, nodes_treeids = [0, 0, 0],
            nodes_nodeids = [0, 1, 2], nodes_modes = ["BRANCH_LEQ", "LEAF", "LEAF"],
            nodes_featureids = [5, 0, 0], nodes_values = [1.0, 0.0, 0.0],
            nodes_truenodeids = [1, 0, 0], nodes_falsenodeids = [2, 0, 0],
            target_treeids = [0, 0], target_nodeids = [1, 2], target_ids = [0, 0],
            target_weights = [2.0, 3.0]> (x)
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
    for node, problem in trees.malformed:
        yield Finding(node, f"attributes do not make trees: {problem}")
    for each in trees:
        width = shapes.dim(each.node.input(0), 1)
        used = sorted(each.splits)
        wrong = [at for at in used if at < 0 or (isinstance(width, int) and at >= width)]
        if wrong:
            limit = f" (input has {counted(width, 'column')})" if isinstance(width, int) else ""
            yield Finding(
                each,
                f"splits at column {wrong[-1] if wrong[0] >= 0 else wrong[0]}, which does not "
                f"exist{limit}",
                measured=len(wrong),
                limit=0,
                unit="columns",
            )
