"""The section of the drawing: what its script is given, and the same as a list."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

from msgspec import Struct

from onnxlint.findings import Diagnostic
from onnxlint.model.graph.place import Place
from onnxlint.portrait.comparison import Comparison
from onnxlint.portrait.drawing import FRAME, HEIGHT, WIDTH, Drawing, Edge, Group, Step
from onnxlint.portrait.parts import part
from onnxlint.report import ModelReport
from onnxlint.reporters.html.items import Item, number
from onnxlint.reporters.html.sections.colours import Colours
from onnxlint.reporters.html.sections.comparison import share_of
from onnxlint.reporters.summary import counted
from onnxlint.safety.printable import printable

LONGEST_LABEL = 22
"""Characters of a line in a box."""


class View(Struct, frozen=True, dict=True):
    """What the template reads."""

    part: Drawing
    report: ModelReport

    @property
    def roots(self) -> list[tuple[int, str]]:
        """The pictures: of the main graph, and of functions."""
        return [(at, self.part.groups[at].title) for at in self.part.roots]

    def anchor(self, place: Place) -> str | None:
        """The box of a place: `n` and the number of a step, or `g` and that of a group."""
        return self._places.box(place)

    @cached_property
    def _places(self) -> Places:
        return Places(self.part)

    @cached_property
    def _found(self) -> Mapping[str, list[Diagnostic]]:
        found: defaultdict[str, list[Diagnostic]] = defaultdict(list)
        for each in self.report.findings:
            box = self.anchor(each.place)
            if box is not None:
                found[box].append(each)
        return found

    @cached_property
    def colours(self) -> Colours:
        """What the colours of the boxes mean."""
        return Colours(self.part, self._found, self._beside)

    @cached_property
    def _beside(self) -> Comparison | None:
        made = part(self.report.portrait or {}, "comparison")
        return made if isinstance(made, Comparison) else None

    def data(self, items: Sequence[Item]) -> str:
        """What the script is given, as JSON that no markup can be in."""
        at_box: defaultdict[str, list[Any]] = defaultdict(list)
        for item in items:
            box = self.anchor(item.finding.place)
            if box is not None:
                found = item.finding
                message = shown(found.message)
                at_box[box].append([found.severity.value, found.code, message, item.id])
        drawn = self.part
        told = {
            "sizes": [WIDTH, HEIGHT, FRAME],
            "values": [[shown(each.name), shown(each.type or "")] for each in drawn.values],
            "steps": [self._step(each) for each in drawn.steps],
            "groups": [self._group(each) for each in drawn.groups],
            "roots": drawn.roots,
            "opened": drawn.opened,
            "findings": at_box,
            "meaning": self.colours.shown_first,
            "colours": [[name, *each] for name, each in self.colours.all.items()],
        }
        text = json.dumps(told, ensure_ascii=False, separators=(",", ":"))
        return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")

    def _step(self, step: Step) -> list[Any]:
        facts = [*_facts(step), *self._differing(step)]
        return [step.kind[0], shown(step.name), shown(step.op), shown(step.scope),
                shown(step.module or ""), facts, step.reads, step.sizes, step.gives,
                [[shown(each.name), shown(each.type or "")] for each in step.weights],
                [shown(name) for _, name in step.glue], int(step.unused), step.calls]  # fmt: skip

    def _differing(self, step: Step) -> Iterator[tuple[str, str]]:
        """How far it is from its like in the other model."""
        if self._beside is None or step.scope:
            return
        names = [self.part.values[value].name for value in step.gives]
        for error in (self._beside.errors[name] for name in names if name in self._beside.errors):
            is_first = self._beside.first_value in names
            yield "Difference", share_of(error) + (" (first to diverge)" if is_first else "")

    def _group(self, group: Group) -> list[Any]:
        ops = Counter(self.part.steps[step].op for step in self._inside(group))
        del ops[""]
        common = ", ".join(f"{count:,} {op}" for op, count in ops.most_common(6))
        return [group.kind, shown(group.title), group.parent, group.children,
                group.x, group.y, group.width, group.height, [_edge(each) for each in group.edges],
                group.step, shown(group.path), group.size, shown(common)]  # fmt: skip

    def _inside(self, group: Group) -> Iterator[int]:
        pending = [group]
        while pending:
            for child in pending.pop().children:
                if child >= 0:
                    yield child
                else:
                    pending.append(self.part.groups[-1 - child])

    def children(self, number: int) -> list[tuple[int, Step | Group]]:
        """What is in a group, for the list."""
        group = self.part.groups[number]
        return [(child, self.part.steps[child] if child >= 0 else self.part.groups[-1 - child])
                for child in group.children]  # fmt: skip

    def counted(self, nodes: int) -> str:
        """So many nodes, in words."""
        return counted(nodes, "node")

    def type_of(self, step: Step) -> str:
        """What a step gives first, dtype and shape."""
        given = (step.gives or step.reads)[:1]
        return self.part.values[given[0]].type or "" if given else ""


class Places:
    """The boxes of places."""

    def __init__(self, drawn: Drawing) -> None:
        self._nodes: dict[tuple[str, int], str] = {}
        self._values: dict[tuple[str, str], str] = {}
        self._groups: dict[str, str] = {}
        for at, group in reversed([*enumerate(drawn.groups)]):
            self._groups[group.path] = f"g{at}"
        for at, step in enumerate(drawn.steps):
            box = f"n{at}"
            for index, _ in step.glue:
                self._nodes.setdefault((step.scope, index), box)
            if step.index is not None:
                self._nodes[step.scope, step.index] = box
            told = [*step.weights, *(drawn.values[value] for value in step.reads)]
            for value in told:
                self._values.setdefault((step.scope, value.name), box)
        for at, step in enumerate(drawn.steps):
            for given in step.gives:
                self._values[step.scope, drawn.values[given].name] = f"n{at}"

    def box(self, place: Place) -> str | None:
        """Where a place is drawn; None where it is the whole model, or is not drawn."""
        if place.node_index is not None:
            return self._nodes.get((place.scope, place.node_index))
        if place.value is not None:
            return self._values.get((place.scope, place.value))
        if place.module or place.scope:
            return self._groups.get(place.module or place.scope)
        return None


def shown(text: str) -> str:
    """A text in which nothing moves or hides what is beside it."""
    return printable(text)


def _edge(edge: Edge) -> list[Any]:
    return [edge.source, edge.target, edge.values, edge.points, edge.marks]


def _facts(step: Step) -> Iterator[tuple[str, str]]:
    if step.consists:
        yield "Consists of", shown(step.consists)
    for name, value in step.attributes.items():
        yield shown(name), shown(value)
    if step.parameters:
        yield "Parameters", f"{step.parameters:,}"
    if step.macs:
        yield "MACs", f"{step.macs:,}"
    seen = step.seen
    if seen is None:
        return
    if seen.low is not None and seen.high is not None:
        over = counted(seen.samples, "sample")
        yield "Range", f"{number(seen.low)} to {number(seen.high)} ({over})"
    yield "Zeros", _share(seen.zeros, seen.elements)
    for title, count in (("NaN", seen.nan), ("±Inf", seen.infinite)):
        if count:
            yield title, _share(count, seen.elements)
    if seen.dead:
        yield "Dead channels", f"{seen.dead:.1%}"


def _share(count: int, of: int) -> str:
    return f"{count / of:.1%} of {counted(of, 'element')}"
