"""What a decoder hands on from call to call: which input is which output of the call before."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING

from msgspec import Struct

from onnxlint.analyses.static.shapes import Shapes
from onnxlint.model.graph.graph import Graph
from onnxlint.model.graph.nodes import Node, Value
from onnxlint.model.graph.operators import CACHE_SLOTS, MOVING, STATES_HANDED_ON
from onnxlint.model.graph.walk import Walk

if TYPE_CHECKING:
    from onnxlint.runtime.feeds.synthesis import Slot

_WRITING = ("ScatterElements", "ScatterND")
"""Put what is new into a cache of fixed size."""

_CUTTING = MOVING | {"Expand", "Gather", "Slice"}
"""What a cache may go through before new keys are joined: windows are cut, samples chosen."""

_WORDS = re.compile(r"[a-z]+|\d+")
_TURN = frozenset({"past", "present", "in", "out", "input", "output", "new", "next", "updated",
                   "prev", "previous", "current", "cache", "caches", "values", "states", "state",
                   "kv"})  # fmt: skip
"""Words of the names of caches by which that of this call differs from that of the last one."""

_CACHED = r"(?i)past|cache|_states?(?![a-z])|^(conv|ssm|recurrent)"
_CROSS = r"(?i)encoder|cross"

NEAR = 8
"""Operators between a cache and the output that it is handed on by: a copy, a transposition."""


class Cache(Struct, frozen=True):
    """One input that is an output of the call before; `batch` and `time` are its axes.

    Where `time` is None it is a state of fixed size. `is_cross`: it holds what an encoder said, the
    same at every step. `is_buffer`: it has room for all tokens from the beginning. Without
    `present` it is only read.
    """

    slot: Slot
    value: Value
    present: Value | None
    batch: int = 0
    time: int | None = None
    is_cross: bool = False
    is_buffer: bool = False


def caches_of(
    graph: Graph, shapes: Shapes, slots: Sequence[Slot], tokens: Slot
) -> Iterator[Cache]:  # fmt: skip
    """The caches of a model: pairs by what their names have in common, else by the graph."""
    values = {value.name: value for value in graph.inputs}
    floats = [slot for slot in slots if "float" in slot.dtype and slot.dims]
    known = dict(_by_name(graph, floats))
    taken = set(known.values())
    for slot in floats:
        value = values[slot.name]
        present, axis = _handed_on(value)
        named = known.get(slot.name)
        if named is None and present in taken:
            present = None
        if named is None and present is None and not _is_read_only(slot):
            continue
        yield _cache(shapes, slot, value, named or present, axis, tokens)


def _is_read_only(slot: Slot) -> bool:
    """Whether it is a cache of an encoder's keys and values, by its name."""
    return len(slot.dims) == 4 and bool(
        re.search(_CROSS, slot.name) and re.search(_CACHED, slot.name)
    )


def _cache(
    shapes: Shapes, slot: Slot, value: Value, present: Value | None, axis: int | None, tokens: Slot
) -> Cache:  # fmt: skip
    dims = slot.dims
    batch = dims.index(tokens.dims[0]) if tokens.dims[0] in dims else 0
    time = None if axis is None else axis % len(dims)
    after = shapes.of(present) if present is not None else None
    if time is None:
        free = [at for at, dim in enumerate(dims) if isinstance(dim, str) and at != batch]
        time = free[0] if len(free) == 1 else None
    is_cross = bool(re.search(_CROSS, slot.name)) or present is None
    fixed = time is not None and isinstance(dims[time], int)
    same = after is not None and time is not None and after.dim(time) == dims[time]
    return Cache(slot, value, present, batch, time, is_cross, is_buffer=bool(fixed and same))


def _by_name(graph: Graph, slots: Sequence[Slot]) -> Iterator[tuple[str, Value]]:
    """Inputs and outputs whose names say the same but for the turn: `past_0` and `present_0`."""
    outputs: dict[tuple[str, ...], list[Value]] = {}
    for value in graph.outputs:
        outputs.setdefault(common_words(value.name), []).append(value)
    inputs: dict[tuple[str, ...], list[Slot]] = {}
    for slot in slots:
        if re.search(_CACHED, slot.name):
            inputs.setdefault(common_words(slot.name), []).append(slot)
    for words, found in inputs.items():
        fitting = outputs.get(words, [])
        if len(found) == len(fitting) == 1:
            yield found[0].name, fitting[0]


def common_words(name: str) -> tuple[str, ...]:
    """The words of a cache's name that are the same in the next call."""
    plain = name.lower().replace("key_values", "").replace("key_value", "")
    return tuple(word for word in _WORDS.findall(plain) if word not in _TURN)


def _handed_on(value: Value) -> tuple[Value | None, int | None]:
    """The output that holds an input together with what is new, and the axis that it grows along.

    A cache that a body reads is found by its name.
    """
    walk = Walk([value])
    for at in islice(walk, NEAR):
        for node, slot in at.uses:
            if node.op in _CUTTING and slot == 0:
                walk.add(node.output)
                continue
            made, axis = _joined(node, slot)
            present = _as_output(made)
            if present is not None:
                return present, axis
    return None, None


def _joined(node: Node, slot: int) -> tuple[Value | None, int | None]:
    if node.op == "Concat":
        axis: int = node.attribute("axis", 0)
        return node.output, axis
    if node.op in _WRITING and slot == 0:
        return node.output, None
    state = STATES_HANDED_ON.get(node.op, {}).get(slot)
    if state is not None and state < len(node.outputs):
        return node.outputs[state], None
    made = CACHE_SLOTS.get(node.op, {}).get(slot)
    if made is None or made >= len(node.outputs):
        return None, None
    return node.outputs[made], 3 if node.op == "com.microsoft::Attention" else 2


def _as_output(value: Value | None) -> Value | None:
    """The output of the model that a value is, maybe behind a copy or a transposition."""
    walk = Walk([value])
    for at in islice(walk, NEAR):
        if at.is_output and at.scope.owner is None:
            return at
        for node, slot in at.uses:
            if node.op in MOVING and slot == 0:
                walk.add(node.output)
    return None
