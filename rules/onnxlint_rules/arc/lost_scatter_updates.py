"""ARC022 lost-scatter-updates."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from onnxlint import Finding, Graph, Node, Severity, Shapes, Value, rule
from onnxlint.model.graph.operators import HANDING_ON

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, np.dtype[Any]]

REDUCTIONS = ("add", "mul", "max", "min")
"""Combine several updates to one value; onnxruntime treats anything else as "none"."""

_NEAR = 8
"""So many nodes before a scatter are checked: its indices are near it."""


@rule(
    "ARC022",
    "lost-scatter-updates",
    severity=Severity.WARNING,
    ops=("Scatter", "ScatterElements", "ScatterND"),
)
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
        if node.attribute("reduction", "none") in REDUCTIONS or _is_uniform(node.input(2), graph):
            continue
        lost = _lost(node, graph, shapes)
        if lost is not None and lost[0]:
            count, total = lost
            are = "is" if count == 1 else "are"
            yield Finding(
                node,
                f"{count:,} of {total:,} updates {are} lost: indices repeat without a reduction",
                hint='set reduction="add" (opset 16 or later), or make the indices unique',
                measured=count,
                limit=0,
                unit="updates",
            )


def _lost(node: Node, graph: Graph, shapes: Shapes) -> tuple[int, int] | None:
    """How many updates repeat an earlier index, of how many; None for computed indices."""
    indices = _constant(node.input(1), graph)
    data = shapes.of(node.input(0))
    if indices is None or not indices.ndim or indices.size == 0 or indices.dtype.kind not in "iu":
        return None
    if node.op == "ScatterND":
        sizes = [] if data is None else [data.dim(axis) for axis in range(indices.shape[-1])]
        return _repeats(indices.reshape(-1, indices.shape[-1]).T[None], tuple(sizes))
    written = shapes.of(node.input(1))
    rank = indices.ndim if written is None or written.rank is None else written.rank
    axis = node.attribute("axis", 0) + (rank if node.attribute("axis", 0) < 0 else 0)
    axis -= rank - indices.ndim  # Expand puts axes in front
    if not 0 <= axis < indices.ndim:
        return None
    size = None if data is None else data.dim(node.attribute("axis", 0))
    import numpy as np

    lines = np.moveaxis(indices, axis, -1)
    return _repeats(lines.reshape(-1, 1, indices.shape[axis]), (size,))


def _repeats(lines: "Array", sizes: tuple[Any, ...]) -> tuple[int, int]:
    """The tuples of indices that repeat, of how many; axes are lines, coordinates, updates."""
    import numpy as np

    lines = lines.astype(np.int64)
    for number, size in enumerate(sizes):
        if isinstance(size, int):
            lines[:, number] += np.where(lines[:, number] < 0, size, 0)
    if lines.shape[1] == 1:
        ordered = np.sort(lines[:, 0], axis=-1)
        return int((ordered[:, 1:] == ordered[:, :-1]).sum()), ordered.size
    tuples = lines[0].T
    return len(tuples) - len(np.unique(tuples, axis=0)), len(tuples)


def _constant(value: Value | None, graph: Graph) -> "Array | None":
    """The constant indices behind a value, before they are expanded."""
    for _ in range(_NEAR):
        found = graph.constant(value)
        node = value.producer if value is not None else None
        if found is not None or node is None:
            return found
        if node.op not in ("Cast", "Expand", "Identity"):
            return None
        value = node.input(0)
    return None


def _is_uniform(value: Value | None, graph: Graph) -> bool:
    """Whether all updates are one constant."""
    for _ in range(_NEAR):
        node = value.producer if value is not None else None
        if node is not None and node.op == "ConstantOfShape":
            return True
        if node is None or node.op not in HANDING_ON:
            break
        value = node.input(0)
    found = graph.constant(value) if graph.tensor(value) is not None else None
    return found is not None and (found.size < 2 or bool((found == found.flat[0]).all()))
