"""Inputs that go with a cache: its length, the whole length, and the mask over both."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from msgspec.structs import replace

from onnxlint.analyses.inputs.hints.tied_sizes import Ties
from onnxlint.model.graph.graph import Graph
from onnxlint.model.graph.nodes import Node
from onnxlint.model.graph.operators import LENGTH_SLOTS

if TYPE_CHECKING:
    from onnxlint.runtime.feeds.input_slots import Dim, Slot


def tied(graph: Graph, slots: list[Slot], ties: Ties) -> list[Slot]:
    """The inputs with equal sizes of one name, and lengths that are those of the sequences."""
    named = [replace(slot, dims=tuple(map(ties.renamed, slot.dims)),
                     bounds=tuple(replace(b, size=ties.renamed(b.size)) for b in slot.bounds))
             for slot in slots]  # fmt: skip
    by_name = {slot.name: slot for slot in named}
    lengths = dict(_lengths(graph, by_name))
    return [_whole(lengths.get(slot.name, slot)) for slot in named]


def _whole(slot: Slot) -> Slot:
    """A mask over past and present leaves nothing out: no cache holds padding at its end."""
    from onnxlint.runtime.feeds.input_slots import Column, Meaning

    last = slot.dims[-1] if slot.dims else None
    if slot.meaning is Meaning.MASK and isinstance(last, str) and "+" in last and "past" in last:
        return replace(slot, columns=(Column((1,)),))
    return slot


def _lengths(graph: Graph, slots: dict[str, Slot]) -> Iterator[tuple[str, Slot]]:
    for op, by_slot in LENGTH_SLOTS.items():
        for node in graph.nodes(op):
            whole = _whole_length(node, slots)
            for at, shift in by_slot.items():
                value = node.input(at)
                if value is not None and value.name in slots and whole is not None:
                    yield value.name, _fixed(slots[value.name], whole, shift)


def _whole_length(node: Node, slots: dict[str, Slot]) -> Dim | None:
    """The length of past and present, from the dims of inputs that are read directly."""
    query, past = node.input(0), node.input(3)
    asked = slots.get(query.name) if query is not None else None
    kept = slots.get(past.name) if past is not None else None
    if asked is None or len(asked.dims) != 3:
        return None
    new = asked.dims[1]
    old = kept.dims[2] if kept is not None and len(kept.dims) == 4 else 0
    return old + new if isinstance(old, int) and isinstance(new, int) else f"{old} + {new}"


def _fixed(slot: Slot, whole: Dim, shift: int) -> Slot:
    """The one number that is valid: the whole length, or the place of its last element."""
    from onnxlint.runtime.feeds.input_slots import Meaning

    return replace(slot, meaning=Meaning.INDEX, bounds=(), exact=(whole, shift))
