"""Groups the steps of a graph: by module, by subgraph, and by folding what is still too long."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from itertools import groupby

from onnxlint.model.graph.nodes import Node, Scope
from onnxlint.model.graph.place import shortened
from onnxlint.portraying.drawing.folding import Child, Draft, folded, steps_of
from onnxlint.portraying.drawing.order import Path, ordered
from onnxlint.portraying.drawing.wires import Port, Wires

DEEPEST = 12
"""Modules within each other that are told apart: a choice, more than nets have."""
PORTS = ("inputs", "outputs")
"""Kinds of groups of these."""
LONGEST = 80
"""Characters of a title."""
MANY = 8
"""Inputs, or outputs, of a graph; of more, those with alike names are one group."""
ALIKE = 3
"""Names that differ by their numbers alone, and make a group."""


class Grouping:
    """Makes the group of each graph."""

    def __init__(self, wires: Wires) -> None:
        self._wires = wires
        self._local: defaultdict[Scope, list[tuple[int, int]]] = defaultdict(list)
        self._onwards: defaultdict[int, list[int]] = defaultdict(list)
        for source, target in self._within():
            self._onwards[source].append(target)
            self._local[self._scope(source)].append((source, target))
        self._signs: dict[tuple[int | str, ...], int] = {}

    def _scope(self, number: int) -> Scope:
        step = self._wires.steps[number]
        return step.scope if isinstance(step, Node) else step.value.scope

    def _within(self) -> Iterator[tuple[int, int]]:
        """Every wire, as it is seen in the scope where it begins."""
        for wire in self._wires.wires:
            scope, target = self._scope(wire.source), wire.target
            while self._scope(target) is not scope:
                owner = self._scope(target).owner
                number = None if owner is None else self._wires.number(owner)
                if number is None:
                    break
                target = number
            else:
                if target != wire.source:
                    yield wire.source, target

    def graph(self, scope: Scope, kind: str, title: str) -> Draft:
        """The group of a graph."""
        numbers = self._wires.of_scope.get(scope, [])
        first = numbers[0] if numbers else 0
        paths = self._paths(numbers)
        edges = [(source - first, target - first) for source, target in self._local[scope]]
        order = [first + at for at in ordered(paths, edges)]
        named = dict(zip(numbers, paths, strict=True))
        return Draft(kind, title, self._by_module(order, named, 0), path=scope.path)

    def _paths(self, numbers: Sequence[int]) -> list[Path]:
        steps = [self._wires.steps[number] for number in numbers]
        patterns = Counter((step.kind, _pattern(step)) for step in steps if isinstance(step, Port))
        ports = Counter(step.kind for step in steps if isinstance(step, Port))

        def path(step: Node | Port) -> Path:
            if isinstance(step, Node):
                module = step.place.module
                return tuple(module.split(".", DEEPEST - 1)) if module else ()
            pattern = _pattern(step)
            if ports[step.kind] > MANY and patterns[step.kind, pattern] >= ALIKE:
                return (f"{step.kind}s {pattern}",)
            return ()

        return [path(step) for step in steps]

    def _by_module(self, order: Sequence[int], paths: dict[int, Path], depth: int) -> list[Child]:
        """Runs of one module are its group: in this order, no two groups wait for each other."""
        made: list[Child] = []
        for key, run in groupby(order, key=lambda number: paths[number][: depth + 1]):
            numbers = [*run]
            if len(key) <= depth:
                made += map(self._box, numbers)
            elif len(numbers) == 1:
                made.append(self._box(numbers[0]))
            else:
                made.append(self._module(key, self._by_module(numbers, paths, depth + 1), numbers))
        return [
            box
            for _, alike in groupby(made, key=self._side)
            for box in folded([*alike], self._pairs, self._sign)
        ]

    def _side(self, box: Child) -> str:
        """Inputs and outputs stand beside what is folded, and not within."""
        if isinstance(box, int):
            step = self._wires.steps[box]
            return step.kind if isinstance(step, Port) else ""
        return box.kind.removesuffix("s") if box.kind in PORTS else ""

    def _module(self, key: Path, children: list[Child], numbers: Sequence[int]) -> Child:
        only = children[0] if len(children) == 1 else None
        if isinstance(only, Draft) and only.kind in ("module", *PORTS):  # nothing beside it
            return only
        first = self._wires.steps[numbers[0]]
        numbered = key[-1].isdecimal() and len(key) > 1
        title = shortened(".".join(key[-2:]) if numbered else key[-1], LONGEST)
        if isinstance(first, Port):
            return Draft(f"{first.kind}s", title.partition(" ")[2], children)
        return Draft("module", title, children, path=shortened(".".join(key)))

    def _box(self, number: int) -> Child:
        """A step; of one with subgraphs, the group of these."""
        step = self._wires.steps[number]
        if not isinstance(step, Node) or not step.subgraphs:
            return number
        names = [name.path.rpartition("/")[2] for name in step.subgraphs]
        inner = [self.graph(scope, "subgraph", shortened(name, LONGEST))
                 for scope, name in zip(step.subgraphs, names, strict=True)]  # fmt: skip
        title = shortened(step.op, LONGEST)
        shown = [each for each in inner if each.children]
        if not shown:
            return number
        children: list[Child] = shown[0].children if len(shown) == 1 else [*shown]
        return Draft("subgraph", title, children, number, shown[0].path if len(shown) == 1 else "")

    def _pairs(self, boxes: Sequence[Child]) -> Iterator[tuple[int, int]]:
        at = {step: place for place, box in enumerate(boxes) for step in steps_of(box)}
        for step, place in at.items():
            if isinstance(self._wires.steps[step], Port):
                continue  # an input may be read from anywhere
            for target in self._onwards.get(step, ()):
                if at.get(target, place) != place:
                    yield place, at[target]

    def _sign(self, child: Child) -> int:
        if isinstance(child, int):
            step = self._wires.steps[child]
            key: tuple[int | str, ...] = (step.op if isinstance(step, Node) else step.kind,)
        elif child.sign:
            return child.sign
        else:
            key = (child.kind, *map(self._sign, child.children))
        sign = self._signs.setdefault(key, len(self._signs) + 1)
        if isinstance(child, Draft):
            child.sign = sign
        return sign


def _pattern(port: Port) -> str:
    return re.sub(r"\d+", "#", shortened(port.value.name, LONGEST))
