"""Loop and Scan: what a body is handed in each step, and what is collected of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from msgspec.structs import replace

from onnxlint.analyses.ranges.bodies import Read, marked, merged
from onnxlint.analyses.ranges.carried import Carried
from onnxlint.analyses.ranges.range import Range
from onnxlint.analyses.ranges.rounds import run
from onnxlint.model.graph.nodes import Node, Scope, Value

if TYPE_CHECKING:
    from onnxlint.analyses.ranges.world import Knowledge

_MOST_STEPS = 2.0**63 - 1

MOST_COUNTED = 1e6
"""Steps that a counter is taken to reach: exporters write the largest integer where a condition
ends the loop. A choice."""


def looped(evaluation: Knowledge, node: Node, body: Scope, read: Read) -> list[Range] | None:
    """A Loop: its condition may end it before any step."""
    if len(body.inputs) < 2 or not body.outputs:
        return None
    trips = read[0] if read else None
    condition = read[1] if len(read) > 1 else None
    steps = (0.0, _MOST_STEPS) if trips is None else (max(0.0, trips.least), max(0.0, trips.most))
    is_sure = condition is None or condition.least >= 1
    starts = [Range.top(None) if each is None else each for each in read[2:]]
    going = Range.of(0 if condition is None else 1, 1, integer=True, varies=True)

    def handed(state: Sequence[Range], step: float | None) -> list[Range | None]:
        low, high = (0.0, max(0.0, steps[1] - 1)) if step is None else (step, step)
        counter = Range.of(low, high, integer=True, varies=True)
        return [replace(counter, loose=high >= MOST_COUNTED), going, *state]

    loop = Carried(evaluation, node, body, starts, node.inputs[2:], handed, body.inputs[2:], 1,
                 steps if is_sure else (0.0, steps[1]))  # fmt: skip
    state, rounds = run(loop, body.outputs[0])
    collected = [_stacked(_over(rounds, value), 0) for value in body.outputs[1 + len(starts) :]]
    ending = [each.of(body.outputs[0]) for each in rounds]
    found = [marked(each, trips, condition, *ending) for each in [*state, *collected]]
    _note_types(loop, rounds)
    return found


def scanned(evaluation: Knowledge, node: Node, body: Scope, read: Read) -> list[Range] | None:
    """A Scan: its state by rounds; of each sequence any step."""
    count = evaluation.attribute(node, "num_scan_inputs", 0)
    is_batched = node.opset < 9  # a first axis of samples, and lengths as first input
    first = int(is_batched)
    if not isinstance(count, int) or not 0 < count <= len(read) - first:
        return None
    values, given = node.inputs[first:], read[first:]
    axes = _axes(evaluation, node, "scan_input_axes", count)
    states = [Range.top(None) if each is None else each for each in given[: len(given) - count]]
    scans = [Range.top(None) if each is None else each for each in given[len(given) - count :]]
    if is_batched:
        states = [each.hull for each in states]
        scans = [each.hull for each in scans]
    sizes = zip(values[len(states) :], axes, strict=False)
    steps = _length(evaluation, [] if is_batched else list(sizes))
    parts = [_step(each, axis) for each, axis in zip(scans, axes, strict=True)]
    loop = Carried(
        evaluation, node, body, states, values[: len(states)],
        lambda state, step: [*state, *parts], body.inputs[: len(states)], 0, steps,
    )  # fmt: skip
    state, rounds = run(loop, None)
    outputs = body.outputs[len(states) :]
    axes_out = _axes(evaluation, node, "scan_output_axes", len(outputs))
    collected = [
        _stacked(_over(rounds, value), axis) for value, axis in zip(outputs, axes_out, strict=True)
    ]
    _note_types(loop, rounds)
    if is_batched:  # shorter sequences are filled up with zeros
        state = [each.hull for each in state]
        collected = [merged([(each.hull, None), (Range.of(0, 0, integer=True), None)])
                     for each in collected]  # fmt: skip
    return [*state, *collected]


def _axes(evaluation: Knowledge, node: Node, name: str, count: int) -> list[int | None]:
    """The axis of each sequence, by default the first; None where it is not known."""
    found = evaluation.attribute(node, name)
    if found is None and evaluation.is_decided(node, name):
        return [0] * count
    if not isinstance(found, list) or len(found) != count:
        return [None] * count
    return [axis if isinstance(axis, int) else None for axis in found]


def _length(
    evaluation: Knowledge, scans: Sequence[tuple[Value | None, int | None]]
) -> tuple[float, float]:
    """How many steps a Scan takes."""
    for value, axis in scans:
        dims = evaluation.dims(value)
        if dims is not None and axis is not None and -len(dims) <= axis < len(dims):
            size = dims[axis]
            if isinstance(size, int):
                return float(size), float(size)
    return 0.0, _MOST_STEPS


def _over(rounds: Sequence[Knowledge], value: Value) -> Range:
    """A value of a body in all steps; there may be none, and then no element."""
    if not rounds:
        return Range.of(0, 0, integer=True)
    return merged([(each.of(value), each.dims(value)) for each in rounds])


def _step(one: Range, axis: int | None) -> Range:
    """One step of a sequence: without the axis that it lies along."""
    found = one.without_parts()
    rank = found.low.ndim
    if not rank or axis is None or found.high.ndim != rank or not -rank <= axis < rank:
        return found.hull
    merged_along = found.collapsed([axis])
    return replace(
        merged_along, low=merged_along.low.squeeze(axis), high=merged_along.high.squeeze(axis)
    )


def _stacked(one: Range, axis: int | None) -> Range:
    """A value of all steps, one behind the other along a new axis."""
    found = one.without_parts()
    rank = found.low.ndim
    if not rank:
        return found
    if axis is None or found.high.ndim != rank or not -rank - 1 <= axis <= rank:
        return found.hull
    return replace(
        found, low=np.expand_dims(found.low, axis), high=np.expand_dims(found.high, axis)
    )


def _note_types(loop: Carried, rounds: Sequence[Knowledge]) -> None:
    """The types of the outputs: those of what is carried or collected, of unknown sizes."""
    for made, value in zip(loop.node.outputs, loop.body.outputs[loop.first :], strict=False):
        shape = rounds[-1].shape_of(value) if rounds else None
        loop.evaluation.typed(made, None if shape is None else replace(shape, dims=None))
