"""Layers that were added, removed, moved, retyped or changed; not those that were renamed."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Container, Iterable, Iterator, Sequence
from typing import Any

from onnxlint.analyses.matching.folding import Foldings
from onnxlint.analyses.matching.layer_graph import LayerVertex, Read, Source, layers_among
from onnxlint.analyses.matching.neighbours import Neighbours
from onnxlint.analyses.matching.pairs import Matching
from onnxlint.analyses.matching.traits import attributes, is_same, operands
from onnxlint.model.graph.place import shortened
from onnxlint.release_diff import FactChange, LayerChange


def layer_changes(matching: Matching, foldings: Foldings) -> Iterator[LayerChange]:
    """All of them, in the order of the new model; the removed last."""
    old, new = matching.old, matching.new
    moved, rewired = _displaced(matching)
    for layer in new.layers:
        before, ref = matching.taken.get(layer), new.ref(layer)
        if before is None:
            into = foldings.unfolded.get(layer)
            if into is None:
                yield LayerChange("added", new=ref)
            else:
                yield LayerChange("unfolded", new=ref, into=new.ref(into).label)
            continue
        details = tuple(_details(matching, before, layer))
        if before.node.op != layer.node.op:
            yield LayerChange("retyped", old.ref(before), ref, details)
        elif details:
            yield LayerChange("changed", old.ref(before), ref, details)
        if before in moved or before in rewired:
            reads = FactChange(
                "reads", _reads(matching, before, True), _reads(matching, layer, False)
            )
            yield LayerChange(
                "moved" if before in moved else "rewired", old.ref(before), ref, (reads,)
            )
    for layer in matching.gone:
        into = foldings.folded.get(layer)
        if into is None:
            yield LayerChange("removed", old=old.ref(layer))
        else:
            yield LayerChange("folded", old=old.ref(layer), into=new.ref(into).label)


def _reads(matching: Matching, layer: LayerVertex, is_old: bool) -> str:
    side = matching.old if is_old else matching.new
    names = [
        side.ref(source).label if isinstance(source, LayerVertex)
        else f"input {shortened(source.name)!r}"
        for reads in layer.reads for source, _ in reads
    ]  # fmt: skip
    told = ", ".join(names[:5]) + (f" … and {len(names) - 5} more" if len(names) > 5 else "")
    return told or "no layer"


def _displaced(matching: Matching) -> tuple[set[LayerVertex], set[LayerVertex]]:
    """The old layers that stand elsewhere now, and those that read other layers.

    Of layers that changed places, as few as possible moved. What only follows from a layer that
    came or went is neither.
    """
    before = Neighbours(matching.old, matching.pairs)
    after = Neighbours(matching.new, matching.taken)
    suspects = {
        one for one, other in matching.pairs.items()
        if not _read_alike(matching, one, before.read(one), after.read(other))
    }  # fmt: skip
    if not suspects:
        return set(), set()
    pairs = sorted(matching.pairs.items(), key=lambda pair: pair[0].index)
    in_order = _longest_rise([other.index for _, other in pairs])
    astray = {one for at, (one, _) in enumerate(pairs) if at not in in_order}
    moved = {
        one for one in suspects & astray
        if _images(matching, before.read(one)).isdisjoint(
            (source, slot) for group in after.read(matching.pairs[one]) for source, slot in group
        )
    }  # fmt: skip
    rest = {one: other for one, other in matching.pairs.items() if one not in moved}
    back = {other: one for one, other in rest.items()}
    before, after = Neighbours(matching.old, rest), Neighbours(matching.new, back)
    rewired = {
        one for one in suspects - moved
        if not _read_alike(matching, one, before.read(one), after.read(rest[one]))
        and _is_direct(one, rest) and _is_direct(rest[one], back)
    }  # fmt: skip
    return moved, rewired


def _read_alike(
    matching: Matching, layer: LayerVertex, one: Sequence[Iterable[Read]],
    other: Sequence[frozenset[Read]],
) -> bool:  # fmt: skip
    images = [_images(matching, [group]) for group in one]
    others = [frozenset((source, slot) for source, slot in group) for group in other]
    if layer.is_commutative or len(images) != len(others):
        return Counter(images) == Counter(others)
    return images == others


def _images(
    matching: Matching, groups: Sequence[Iterable[Read]]
) -> frozenset[tuple[Source | None, int]]:
    return frozenset((matching.image(source), slot) for group in groups for source, slot in group)


def _is_direct(layer: LayerVertex, known: Container[LayerVertex]) -> bool:
    """Whether all that it reads has a partner."""
    return all(each in known for reads in layer.reads for each in layers_among(reads))


def _longest_rise(numbers: Sequence[int]) -> set[int]:
    """The places of a longest part of the numbers that only rises."""
    ends: list[int] = []
    places: list[int] = []
    before: list[int] = []
    for place, number in enumerate(numbers):
        at = bisect_left(ends, number)
        before.append(places[at - 1] if at else -1)
        ends[at:] = [number] if at == len(ends) else [number, *ends[at + 1 :]]
        places[at:] = [place] if at == len(places) else [place, *places[at + 1 :]]
    rise, place = set[int](), places[-1] if places else -1
    while place >= 0:
        rise.add(place)
        place = before[place]
    return rise


def _details(matching: Matching, one: LayerVertex, other: LayerVertex) -> Iterator[FactChange]:
    """The attributes and sizes in which two partners differ."""
    if one.node.op == other.node.op:
        old = attributes(matching.old, one.node)
        new = attributes(matching.new, other.node)
        for name in sorted(old.keys() & new.keys()):
            if not is_same(name, old[name], new[name]):
                yield FactChange(shortened(name), _told(old[name]), _told(new[name]))
        was, now = (operands(side.graph, layer.node) for side, layer in
                    ((matching.old, one), (matching.new, other)))  # fmt: skip
        for name in was.keys() & now.keys() if list(was) == list(now) else ():
            if was[name] != now[name]:
                yield FactChange(name, _told(was[name]), _told(now[name]))
    for name, parameter in other.parameters.items():
        before = one.parameters.get(name)
        if before is not None and before.dims != parameter.dims:
            yield FactChange(f"shape of {name}", str([*before.dims]), str([*parameter.dims]))


def _told(value: Any) -> str:
    if isinstance(value, list):
        shown = [_told(each) for each in value[:20]]
        return f"[{', '.join(shown)}{', …' if len(value) > 20 else ''}]"
    if isinstance(value, bytes):
        return shortened(value.decode(errors="replace"))
    return (
        "default" if value is None else f"{value:.6g}" if isinstance(value, float) else str(value)
    )
