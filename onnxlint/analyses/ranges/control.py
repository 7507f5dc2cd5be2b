"""Branches and calls: evaluations of bodies, with what they are handed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from msgspec.structs import replace

from onnxlint.analyses.ranges import guards, loops
from onnxlint.analyses.ranges.bodies import (
    MOST_DEEP,
    Read,
    inside,
    keep,
    marked,
    merged,
    outcomes,
)
from onnxlint.analyses.ranges.range import Range
from onnxlint.model.graph.nodes import Node, Scope, Value

if TYPE_CHECKING:
    from onnxlint.analyses.ranges.world import Knowledge

_LOOPS = {"Loop": loops.looped, "Scan": loops.scanned}


def transferred(evaluation: Knowledge, node: Node, read: Read) -> Iterable[Range] | None:
    """What a node with bodies gives; None where its operator is not known, or it is too deep."""
    if evaluation.depth >= MOST_DEEP:
        return None
    if node.called is not None:
        return _called(evaluation, node, node.called, read)
    if node.op == "If" and len(node.subgraphs) == 2:
        return _branched(evaluation, node, read)
    if node.op in _LOOPS and len(node.subgraphs) == 1:
        return _LOOPS[node.op](evaluation, node, node.subgraphs[0], read)
    if node.op == "SequenceMap" and len(node.subgraphs) == 1:
        return _mapped(evaluation, node, node.subgraphs[0], read)
    return None


def _called(evaluation: Knowledge, node: Node, scope: Scope, read: Read) -> list[Range]:
    body = inside(evaluation, scope, read, node)
    for value, given in zip(scope.inputs, node.inputs, strict=False):
        body.typed(value, evaluation.shape_of(given))
    keep(evaluation, scope, body)
    found = [body.of(value) for value in scope.outputs]
    _note_types(evaluation, node, body, scope)
    return found


def _note_types(evaluation: Knowledge, node: Node, body: Knowledge, scope: Scope) -> None:
    for made, value in zip(node.outputs, scope.outputs, strict=False):
        evaluation.typed(made, body.shape_of(value))


def _branched(evaluation: Knowledge, node: Node, read: Read) -> list[Range] | None:
    """What the branches give that may be taken."""
    condition, decided = node.input(0), read[0] if read else None
    if condition is None:
        return None
    results = []
    for scope in node.subgraphs:
        truth = scope.path.endswith("/then_branch")
        if decided is not None and decided.is_point and bool(decided.least) != truth:
            continue
        around = _under(evaluation, node, condition, truth)
        if around is None:
            continue
        body = inside(around, scope, ())
        keep(evaluation, scope, body)
        results.append(list(outcomes(body, scope.outputs)))
        for made, value in zip(node.outputs, scope.outputs, strict=False):
            shape = body.shape_of(value)
            evaluation.typed(made, None if shape is None else replace(shape, dims=None))
    if not results:
        return None
    joined = [merged(parts) for parts in zip(*results, strict=False)]
    return [marked(found, decided) for found in joined] if len(results) > 1 else joined


def _under(evaluation: Knowledge, node: Node, condition: Value, truth: bool) -> Knowledge | None:
    """The evaluation around a branch: what the condition says of single numbers holds in it.

    None where the branch is never taken.
    """
    bound: dict[Value, Range] = {}
    for limit in guards.limits_of(evaluation, condition, truth):
        if _is_single(evaluation, limit.value):
            found = limit.on(bound.get(limit.value) or evaluation.of(limit.value))
            if found is None:
                return None
            bound[limit.value] = found
    captured = evaluation.world.captured(node)
    if not bound or not captured:
        return evaluation
    affected = evaluation.world.between(bound, captured)
    there = evaluation.inner(affected.__contains__, bound)
    there.assumed += 1
    return there


def _is_single(evaluation: Knowledge, value: Value) -> bool:
    """Whether a value holds one number: a condition on it is one on all of it."""
    dims = evaluation.dims(value)
    return dims is not None and all(dim == 1 for dim in dims)


def _mapped(evaluation: Knowledge, node: Node, body: Scope, read: Read) -> list[Range]:
    """A SequenceMap: the body takes one tensor of each sequence; further inputs may be tensors."""
    steps = [None if each is None else each.hull.without_parts() for each in read]
    last = inside(evaluation, body, steps)
    keep(evaluation, body, last)
    return [last.of(value).hull.without_parts() for value in body.outputs]
