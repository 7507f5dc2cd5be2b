"""Carried values that are sums: how far they get in a known number of steps."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
from msgspec.structs import replace

from onnxlint.analyses.ranges.range import Range, join, limits, precision, settled
from onnxlint.model.graph.nodes import Node, Value

if TYPE_CHECKING:
    from onnxlint.analyses.ranges.carried import Carried
    from onnxlint.analyses.ranges.world import Knowledge
    from onnxlint.types import Array

LARGE = 1e30
"""States beyond it are those that widening, or nothing, bounds."""

OVER = 4
"""Units in the last place that a sigmoid may exceed 1 by, as onnxruntime's does."""


def accumulated(loop: Carried, state: Sequence[Range], last: Knowledge) -> list[Range] | None:
    """The carried values where some are sums that grow by bounded terms; None where none is.

    After n steps s = s + d lies n times the least and largest d from its start; so does s = f · s
    + d with f in [0, 1], as an LSTM's cell: within 0 and its start, that many d further.
    """
    return _by_induction(loop, state) or _grown_states(loop, state, last)


def _by_induction(loop: Carried, state: Sequence[Range]) -> list[Range] | None:
    """The same if no state ever is infinite, where a step from such states confirms it.

    Without this hypothesis, a sum that may be infinite makes NaN of all that it meets.
    """
    kinds = [loop.evaluation.element_type(value) for value in loop.start_values]
    supposed = [_finite(each, kind) for each, kind in zip(state, kinds, strict=True)]
    if all(one is other for one, other in zip(supposed, state, strict=True)):
        return None
    last = _supposed(loop, supposed)
    grown = _grown_states(loop, supposed, last)
    if grown is None:
        return None
    made = _reached(loop, last)
    sums = {at for at, each in enumerate(grown) if each is not supposed[at]}
    candidate = [each if at in sums else made[at] for at, each in enumerate(grown)]
    if not all(each.is_finite for each in candidate):
        return None
    then = _reached(loop, _supposed(loop, candidate))
    kept = (at in sums or _lies_in(then[at], candidate[at]) for at in range(len(then)))
    return candidate if all(kept) else None


def _supposed(loop: Carried, state: Sequence[Range]) -> Knowledge:
    last = loop.round(state)
    last.is_dropped = True
    return last


def _reached(loop: Carried, last: Knowledge) -> list[Range]:
    """What is carried before the first step, or after one from what is supposed."""
    pairs = zip(loop.starts, loop.made(last), strict=True)
    return [join(start.hull.without_parts(), found.hull.without_parts())
            for start, (found, _) in pairs]  # fmt: skip


def _lies_in(one: Range, other: Range) -> bool:
    return one.is_finite and other.least <= one.least and one.most <= other.most


def _finite(one: Range, kind: int | None) -> Range:
    """Any finite number where an end is infinite."""
    if one.is_finite or kind is None:
        return one
    low, high = limits(kind)
    return replace(one.hull.without_parts(), low=np.maximum(one.least, low / 4),
                   high=np.minimum(one.most, high / 4), nan=False)  # fmt: skip


def _grown_states(loop: Carried, state: Sequence[Range], last: Knowledge) -> list[Range] | None:
    most = loop.steps[1]
    found, is_better = list(state), False
    for at, whole in enumerate(state):
        if whole.magnitude < LARGE and not whole.integer:
            continue
        term = _term(loop, last, at)
        if term is None:
            continue
        ends = _grown(loop, at, term, most)
        if ends is None:
            continue
        low, high = np.maximum(ends[0], whole.least), np.minimum(ends[1], whole.most)
        if low > whole.least or high < whole.most:
            kind = loop.evaluation.element_type(loop.start_values[at])
            cut = replace(whole.hull, low=np.asarray(low), high=np.asarray(high))
            cut = settled(cut, kind) if kind is not None else cut
            found[at] = replace(cut, nan=cut.nan and cut.infinite)  # a sum of finite terms
            is_better = True
    return found if is_better else None


def _grown(
    loop: Carried, at: int, term: tuple[Range, bool], most: float
) -> tuple[Array, Array] | None:
    added, shrinks = term
    start = loop.starts[at]
    if not (added.is_finite and start.is_finite) or not np.isfinite(most):
        return None
    low, high = min(added.least, 0.0) * most, max(added.most, 0.0) * most
    first = (min(start.least, 0.0), max(start.most, 0.0)) if shrinks else (start.least, start.most)
    eps = precision(loop.evaluation.element_type(loop.start_values[at]))
    size = max(abs(first[0] + low), abs(first[1] + high), start.magnitude)
    slip = size * np.expm1((2 + OVER) * (most + 1) * eps) if eps * most < 1 else np.inf
    return np.asarray(first[0] + low - slip), np.asarray(first[1] + high + slip)


def _term(loop: Carried, last: Knowledge, at: int) -> tuple[Range, bool] | None:
    """What is added to a carried value in each step; whether that one is made smaller before."""
    if at >= len(loop.carried) or at >= len(loop.carried_inputs):
        return None
    own = loop.carried_inputs[at]
    node = _maker(loop.carried[at])
    if node is None or node.op not in ("Add", "Sub") or len(node.inputs) != 2:
        return None
    for slot in (0, 1) if node.op == "Add" else (0,):
        kind = _kind(last, node.input(slot), own)
        if kind is None:
            continue
        added = last.of(node.input(1 - slot))
        if node.op == "Sub":
            added = replace(added, low=-added.high, high=-added.low)
        return added, kind == "shrinks"
    return None


def _kind(last: Knowledge, value: Value | None, own: Value) -> str | None:
    """Whether a value is the carried one, or a part of it between 0 and all."""
    numbers = last.world.numbers
    if numbers.same(value, own):
        return "same"
    node = _maker(value)
    if node is None or node.op != "Mul" or len(node.inputs) != 2:
        return None
    for slot in (0, 1):
        factor = last.of(node.input(1 - slot))
        over = 1 + OVER * (precision(last.element_type(value)) or 2.0**-23)
        is_part = factor.least >= 0 and factor.most <= over and not factor.nan
        if is_part and numbers.same(node.input(slot), own):
            return "shrinks"
    return None


def _maker(value: Value | None) -> Node | None:
    """The node that makes a value, behind copies."""
    for node in _behind(value):
        if node.op != "Identity":
            return node
    return None


def _behind(value: Value | None) -> Iterator[Node]:
    met = set[Value]()
    while value is not None and value.producer is not None and value not in met:
        met.add(value)
        yield value.producer
        value = value.producer.input(0)
