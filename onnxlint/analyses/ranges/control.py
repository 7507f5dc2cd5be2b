"""Branches, loops and calls: evaluations of bodies, with what they are handed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from onnxlint.analyses.ranges import guards
from onnxlint.analyses.ranges.range import Range, join
from onnxlint.model.graph.nodes import Node, Scope, Value

if TYPE_CHECKING:
    from onnx import AttributeProto

    from onnxlint.analyses.ranges.world import Knowledge
EXACT_ROUNDS = 3
"""Iterations of a loop that are evaluated as they are; what still grows then is widened."""

MOST_STEPS_OUT = 8
"""Rounds after which whatever still changes is left unknown."""

Read = Sequence[Range | None]


def transferred(evaluation: Knowledge, node: Node, read: Read) -> Iterable[Range] | None:
    """What a node with bodies gives; None where its operator is not known."""
    if node.called is not None:
        return _called(evaluation, node, node.called, read)
    if node.op == "If" and len(node.subgraphs) == 2:
        return _branched(evaluation, node, read)
    if node.op == "Loop" and len(node.subgraphs) == 1:
        return _looped(evaluation, node, node.subgraphs[0], read)
    if node.op == "Scan" and len(node.subgraphs) == 1:
        return _scanned(evaluation, node, node.subgraphs[0], read)
    return None


def _inside(
    evaluation: Knowledge, scope: Scope, given: Iterable[Range | None], node: Node | None = None
) -> Knowledge:
    """The evaluation of a body that is handed this; `node` is the call that it is the body of."""
    bound = {value: found for value, found in zip(scope.inputs, given, strict=False) if found}
    attributes = None
    if node is not None:
        attributes = _handed_attributes(evaluation, node, scope)
    return evaluation.inner(lambda value: value.scope is scope, bound, attributes)


def _handed_attributes(
    evaluation: Knowledge, node: Node, scope: Scope
) -> dict[str, AttributeProto]:
    """The attributes of a call, and the defaults of those that it leaves out."""
    given = {each.name: each for each in (scope.function.attribute_proto if scope.function else ())}
    for name, each in node.attributes.items():
        resolved = evaluation.resolved(each)
        if resolved is not None:
            given[name] = resolved
        else:
            given.pop(name, None)
    return given


def _keep(evaluation: Knowledge, scope: Scope, body: Knowledge) -> None:
    """Remembers a body's evaluation that holds, for who asks of its values."""
    evaluation.world.bodies.setdefault(scope, []).append(body)


def _called(evaluation: Knowledge, node: Node, scope: Scope, read: Read) -> list[Range]:
    body = _inside(evaluation, scope, read, node)
    _keep(evaluation, scope, body)
    return [body.of(value) for value in scope.outputs]


def _branched(evaluation: Knowledge, node: Node, read: Read) -> list[Range] | None:
    condition, decided = node.input(0), read[0] if read else None
    if condition is None:
        return None
    results: list[list[Range]] = []
    for scope in node.subgraphs:
        truth = scope.path.endswith("/then_branch")
        if decided is not None and decided.is_point and bool(decided.least) != truth:
            continue
        around = _under(evaluation, condition, truth)
        if around is None:
            continue
        body = _inside(around, scope, ())
        _keep(evaluation, scope, body)
        results.append([body.of(value) for value in scope.outputs])
    if not results:
        return None
    return [join(*parts) for parts in zip(*results, strict=False)]


def _under(evaluation: Knowledge, condition: Value, truth: bool) -> Knowledge | None:
    """The evaluation around a branch: what the condition says of single numbers holds in it."""
    bound: dict[Value, Range] = {}
    for limit in guards.limits_of(evaluation, condition, truth):
        if evaluation.world.is_single(limit.value):
            found = limit.on(bound.get(limit.value) or evaluation.of(limit.value))
            if found is None:
                return None
            bound[limit.value] = found
    if not bound:
        return evaluation
    affected = evaluation.world.follows(bound)
    return evaluation.inner(affected.__contains__, bound)


