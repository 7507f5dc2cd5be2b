"""INT007 unbounded-lookup."""

from collections.abc import Iterator

from onnxlint import Finding, Graph, Node, Severity, Shapes, Value, Walk, rule

SAME_NUMBERS = frozenset({
    "Identity", "Cast", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Transpose", "Slice", "Expand"
})  # fmt: skip
"""Operators that hand on the numbers of their first input."""


@rule("INT007", "unbounded-lookup", severity=Severity.INFO, ops=("Gather",))
def unbounded_lookup(graph: Graph, shapes: Shapes) -> Iterator[Finding]:
    """An input whose numbers look up rows of a table, with nothing that keeps them in it.

    Why: one id too many ends the run in production: a token added to the tokenizer and not to the
    model, or a position past the last one that was trained (espnet_onnx issue 63). The number of
    rows is part of the contract with the caller, and the file does not say it.
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
                f"{value.name!r} looks up a table of {min(known):,} rows and may hold any number",
                measured=min(known),
                unit="rows",
            )


def _lookups(value: Value) -> Iterator[Node]:
    """The Gather nodes that use a value's numbers as indices, unchanged."""
    walk = Walk([value])
    for current in walk:
        for node in dict.fromkeys(current.consumers):
            if node.op == "Gather" and node.input(1) is current:
                yield node
            elif node.op in SAME_NUMBERS and node.input(0) is current:
                walk.add(node.output)


def _rows(node: Node, shapes: Shapes) -> int | None:
    """The fixed number of entries that a Gather chooses from."""
    table = shapes.of(node.input(0))
    rows = table.dim(node.attribute("axis", 0)) if table is not None else None
    return rows if isinstance(rows, int) else None
