"""NaN as a mark: what a model chooses to give out where it has no answer."""

from collections.abc import Iterator

from onnxlint import Graph, Value

_CHOICES = {
    "Where": (1, 2), "Pad": (2,), "ScatterND": (0, 2), "ScatterElements": (0, 2), "Concat": None,
}  # fmt: skip
"""Operators that put it beside other numbers, and the slots that it is put in by; None: by any."""

_MOVES = frozenset({
    "Cast", "CastLike", "Compress", "DepthToSpace", "Dropout", "Expand", "Flatten", "Gather",
    "GatherElements", "GatherND", "Identity", "Reshape", "Slice", "SpaceToDepth", "Split",
    "Squeeze", "Tile", "Transpose", "Unsqueeze",
})  # fmt: skip
"""Operators that give the elements of their first input as they are."""

_CROSSED = frozenset({"If", "Loop", "Scan"})
"""Operators through which it goes in and out."""

_HARMLESS = frozenset({"Shape", "Size", "IsNaN"})
"""What may read it besides: no number comes of it."""


def is_mark(graph: Graph, value: Value) -> bool:
    """Whether a value is chosen beside others, by Where and its like, and then only given out."""
    seen, pending = {value}, [value]
    is_chosen = is_given = False
    for reached in pending:
        is_given = is_given or _is_given_out(reached)
        for op, slot, made in _uses(graph, reached):
            chosen = op in _CHOICES and slot in (_CHOICES[op] or (slot,))
            if not chosen and not (op in _MOVES and slot == 0) and op not in _CROSSED:
                return False
            is_chosen = is_chosen or chosen
            fresh = [each for each in made if each is not None and each not in seen]
            seen.update(fresh)
            pending += fresh
    return is_chosen and is_given


def _uses(graph: Graph, value: Value) -> Iterator[tuple[str, int, list[Value | None]]]:
    """The operators that read it or hand it out, the slot, and what they make of it."""
    for node, slot in value.uses:
        is_crossed = node.called is not None or node.op in _CROSSED
        if node.op not in _HARMLESS and not is_crossed:
            yield node.op, slot, node.outputs
    for owner in value.yielded_to:
        if owner.op not in _CROSSED:
            yield owner.op, 0, owner.outputs
    yield "If", 0, [*graph.crossings.onwards.get(value, ())]


def _is_given_out(value: Value) -> bool:
    scope = value.scope
    return value.is_output and scope.parent is None and scope.function is None
