"""How large a model is."""

from __future__ import annotations

from collections import Counter

from onnxlint.analyses import Analyses
from onnxlint.analyses.static.costs import Costs
from onnxlint.analyses.static.trained_parameters import Parameters
from onnxlint.model.graph.graph import Graph
from onnxlint.model.graph.place import NotApplicable
from onnxlint.release_diff import OperatorCount, Release


def release_of(analyses: Analyses, path: str) -> Release:
    """The model in numbers."""
    graph = analyses.get(Graph)
    model = graph.model
    macs, peak_memory = _costs(analyses)
    return Release(
        path=path,
        sha256=model.sha256,
        bytes=model.size + _external_bytes(graph),
        parameters=analyses.get(Parameters).total,
        nodes=sum(len(scope.nodes) for scope in graph.scopes),
        macs=macs,
        peak_memory=peak_memory,
    )


def _costs(analyses: Analyses) -> tuple[int | None, int | None]:
    """Multiplications and peak memory of one sample; None where they cannot be counted."""
    try:
        costs = analyses.get(Costs)
        return (None if costs.uncounted else costs.macs,
                None if costs.unsized else costs.peak_memory)  # fmt: skip
    except NotApplicable:
        return None, None


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
