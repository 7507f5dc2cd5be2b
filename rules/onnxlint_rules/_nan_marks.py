"""NaN as a mark: what a model chooses to output where it has no answer."""

from collections.abc import Iterator

from onnxlint import Graph, Value, Walk
from onnxlint.model.graph.operators import CHOOSING_FILL, HANDING_ON, SIZE_OPS, SUBGRAPHS

_HARMLESS = SIZE_OPS | {"IsNaN"}
"""What may read it besides: no value is computed from it."""


def is_mark(graph: Graph, value: Value) -> bool:
    """Whether a value is chosen beside others, by Where and its like, and then only output."""
    walk = Walk([value])
    is_chosen = is_given = False
    for reached in walk:
        is_given = is_given or _is_given_out(reached)
        for op, slot, made in _uses(graph, reached):
            chosen = op in CHOOSING_FILL and slot in (CHOOSING_FILL[op] or (slot,))
            if not chosen and not (op in HANDING_ON and slot == 0) and op not in SUBGRAPHS:
                return False
            is_chosen = is_chosen or chosen
            walk.add(*made)
    return is_chosen and is_given


def _uses(graph: Graph, value: Value) -> Iterator[tuple[str, int, list[Value | None]]]:
    """The operators that read it or output it, the slot, and what they make of it."""
    for node, slot in value.uses:
        is_crossed = node.called is not None or node.op in SUBGRAPHS
        if node.op not in _HARMLESS and not is_crossed:
            yield node.op, slot, node.outputs
    for owner in value.yielded_to:
        if owner.op not in SUBGRAPHS:
            yield owner.op, 0, owner.outputs
    yield "If", 0, [*graph.crossings.onwards.get(value, ())]


def _is_given_out(value: Value) -> bool:
    scope = value.scope
    return value.is_output and scope.parent is None and scope.function is None
