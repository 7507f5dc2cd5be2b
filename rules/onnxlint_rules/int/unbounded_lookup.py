"""INT007 unbounded-lookup."""

from collections.abc import Iterator

from onnxlint import Finding, Graph, Node, Severity, Shapes, Value, counted, rule
from onnxlint.model.graph.operators import HANDING_ON
from onnxlint.model.graph.traversal import followers


@rule("INT007", "unbounded-lookup", severity=Severity.INFO, ops=("Gather",))
def unbounded_lookup(graph: Graph, shapes: Shapes) -> Iterator[Finding]:
    """An input used as an index into a table without a bounds check.

    Why: one id beyond the table ends the run in production: a token added to the tokenizer but not
    to the model, or a position beyond the last one in training (espnet_onnx issue 63). The number
    of rows is part of the contract with the caller, but the file does not state it.
    Fix: document the limit and check it before the run, or put a Clip before the Gather.

    Bad:
    net (int64[N] ids) => (float[N, 2] y)
    <float[3, 2] table = {1, 2, 3, 4, 5, 6}>
    {
        y = Gather(table, ids)
    }

    Good:
    net (int64[N] ids) => (float[N, 2] y)
    <float[3, 2] table = {1, 2, 3, 4, 5, 6}, int64 first = {0}, int64 last = {2}>
    {
        inside = Clip(ids, first, last)
        y = Gather(table, inside)
    }
    """
    for value in graph.inputs:
        rows = [_rows(node, shapes) for node in _lookups(value)]
        known = [count for count in rows if count is not None]
        if known:
            yield Finding(
                value,
                f"{value.name!r} indexes a table of {counted(min(known), 'row')} "
                "without a bounds check",
                measured=min(known),
                unit="rows",
                hint=f"clip {value.name!r} to 0…{min(known) - 1:,}, or check it before the run",
            )


def _lookups(value: Value) -> Iterator[Node]:
    """The Gather nodes that use a value's elements as indices, unchanged."""
    for node, slot in followers(value, HANDING_ON):
        if node.op == "Gather" and slot == 1:
            yield node


def _rows(node: Node, shapes: Shapes) -> int | None:
    """The fixed number of entries that a Gather chooses from."""
    table = shapes.of(node.input(0))
    rows = table.dim(node.attribute("axis", 0)) if table is not None else None
    return rows if isinstance(rows, int) else None
