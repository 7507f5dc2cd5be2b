"""Layers that were added, removed, moved, retyped or changed; not those that were renamed."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import Counter
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from typing import Any

from onnxlint.diffing.folding import Foldings
from onnxlint.diffing.layer_graph import LayerGraph, LayerVertex, Source
from onnxlint.diffing.matching import Matching, Neighbours
from onnxlint.model.graph.graph import Graph
from onnxlint.model.graph.nodes import Node
from onnxlint.model.graph.operator_schemas import schema_of
from onnxlint.model.graph.place import shortened
from onnxlint.release_diff import FactChange, LayerChange

_OF_LAYOUT = frozenset({"alpha", "beta", "transA", "transB"})
"""Attributes of Gemm that say how its weight is stored, which the numbers account for."""

_CONSTANTS = 32
"""Elements of a constant operand of integers that is compared: starts, ends, axes and the like."""


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
        side.ref(each).label if isinstance(each, LayerVertex) else f"input {shortened(each.name)!r}"
        for sources in layer.reads for each in sources
    ]  # fmt: skip
    return ", ".join(names[:5]) + (f" … and {len(names) - 5} more" if len(names) > 5 else "")


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
            each for group in after.read(matching.pairs[one]) for each in group
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
    matching: Matching, layer: LayerVertex, one: Sequence[Iterable[Source]],
    other: Sequence[frozenset[Source]],
) -> bool:  # fmt: skip
    images = [_images(matching, [group]) for group in one]
    if layer.is_commutative or len(images) != len(other):
        return Counter(images) == Counter(other)
    return images == list(other)


def _images(matching: Matching, groups: Sequence[Iterable[Source]]) -> frozenset[Source | None]:
    return frozenset(matching.image(each) for group in groups for each in group)


def _is_direct(layer: LayerVertex, known: Container[LayerVertex]) -> bool:
    """Whether all that it reads has a partner."""
    sources = [each for group in layer.reads for each in group]
    return all(each in known for each in sources if isinstance(each, LayerVertex))


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
        old = _attributes(matching.old, one.node)
        new = _attributes(matching.new, other.node)
        for name in sorted(old.keys() & new.keys()):
            if not _same(name, old[name], new[name]):
                yield FactChange(shortened(name), _told(old[name]), _told(new[name]))
        yield from _operands(matching.old.graph, one.node, matching.new.graph, other.node)
    for name, parameter in other.parameters.items():
        before = one.parameters.get(name)
        if before is not None and before.dims != parameter.dims:
            yield FactChange(f"shape of {name}", str([*before.dims]), str([*parameter.dims]))


def _attributes(side: LayerGraph, node: Node) -> dict[str, Any]:
    """Its attributes, those that are not given by their defaults; graphs and tensors left out."""
    schema = schema_of(node.domain, node.op_type, node.opset)
    known = {} if schema is None else schema.attributes
    found = {name: _plain(about.default_value) for name, about in known.items()}
    given = ((name, _plain(attribute)) for name, attribute in node.attributes.items())
    found |= {name: value for name, value in given if value is not None}
    shape = side.shapes.of(node.input(0))
    rank, axis = None if shape is None else shape.rank, found.get("axis")
    if rank is not None and isinstance(axis, int) and -rank <= axis < 0:
        found["axis"] = axis + rank
    left_out = _OF_LAYOUT if node.op == "Gemm" else frozenset()
    if node.op == "Reshape" and 0 not in (side.graph.integers(node.input(1)) or ()):
        left_out = frozenset({"allowzero"})  # it says what a 0 means
    return {name: value for name, value in found.items() if name not in left_out}


def _plain(attribute: Any) -> Any:
    from onnx import AttributeProto
    from onnx.helper import get_attribute_value

    plain = (
        AttributeProto.INT, AttributeProto.FLOAT, AttributeProto.STRING, AttributeProto.INTS,
        AttributeProto.FLOATS, AttributeProto.STRINGS,
    )  # fmt: skip
    if not attribute.name or attribute.ref_attr_name or attribute.type not in plain:
        return None
    value = get_attribute_value(attribute)
    return list(value) if attribute.type in plain[3:] else value


_UNSET: Mapping[str, Any] = {"pads": 0, "strides": 1, "dilations": 1}
"""What lists of sizes are filled with where they are not given."""


def _same(name: str, one: Any, other: Any) -> bool:
    given = other if one is None else one
    if one is None or other is None:
        if name == "kernel_shape":  # the weight has it, too
            return True
        filled = isinstance(given, list) and name in _UNSET
        return given is None or (filled and {*given} <= {_UNSET[name]})
    if isinstance(one, float) and isinstance(other, float):
        return one == other or (math.isnan(one) and math.isnan(other))
    return bool(one == other)


def _told(value: Any) -> str:
    if isinstance(value, list):
        shown = [_told(each) for each in value[:20]]
        return f"[{', '.join(shown)}{', …' if len(value) > 20 else ''}]"
    if isinstance(value, bytes):
        return shortened(value.decode(errors="replace"))
    return (
        "default" if value is None else f"{value:.6g}" if isinstance(value, float) else str(value)
    )


def _operands(before: Graph, one: Node, after: Graph, other: Node) -> Iterator[FactChange]:
    """Constant operands of integers, such as axes, starts and repeats, that differ."""
    if one.opset != other.opset and len(one.inputs) != len(other.inputs):
        return
    for slot in range(max(len(one.inputs), len(other.inputs))):
        old, new = _integers(before, one, slot), _integers(after, other, slot)
        if old is not None and new is not None and old != new:
            schema = schema_of(other.domain, other.op_type, other.opset)
            inputs = schema.inputs if schema is not None else []
            name = inputs[slot].name if slot < len(inputs) else f"input {slot}"
            yield FactChange(name, _told(old), _told(new))


def _integers(graph: Graph, node: Node, slot: int) -> list[int] | None:
    found = graph.integers(node.input(slot))
    return found if found is not None and len(found) <= _CONSTANTS else None
