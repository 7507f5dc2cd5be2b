"""Sequences of one step: the shortest that a dynamic axis of time, or a count of steps, allows."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING

from msgspec import Struct

from onnxlint.analyses.inputs.dynamic_axes import Sizes
from onnxlint.model.graph.graph import Graph
from onnxlint.model.graph.nodes import Node, Value
from onnxlint.model.graph.operators import COUNT_SLOT, MOVING, SEVERAL_STEPS
from onnxlint.model.graph.walk import Walk

if TYPE_CHECKING:
    from onnxlint.runtime.feeds.synthesis import Slot
    from onnxlint.types import Array

    Feed = dict[str, Array]

MOST_AXES = 2
"""So many dynamic axes of time are tried, and so many counts: what is read and what is written."""

_SPATIAL_RANK = 4
"""From so many axes on, a free one is a height or a width unless its name tells of time."""

_TIMES = ("seq", "time", "len", "step", "frame", "token")
"""Parts of the names of such axes of time."""

_NEAR = 16
"""So many values behind an input are looked at."""


class Shortened(Struct, frozen=True):
    """What was cut to one step, in one or two ways: an axis alone, and with those of its size.

    `two` are two steps in the same ways, `more` one more than usual.
    """

    what: str
    one: list[Feed]
    two: list[Feed]
    more: list[Feed]


def shortened(graph: Graph, sizes: Sizes, feed: Feed) -> Iterator[Shortened]:
    """The dynamic axes of time, and the numbers of steps that are inputs, but those of one."""
    import numpy as np

    symbols = (symbol for symbol in sizes.others if _is_time(sizes, symbol))
    for symbol in islice(symbols, MOST_AXES):
        tied = list(dict.fromkeys([symbol, *sizes.tied(symbol)]))
        groups = [[symbol], tied] if len(tied) > 1 else [[symbol]]
        lengths = (1, 2, sizes.base[symbol] + 1)
        one, two, more = (
            [sizes.resized(feed, dict.fromkeys(group, length)) for group in groups]
            for length in lengths
        )
        yield Shortened(symbol, one, two, more)
    counts = (v for v in graph.inputs if v.name in feed and _is_count(v, feed[v.name]))
    for value in islice(counts, MOST_AXES):
        array = feed[value.name]
        one, two, more = (
            [{**feed, value.name: np.full_like(array, count)}]
            for count in (1, 2, int(array.max()) + 1)
        )
        yield Shortened(value.name, one, two, more)


def folds_steps(graph: Graph, node: Node | None) -> bool:
    """Whether what is refused at a node may need several steps by design."""
    if node is None:
        return True
    before = graph.ancestors([value for value in node.inputs if value is not None])
    return node.op in SEVERAL_STEPS or any(each in before for each in graph.nodes(*SEVERAL_STEPS))


def _is_time(sizes: Sizes, symbol: str) -> bool:
    slots = [slot for slot in map(sizes.slot, sizes.names) if slot and symbol in slot.dims]
    return sizes.base[symbol] > 1 and all(_counts_steps(slot, symbol) for slot in slots)


def _counts_steps(slot: Slot, symbol: str) -> bool:
    if slot.is_signal or slot.may_be_signal:
        return False
    axis, rank = slot.dims.index(symbol), len(slot.dims)
    named = any(word in symbol.lower() for word in _TIMES)
    return named or rank == 1 or 0 < axis < rank < _SPATIAL_RANK


def _is_count(value: Value, array: Array) -> bool:
    """Whether an input of one number says how many steps there are, and says more than one."""
    if array.size != 1 or array.dtype.kind not in "iu" or int(array.max()) < 2:
        return False
    walk = Walk([value])
    for at in islice(walk, _NEAR):
        for node, slot in at.uses:
            if COUNT_SLOT.get(node.op) == slot:
                return True
            if node.op in MOVING:
                walk.add(node.output)
    return False
