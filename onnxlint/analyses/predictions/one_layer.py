"""Models that are linear up to what follows their only layer."""

from __future__ import annotations

from onnxlint.model.graph.graph import Graph
from onnxlint.model.graph.operators import LAYERS, LINEAR_MODELS

_KERNELS = ("ai.onnx.ml::SVM", "ai.onnx.ml::Tree")
_DENSE = ("Gemm", "MatMul", *LINEAR_MODELS)
_NEAREST = frozenset({"CDist", "Loop", "Scan", "TopK"})
"""With one product, these are distances to samples that were learnt by heart."""


def has_no_depth(graph: Graph) -> bool:
    """Whether the model has at most a single layer, and no trees or kernels.

    Principal components before a linear model of scikit-learn are linear, too.
    """
    deep = [node for node in graph.nodes() if node.op in LAYERS]
    return len(deep) < 2 and not any(node.op.startswith(_KERNELS) for node in graph.nodes())


def is_one_dense_layer(graph: Graph) -> bool:
    """Whether a single dense layer is all that was learnt: a linear model."""
    layers = [node for node in graph.nodes() if node.op in (*LAYERS, *LINEAR_MODELS)]
    is_dense = len(layers) == 1 and layers[0].op in _DENSE
    return is_dense and has_no_depth(graph) and _NEAREST.isdisjoint(graph.ops)
