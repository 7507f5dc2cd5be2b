"""How large a model is."""

from __future__ import annotations

from collections import Counter

from onnxlint.analyses.static.trained_parameters import learnt_parameters
from onnxlint.model.graph.graph import Graph
from onnxlint.release_diff import OperatorCount, Release


def release_of(graph: Graph, path: str) -> Release:
    """The model in numbers."""
    model = graph.model
    return Release(
        path=path,
        sha256=model.sha256,
        bytes=model.size + _external_bytes(graph),
        parameters=sum(learnt_parameters(graph, node) for node in graph.nodes()),
        nodes=sum(len(scope.nodes) for scope in graph.scopes),
    )


def _external_bytes(graph: Graph) -> int:
    """Bytes in other files; those that tensors share count once."""
    extents = set()
    for _, tensor in graph.tensors:
        try:
            extents |= {tensor.extent} if tensor.is_external else set()
        except ValueError:  # an offset that is no number
            continue
    return sum(extent[2] for extent in extents if extent is not None)


def operator_counts(old: Graph, new: Graph) -> list[OperatorCount]:
    """The operators of which there are more or fewer nodes, in any scope."""
    before, after = (Counter(node.op for node in graph.nodes()) for graph in (old, new))
    ops = sorted(before.keys() | after.keys())
    return [OperatorCount(op, before[op], after[op]) for op in ops if before[op] != after[op]]
