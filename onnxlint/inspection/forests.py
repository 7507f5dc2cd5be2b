"""What a tree ensemble consists of."""

from __future__ import annotations

from onnxlint.analyses.static.trees import Trees
from onnxlint.inspection.inspected import Forest
from onnxlint.model.graph.nodes import Node


def forest_of(trees: Trees, node: Node) -> Forest | None:
    """The trees of a node; None of any other operator, and where they are not known."""
    found = trees.of(node)
    if found is None:
        return None
    features = {str(feature): count for feature, count in found.splits.items()}
    return Forest(
        found.trees,
        found.nodes,
        found.leaves,
        found.depth,
        features,
        _outputs(node),
        float(found.tree_depths.mean()),
        int(found.rows.missing[~found.is_leaf].sum()),
    )


def _outputs(node: Node) -> int | None:
    """The classes of a classifier, else the targets."""
    lists = (node.attribute(name) for name in ("classlabels_int64s", "classlabels_strings"))
    labels = max((len(each) for each in lists if isinstance(each, list)), default=0)
    return labels or node.attribute("n_targets", 0) or None
