"""Lays out the groups of a model, and draws the edges between what is in them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import cached_property

from msgspec import Struct, field

from onnxlint.model.graph.nodes import Node, Value
from onnxlint.portrait.drawing import (
    ABOVE,
    BACK,
    BELOW,
    HEIGHT,
    PAST,
    SIZES,
    STUB,
    TO_UNUSED,
    WIDTH,
    Edge,
    Group,
)
from onnxlint.portraying.drawing.describing import Describing
from onnxlint.portraying.drawing.folding import Draft
from onnxlint.portraying.drawing.grouping import PORTS
from onnxlint.portraying.drawing.layered import Layout, Point, layered
from onnxlint.portraying.drawing.wires import Wire, Wires

Ends = tuple[int, int]

MOST_EDGES = 4
"""Edges from one box that are drawn in full: a choice, more are more than the eye follows."""


class _Line(Struct):
    """What goes from one child of a group to another."""

    values: dict[Value, None] = field(default_factory=dict)
    is_sized: bool = True
    marks: int = 0


class Pictures:
    """The groups of all graphs by number; a group stands after the one that it is in."""

    def __init__(self, roots: Sequence[Draft], wires: Wires, describing: Describing) -> None:
        self._wires, self._describing = wires, describing
        self._drafts: list[Draft] = []
        self._parents: list[int | None] = []
        self._at: dict[tuple[int, int], int] = {}  # place of a child in a group
        self._of_step: dict[int, int] = {}
        for root in roots:
            self._number(root)
        self._lines: list[dict[Ends, _Line]] = [{} for _ in self._drafts]
        past = self._read_past()
        for wire in wires.wires:
            self._draw(wire, past)

    def _number(self, root: Draft) -> None:
        pending: list[tuple[Draft, int | None, int]] = [(root, None, 0)]
        while pending:
            draft, parent, place = pending.pop()
            number = len(self._drafts)
            self._drafts.append(draft)
            self._parents.append(parent)
            if parent is not None:
                self._at[parent, -1 - number] = place
            if draft.step is not None:
                self._of_step[draft.step] = number
            for at, child in reversed([*enumerate(draft.children)]):
                if isinstance(child, Draft):
                    pending.append((child, number, at))
                else:
                    self._at[number, child] = at
                    self._of_step[child] = number

    def _read_past(self) -> set[Value]:
        """Values that unused steps read, and others too."""
        unused = self._wires.unused
        by_value: defaultdict[Value, set[bool]] = defaultdict(set)
        for wire in self._wires.wires:
            by_value[wire.value].add(wire.target in unused)
        return {value for value, read in by_value.items() if len(read) == 2}

    def _way(self, step: int) -> list[tuple[int, int]]:
        """The groups around a step, the innermost first, each with the child that it is in."""
        inner = self._of_step[step]
        is_group = self._drafts[inner].step == step  # it is shown as its subgraphs
        way = [] if is_group else [(inner, self._at[inner, step])]
        around = self._parents[inner]
        while around is not None:
            way.append((around, self._at[around, -1 - inner]))
            inner, around = around, self._parents[around]
        return way

    def _draw(self, wire: Wire, past: set[Value]) -> None:
        """Its piece in the group around both ends, and those in the groups around one."""
        sources, targets = self._way(wire.source), self._way(wire.target)
        into = dict(targets)
        common = next((group for group, _ in sources if group in into), None)
        if common is None:  # on its way into a function, which is called from elsewhere
            return
        for group, place in sources:
            if group == common:
                self._add(group, (place, into[group]), wire, past)
                break
            self._add(group, (place, BELOW), wire, past)
        for group, place in targets:
            if group == common:
                break
            self._add(group, (ABOVE, place), wire, past)

    def _add(self, group: int, ends: Ends, wire: Wire, past: set[Value]) -> None:
        if ends[0] == ends[1]:
            return  # it goes back to the group from which it comes, which is one box
        line = self._lines[group].setdefault(ends, _Line())
        line.values[wire.value] = None
        line.is_sized &= wire.sizes
        if wire.target in self._wires.unused:
            line.marks |= TO_UNUSED
        elif wire.value in past:
            line.marks |= PAST

    def group(self, number: int) -> Group:
        """A group, laid out."""
        draft, lines = self._drafts[number], self._lines[number]
        children = self._children(draft, number)
        stubs = stubbed([*lines])
        laid = _laid([ends for ends in lines if ends not in stubs], len(children))
        height = max((y for _, y in laid.places.values()), default=0.0) + HEIGHT / 2
        width = max((x for x, _ in _points(laid)), default=0.0) + WIDTH / 2
        return Group(
            draft.kind,
            draft.title,
            self._parents[number],
            children,
            tuple(round(laid.places[at][0], 1) for at in range(len(children))),
            tuple(round(laid.places[at][1], 1) for at in range(len(children))),
            round(width, 1),
            round(height, 1),
            tuple(self._edge(ends, line, laid, ends in stubs) for ends, line in lines.items()),
            draft.step,
            draft.path,
            self._size(draft),
        )

    def _size(self, draft: Draft) -> int:
        """The nodes in it; of a group of inputs or outputs, their number."""
        if draft.kind in PORTS:
            return len(draft.steps)
        inside = (step for step in draft.steps if step != draft.step)
        return sum(isinstance(self._wires.steps[step], Node) for step in inside)

    def _children(self, draft: Draft, number: int) -> tuple[int, ...]:
        numbers = self._numbers
        return tuple(child if isinstance(child, int) else -1 - numbers[id(child)]
                     for child in draft.children)  # fmt: skip

    @cached_property
    def _numbers(self) -> Mapping[int, int]:
        return {id(draft): number for number, draft in enumerate(self._drafts)}

    def _edge(self, ends: Ends, line: _Line, laid: Layout, is_stub: bool) -> Edge:
        goes_back = ends[0] > ends[1] >= 0
        key = ends[::-1] if goes_back else ends
        way = laid.bends.get((key[0], key[1]), [])
        points = [coordinate for point in (way[::-1] if goes_back else way) for coordinate in point]
        marks = line.marks | SIZES * line.is_sized | BACK * goes_back | STUB * is_stub
        if marks & TO_UNUSED and marks & PAST:
            marks &= ~PAST
        values = tuple(map(self._describing.value, line.values))
        return Edge(*ends, values, tuple(round(each, 1) for each in points), marks)

    def __len__(self) -> int:
        return len(self._drafts)


def stubbed(ends: Sequence[Ends]) -> set[Ends]:
    """The edges of which only the ends are drawn: a mask that is read everywhere hides the rest.

    Of a box with more than `MOST_EDGES` readers the edges to those are kept that read nothing
    else, or that to the first; in the same way of those that leave the group.
    """
    onwards: defaultdict[int, list[int]] = defaultdict(list)
    back: defaultdict[int, list[int]] = defaultdict(list)
    for source, target in ends:
        onwards[source].append(target)
        back[target].append(source)
    stubs: set[Ends] = set()
    for source, targets in onwards.items():
        only = [target for target in targets if len(back[target]) == 1]
        if len(targets) > MOST_EDGES:
            kept = only or [min(target for target in targets if target >= 0)]
            stubs.update((source, target) for target in targets if target not in kept)
    sources = back[BELOW]
    if len(sources) > MOST_EDGES:
        ends_here = [source for source in sources if len(onwards[source]) == 1] or [max(sources)]
        stubs.update((source, BELOW) for source in sources if source not in ends_here)
    return stubs


def _points(laid: Layout) -> list[Point]:
    return [*laid.places.values(), *(point for way in laid.bends.values() for point in way)]


def _laid(lines: Sequence[Ends], count: int) -> Layout:
    """A layout with the middle of the first box in a row at half its height.

    What comes from outside is one box above all, and what leaves one below: they keep the first
    and the last row free, and are not shown.
    """
    top, bottom = 0, count + 1

    def vertex(end: int) -> int:
        return {ABOVE: top, BELOW: bottom}.get(end, end + 1)

    edges = {(vertex(a), vertex(b)) for a, b in lines}
    laid = layered(count + 2, sorted((min(pair), max(pair)) for pair in edges))
    boxes = {box - 1: place for box, place in laid.places.items() if 0 < box <= count}
    moved = Layout(boxes, {_named(ends, count): way for ends, way in laid.bends.items()})
    left = min((x for x, _ in _points(moved)), default=0.0) - WIDTH / 2
    upper = min((y for _, y in boxes.values()), default=0.0) - HEIGHT / 2

    def at(point: Point) -> Point:
        return point[0] - left, point[1] - upper

    return Layout({box: at(place) for box, place in boxes.items()},
                  {ends: [*map(at, way)] for ends, way in moved.bends.items()})  # fmt: skip


def _named(ends: Ends, count: int) -> Ends:
    source, target = ends
    return (ABOVE if source == 0 else source - 1), (BELOW if target == count + 1 else target - 1)
