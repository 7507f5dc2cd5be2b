"""ARC017 unguarded-topk."""

from collections.abc import Iterable, Iterator

from onnxlint import Finding, Graph, Node, Severity, Shapes, Value, rule
from onnxlint.model.graph.operators import DATA_SIZED
from onnxlint_rules.arc._entries import Along, fewest_entries


@rule("ARC017", "unguarded-topk", severity=Severity.WARNING, ops=("TopK",))
def unguarded_topk(graph: Graph, shapes: Shapes) -> Iterator[Finding]:
    """A TopK whose k may exceed the size of a dynamic axis.

    Why: with fewer than k entries the run fails, at the first short text, small image or empty set
    of candidates (onnxruntime issues 12669 and 13876, PyTorch issue 71695). A warning if the axis
    is that of an input, or the result of a search (NonZero, NonMaxSuppression). An info if its size
    is computed from other sizes: the axis of a detector's anchors is long for any realistic image.
    Inside a branch of an If the condition is assumed to be the guard.
    Fix: `k = min(k, x.shape[axis])` with the axis dynamic at the export, or pad to k entries.

    Bad:
    net (float[N, T] scores) => (float[N, 5] best)
    <int64[1] k = {5}>
    {
        best, places = TopK(scores, k)
    }

    Instead:
    # k never exceeds the size
    net (float[N, T] scores) => (float[N, K] best)
    <int64[1] most = {5}>
    {
        size = Shape <start = 1> (scores)
        k = Min(size, most)
        best, places = TopK(scores, k)
    }

    Good:
    # padded by k entries
    net (float[N, T] scores) => (float[N, 5] best)
    <int64[1] k = {5}, int64[4] pads = {0, 0, 0, 5}>
    {
        padded = Pad(scores, pads)
        best, places = TopK(padded, k)
    }
    """
    given = _symbols(graph.inputs, shapes)
    found = _symbols((v for node in graph.nodes(*DATA_SIZED) for v in node.outputs if v), shapes)
    along = Along(shapes)
    for node in graph.nodes("TopK"):
        k, axis = _k(node, graph), shapes.axis(node.input(0), node.attribute("axis", -1))
        in_branch = any(owner.op == "If" for owner in node.owners)
        if k is None or axis is None or in_branch:
            continue
        size = shapes.dim(node.input(0), axis)
        fewest = max(fewest_entries(node.input(0), axis, graph, along), int(size in given))
        if k > fewest and not isinstance(size, int):
            name = repr(size) if size in given else "computed size"
            entries = f"only {fewest} entries" if fewest else "no entry"
            yield Finding(
                node,
                f"k = {k}, but axis {axis} ({name}) may have "
                + ("only 1 entry" if fewest == 1 else entries),
                hint=f"limit k to the size of axis {axis} (min({k}, x.shape[{axis}]) with the axis "
                f"dynamic at the export), or pad the axis to {k} entries",
                measured=k,
                limit=fewest,
                unit="entries",
                severity=None if size in given | found else Severity.INFO,
            )


def _symbols(values: Iterable[Value], shapes: Shapes) -> set[str]:
    types = filter(None, map(shapes.of, values))
    return {dim for shape in types for dim in shape.dims or () if isinstance(dim, str)}


def _k(node: Node, graph: Graph) -> int | None:
    """The constant k: an input from opset 10 on, an attribute before."""
    constant = graph.number(node.input(1))
    if constant is None:
        return node.attribute("k", 0) or None
    return constant if isinstance(constant, int) else None
