"""Evaluations of bodies, and what several of them give together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from msgspec.structs import replace

from onnxlint.analyses.ranges.range import Range, join
from onnxlint.model.graph.nodes import Node, Scope, Value

if TYPE_CHECKING:
    from onnx import AttributeProto

    from onnxlint.analyses.ranges.world import Knowledge

MOST_DEEP = 24
"""Bodies inside bodies, and functions that call functions, that are evaluated. A choice: a damaged
file has functions that call themselves."""

Read = Sequence[Range | None]
Dims = tuple[int | str | None, ...] | None


def inside(
    evaluation: Knowledge, scope: Scope, given: Iterable[Range | None], node: Node | None = None
) -> Knowledge:
    """The evaluation of a body that is handed this; `node` is the call that it is the body of."""
    pairs = zip(scope.inputs, given, strict=False)
    bound = {value: found for value, found in pairs if found is not None}
    attributes = None if node is None else _handed_attributes(evaluation, node, scope)
    return evaluation.inner(
        lambda value: value.scope is scope, bound, attributes, evaluation.depth + 1
    )


def _handed_attributes(
    evaluation: Knowledge, node: Node, scope: Scope
) -> dict[str, AttributeProto]:
    """The attributes of a call; the defaults of those that it, or its own caller, leaves out."""
    given = {each.name: each for each in (scope.function.attribute_proto if scope.function else ())}
    for name, each in node.attributes.items():
        resolved = evaluation.resolved(each)
        if resolved is not None:
            given[name] = resolved
    return given


def keep(evaluation: Knowledge, scope: Scope, body: Knowledge) -> None:
    """Remembers a body's evaluation that holds, for who asks of its values."""
    evaluation.world.bodies.setdefault(scope, []).append(body)


def is_dropped(body: Knowledge) -> bool:
    """Whether it belongs to a round of a loop that a later one includes."""
    return any(each.is_dropped for each in body.lineage)


def merged(parts: Sequence[tuple[Range, Dims]]) -> Range:
    """What one of several values is that may differ in shape; of each its range and its sizes.

    Parts along an axis are told apart only where every value is known to have that size.
    """
    ranges = [found.without_parts() for found, _ in parts]
    shapes = {found.low.shape for found in ranges} | {found.high.shape for found in ranges}
    if len(shapes) == 1:
        return join(*ranges) if len({_rank(dims, found) for found, dims in parts}) == 1 else (
            join(*(found.hull for found in ranges))
        )  # fmt: skip
    rank = max(map(len, shapes))
    known = [dims for _, dims in parts]
    if any(dims is None or len(dims) < rank for dims in known):
        return join(*(found.hull for found in ranges))
    axes = [
        axis for axis in range(-rank, 0)
        if not _is_same([dims[axis] for dims in known if dims is not None])
    ]  # fmt: skip
    fitted = [
        found.collapsed([axis for axis in axes if -axis <= found.low.ndim]) for found in ranges
    ]
    return join(*fitted)


def _rank(dims: Dims, found: Range) -> int | None:
    """What must be alike for boxes of the same grid to be of the same places: nothing of one."""
    return 0 if dims is None or found.low.size == 1 else len(dims)


def _is_same(sizes: Sequence[int | str | None]) -> bool:
    return isinstance(sizes[0], int) and all(size == sizes[0] for size in sizes)


def outcomes(body: Knowledge, values: Iterable[Value]) -> Iterator[tuple[Range, Dims]]:
    """What a body gives: ranges and sizes."""
    return ((body.of(value), body.dims(value)) for value in values)


def marked(found: Range, *deciding: Range | None) -> Range:
    """A range of what is chosen by others: it varies where they do."""
    varies = found.varies or any(each is not None and each.varies for each in deciding)
    return found if varies == found.varies else replace(found, varies=True)
