"""ARC022 lost-scatter-updates."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from onnxlint import Finding, Graph, Node, Severity, Shapes, rule
from onnxlint.model.graph.operators import HANDING_ON
from onnxlint.model.graph.traversal import NEAR, sources

if TYPE_CHECKING:
    from onnxlint.types import Array

REDUCTIONS = ("add", "mul", "max", "min")
"""Combine several updates to one value; onnxruntime treats anything else as "none"."""


@rule(
    "ARC022", "lost-scatter-updates", severity=Severity.WARNING,
    ops=("Scatter", "ScatterElements", "ScatterND"),
)  # fmt: skip
def lost_scatter_updates(graph: Graph, shapes: Shapes) -> Iterator[Finding]:
    """A scatter without reduction whose constant indices repeat: all but one update are lost.

    Why: without `reduction` each position keeps one of the updates that are written to it, and the
    specification does not say which. `index_add`, `scatter_add` and `bincount` mean the sum;
    exports with an opset before 16, or by a faulty exporter, lose it (PyTorch issue 111159).
    Updates that all have the same constant value are exempt: any of them gives the same result.
    Fix: `reduction="add"` (opset 16), or indices that name each position once.

    Bad:
    net (float[8] x, float[4] updates) => (float[8] y)
    <int64[4] segments = {0, 0, 1, 2}>
    {
        y = ScatterElements(x, segments, updates)
    }

    Bad:
    # repeated along the axis, in every row
    net (float[N, 3] x, float[N, 4] updates, int64[2] shape) => (float[N, 3] y)
    <int64[1, 4] segments = {0, 0, 1, 2}>
    {
        rows = Expand(segments, shape)
        y = ScatterElements <axis = 1> (x, rows, updates)
    }

    Bad:
    net (float[3, 2] x, float[2, 2] updates) => (float[3, 2] y)
    <int64[2, 1] rows = {2, -1}>
    {
        y = ScatterND(x, rows, updates)
    }

    Good:
    <ir_version: 8, opset_import: ["" : 18]>
    net (float[8] x, float[4] updates) => (float[8] y)
    <int64[4] segments = {0, 0, 1, 2}>
    {
        y = ScatterElements <reduction = "add"> (x, segments, updates)
    }

    Good:
    # each column has its own row: no index repeats along axis 0
    net (float[3, 4] x, float[1, 4] updates) => (float[3, 4] y)
    <int64[1, 4] rows = {0, 0, 1, 2}>
    {
        y = ScatterElements <axis = 0> (x, rows, updates)
    }

    Good:
    # reshaped copies of one constant
    net (float[8] x, int64[1] four) => (float[8] y)
    <int64[4] segments = {0, 0, 1, 2}, float[1, 1] one = {1}, int64[1] flat = {-1}>
    {
        vector = Reshape(one, flat)
        updates = Expand(vector, four)
        y = ScatterElements(x, segments, updates)
    }

    Good:
    # a mask: every update is the same
    net (float[8] x) => (float[8] y)
    <int64[4] segments = {0, 0, 1, 2}, float[4] updates = {1, 1, 1, 1}>
    {
        y = ScatterElements(x, segments, updates)
    }
    """
    for node in graph.nodes("Scatter", "ScatterElements", "ScatterND"):
        if node.attribute("reduction", "none") in REDUCTIONS or _are_equal(node, graph):
            continue
        count, total = _lost(node, graph, shapes)
        if count:
            are = "is" if count == 1 else "are"
            yield Finding(
                node,
                f"{count:,} of {total:,} updates {are} lost: indices repeat without a reduction",
                hint='set reduction="add" (opset 16 or later), or make the indices unique',
                measured=count,
                limit=0,
                unit="updates",
            )


def _are_equal(node: Node, graph: Graph) -> bool:
    """Whether all updates are one constant."""
    return any(
        (at.producer is not None and at.producer.op == "ConstantOfShape")
        or graph.ask(at, _is_one_number)
        for at in sources(node.input(2), HANDING_ON, NEAR)
    )


def _is_one_number(array: "Array") -> bool:
    return bool((array == array.flat[:1]).all())


def _lost(node: Node, graph: Graph, shapes: Shapes) -> tuple[int, int]:
    """How many updates repeat an earlier constant index, of how many."""
    import numpy as np

    before = sources(node.input(1), {"Cast", "Expand", "Identity"}, NEAR)
    indices = next(filter(_are_indices, map(graph.constant, before)), None)
    if indices is None:
        return 0, 0
    if node.op == "ScatterND":
        sizes = [shapes.dim(node.input(0), axis) for axis in range(indices.shape[-1])]
        rows = _from_start(indices.reshape(-1, indices.shape[-1]), sizes)
        return len(rows) - len(np.unique(rows, axis=0)), len(rows)
    axis, rank = node.attribute("axis", 0), shapes.rank(node.input(1)) or indices.ndim
    from_end = axis - rank * (axis >= 0)  # Expand puts axes in front
    if not -indices.ndim <= from_end < 0:
        return 0, 0
    lines = np.moveaxis(indices, from_end, -1)
    ordered = np.sort(_from_start(lines, [shapes.dim(node.input(0), axis)]))
    return int((ordered[..., 1:] == ordered[..., :-1]).sum()), ordered.size


def _are_indices(array: "Array | None") -> bool:
    return array is not None and array.size > 0 and array.ndim > 0 and array.dtype.kind in "iu"


def _from_start(indices: "Array", sizes: "list[int | str | None]") -> "Array":
    """Indices of axes of some sizes; those that count from the end count from the start."""
    known = [size if isinstance(size, int) else 0 for size in sizes]
    from_start: Array = indices.astype("int64") + (indices < 0) * known
    return from_start
