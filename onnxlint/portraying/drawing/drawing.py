"""Makes the drawing of a model."""

from __future__ import annotations

from collections.abc import Sequence

from onnxlint.inspection.wiring import Wiring
from onnxlint.portrait.drawing import FRAME, HEIGHT, Drawing, Group, Step
from onnxlint.portraying.drawing.describing import Describing
from onnxlint.portraying.drawing.grouping import Grouping
from onnxlint.portraying.drawing.layered import require
from onnxlint.portraying.drawing.pictures import Pictures
from onnxlint.portraying.drawing.wires import Wires
from onnxlint.portraying.subject import Subject

MOST_BOXES = 24
TALLEST = 1_050.0
"""Boxes, and units of height, that are unfolded at first: a choice, what can be read on a screen
when the whole of it is shown."""
FEW_BOXES, EXTRA = 8, 500.0
"""Fewer boxes tell little: then it may be taller, by so much."""


def drawing(subject: Subject) -> Drawing:
    """The drawing: every step is in a group, and every group is laid out."""
    require()
    graph, wiring = subject.graph, Wiring(subject.analyses)
    wires = Wires(graph, wiring)
    grouping, describing = Grouping(wires), Describing(subject, wiring, wires)
    functions = [scope for scope in graph.functions if scope in wires.of_scope]
    drafts = [grouping.graph(graph.main, "graph", "Main graph")]
    drafts += [grouping.graph(scope, "function", scope.path) for scope in functions]
    pictures = Pictures(drafts, wires, describing)
    groups = tuple(pictures.group(number) for number in range(len(pictures)))
    roots = tuple(number for number, group in enumerate(groups) if group.parent is None)
    called = dict(zip(functions, roots[1:], strict=True))
    steps = tuple(describing.step(number, called) for number in range(len(wires.steps)))
    values = tuple(map(describing.told, describing.values))
    return Drawing(values, steps, groups, roots, opened(groups, roots, steps))


def opened(groups: Sequence[Group], roots: Sequence[int], steps: Sequence[Step]) -> tuple[int, ...]:
    """The groups that are unfolded at first: of each picture the largest, while there is room.

    Before these come groups with a step that no output depends on: it is to be seen.
    """
    found: list[int] = []
    unused: dict[int, bool] = {}
    for number in range(len(groups) - 1, -1, -1):
        unused[number] = any(steps[child].unused if child >= 0 else unused[-1 - child]
                             for child in groups[number].children)  # fmt: skip
    for root in roots:
        room, taken = TALLEST - groups[root].height, len(groups[root].children)
        inside = [-1 - child for child in groups[root].children if child < 0]
        while inside:
            largest = max(inside, key=lambda at: (unused[at], groups[at].size, -at))
            inside.remove(largest)
            group = groups[largest]
            taller = group.height - HEIGHT + FRAME
            allowed = room + (EXTRA if taken < FEW_BOXES else 0)
            if taken + len(group.children) - 1 <= MOST_BOXES and taller <= allowed:
                room, taken = room - taller, taken + len(group.children) - 1
                found.append(largest)
                inside += [-1 - child for child in group.children if child < 0]
    return tuple(found)
