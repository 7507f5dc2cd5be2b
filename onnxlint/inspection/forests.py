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
    return Forest(found.trees, found.nodes, found.leaves, found.depth, features)