def _looped(evaluation: Knowledge, node: Node, body: Scope, read: Read) -> list[Range] | None:
    """A Loop: carried values by rounds, what is collected by the last one."""
    trips = read[0] if read else None
    most = np.inf if trips is None else trips.most
    starts = [each or Range.top(None) for each in read[2:]]
    counter = Range.of(0, max(0.0, most - 1) if np.isfinite(most) else 2.0**63 - 1, integer=True)
    state, last = _rounds(
        evaluation, body, starts, lambda carried: [counter, Range.of(1, 1, integer=True), *carried],
        lambda made: made[1 : 1 + len(starts)], most,
    )  # fmt: skip
    _keep(evaluation, body, last)
    collected = [_stacked(last.of(value)) for value in body.outputs[1 + len(starts) :]]
    return [*state, *collected]


def _scanned(evaluation: Knowledge, node: Node, body: Scope, read: Read) -> list[Range] | None:
    """A Scan: its state by rounds; of each sequence any step."""
    count = evaluation.attribute(node, "num_scan_inputs", 0)
    if node.opset < 9 or not 0 < count <= len(read):
        return None
    states = [each or Range.top(None) for each in read[: len(read) - count]]
    steps = [(each or Range.top(None)).hull.without_parts() for each in read[len(read) - count :]]
    state, last = _rounds(
        evaluation, body, states, lambda carried: [*carried, *steps],
        lambda made: made[: len(states)], np.inf,
    )  # fmt: skip
    _keep(evaluation, body, last)
    collected = [last.of(value).hull.without_parts() for value in body.outputs[len(states) :]]
    return [*state, *collected]


def _rounds(
    evaluation: Knowledge, body: Scope, starts: Sequence[Range],
    handed: Callable[[Sequence[Range]], Sequence[Range]],
    carried_of: Callable[[list[Range]], list[Range]], most: float,
) -> tuple[list[Range], Knowledge]:  # fmt: skip
    """The carried values over all iterations, and the last evaluation of the body."""
    state = [each.without_parts() for each in starts]
    rounds = 0
    while True:
        last = _inside(evaluation, body, handed(state))
        made = carried_of([last.of(value) for value in body.outputs])
        made = [each.without_parts() for each in made]
        rounds += 1
        grown = [_joined(one, other) for one, other in zip(state, made, strict=False)]
        if all(_covers(one, other) for one, other in zip(state, grown, strict=True)):
            return state, last
        if rounds >= most:
            return grown, last
        if rounds > EXACT_ROUNDS:
            grown = [_widened(one, other) for one, other in zip(state, grown, strict=True)]
        if rounds > MOST_STEPS_OUT:
            grown = [Range.top(None) for _ in grown]
        state = grown


def _joined(one: Range, other: Range) -> Range:
    if one.low.ndim != other.low.ndim:
        one, other = one.hull, other.hull
    try:
        return join(one, other)
    except ValueError:  # it changes its size from round to round
        return join(one.hull, other.hull)


def _covers(one: Range, other: Range) -> bool:
    """Whether a range already says all that a larger one says."""
    if one.low.shape != other.low.shape:
        return False
    same = bool((one.low <= other.low).all() and (one.high >= other.high).all())
    flags = all(
        getattr(one, name) or not getattr(other, name)
        for name in ("nan", "free", "loose", "mixed", "varies")
    )
    weaker = all(getattr(other, name) or not getattr(one, name) for name in ("integer", "nonzero"))
    return same and flags and weaker


def _widened(before: Range, after: Range) -> Range:
    """An end that still moves goes as far as it may; what can be NaN may be it."""
    if before.low.shape != after.low.shape:
        return Range.top(None)
    low = np.where(after.low < before.low, -np.inf, after.low)
    high = np.where(after.high > before.high, np.inf, after.high)
    return replace(after, low=low, high=high, loose=True)


def _stacked(one: Range) -> Range:
    """A value of all iterations, one behind the other along a new first axis."""
    found = one.without_parts()
    if found.low.ndim:
        found = replace(found, low=found.low[None], high=found.high[None])
    return found
