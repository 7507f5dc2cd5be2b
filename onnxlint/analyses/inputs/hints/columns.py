"""What the operators behind an input say of its columns, followed through moves of columns."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from msgspec import Struct

from onnxlint.analyses.inputs.hints.categories import splits_text, vocabulary
from onnxlint.analyses.inputs.hints.scales import scales
from onnxlint.analyses.inputs.hints.thresholds import thresholds
from onnxlint.analyses.static.shapes import Shapes
from onnxlint.model.graph.graph import Graph
from onnxlint.model.graph.nodes import Node, Value
from onnxlint.model.graph.operators import SAME_COLUMNS
from onnxlint.model.graph.walk import Walk

if TYPE_CHECKING:
    from onnxlint.runtime.feeds.input_slots import Column

MOST_COLUMNS = 1 << 12
"""Wider tables are taken as one column: no table of the packages that were looked at has more."""

MOST_READERS = 1 << 10
"""So many nodes behind an input are asked; columns of a table are split and joined by some dozens.
A choice of ours."""


class _View(Struct, frozen=True):
    """A value that holds columns of an input: which of them, in its own order.

    `columns` is None where all elements are one kind; None within it is another input's column.
    `joint` is what words of a text are joined with.
    """

    value: Value
    columns: tuple[int | None, ...] | None
    joint: str | None = None


def columns_of(graph: Graph, shapes: Shapes, value: Value, width: int | str | None) -> list[Column]:
    """One for each column, or one for all elements; none where nothing is said."""
    from onnxlint.runtime.feeds.input_slots import Column

    known = width if isinstance(width, int) and 0 < width <= MOST_COLUMNS else None
    said: dict[int, Column] = {}
    for view, told in _told(graph, shapes, _View(value, tuple(range(known)) if known else None)):
        if view.columns is None or not known:
            return [told[0]] if len(set(told)) == 1 else told
        for at, column in enumerate(view.columns):
            if column is not None and len(told) in (1, len(view.columns)):
                said.setdefault(column, told[at % len(told)])
    if not said or not isinstance(width, int):
        return []
    every = [said.get(at, Column()) for at in range(width)]
    if {*every} == {Column()}:
        return []
    return every[:1] if len({*every}) == 1 else every


def _told(graph: Graph, shapes: Shapes, first: _View) -> Iterator[tuple[_View, list[Column]]]:
    """What each operator says, those first that name values, then thresholds, then scales."""
    views = list(_views(graph, shapes, first))
    for ask in (vocabulary, thresholds, scales):
        for view, node, slot in views:
            count = len(view.columns) if view.columns is not None else None
            told = ask(graph, node, slot, count, view.joint)
            if told:
                yield view, told


def _views(graph: Graph, shapes: Shapes, first: _View) -> Iterator[tuple[_View, Node, int]]:
    """The nodes that read columns of the input, moved or not."""
    views = {first.value: first}
    walk, asked = Walk([first.value]), 0
    for value in walk:
        if asked >= MOST_READERS:
            return
        for node, slot in value.uses:
            asked += 1
            yield views[value], node, slot
            for moved in _moved(graph, shapes, views[value], node, slot):
                views.setdefault(moved.value, moved)
                walk.add(moved.value)


def _moved(graph: Graph, shapes: Shapes, view: _View, node: Node, slot: int) -> Iterator[_View]:
    out = node.output
    if out is None:
        return
    if node.op in SAME_COLUMNS and slot == 0:
        width = _width(shapes, out)
        same = view.columns is None or width is None or width == len(view.columns)
        columns = view.columns if same else None
        if same or len(set(view.columns or ())) == 1:
            yield _View(out, columns, view.joint)
    elif slot == 0 and (joint := splits_text(node)) is not None:
        yield _View(out, None, joint)
    elif node.op in _PICKING:
        for value, columns in _PICKING[node.op](graph, shapes, node, view):
            yield _View(value, columns, view.joint)


_Moved = Iterator[tuple[Value, tuple[int | None, ...] | None]]


def _joined(graph: Graph, shapes: Shapes, node: Node, view: _View) -> _Moved:
    """Columns of several values beside each other."""
    widths = [_width(shapes, value) for value in node.inputs]
    columns: list[int | None] = []
    for value, width in zip(node.inputs, widths, strict=True):
        if width is None or width > MOST_COLUMNS:
            return
        own = value is view.value
        columns += (view.columns or (0,) * width) if own else (None,) * width
    rank = _rank(shapes, view.value)
    last = node.op != "Concat" or rank is None or node.attribute("axis", 0) in (-1, rank - 1)
    if last and node.output is not None and len(columns) <= MOST_COLUMNS:
        yield node.output, tuple(columns)


def _picked(graph: Graph, shapes: Shapes, node: Node, view: _View) -> _Moved:
    """Some columns, by constant numbers."""
    rank = _rank(shapes, view.value)
    default = -1 if node.op.startswith("ai.onnx.ml") else 0
    is_last = rank is not None and node.attribute("axis", default) in (-1, rank - 1)
    numbers = graph.integers(node.input(1)) if is_last or default == -1 else None
    yield from _some(view, node, numbers)


def _sliced(graph: Graph, shapes: Shapes, node: Node, view: _View) -> _Moved:
    rank = _rank(shapes, view.value)
    starts, ends, axes, steps = (graph.integers(node.input(slot)) for slot in (1, 2, 3, 4))
    of_last = axes is not None and len(axes) == 1 and rank is not None and axes[0] in (-1, rank - 1)
    if starts and ends and of_last and (steps or [1]) == [1] and view.columns is not None:
        yield from _some(view, node, range(len(view.columns))[starts[0] : ends[0]])


def _some(view: _View, node: Node, numbers: Sequence[int] | None) -> _Moved:
    if numbers is None or node.output is None:
        return
    if view.columns is None:
        yield node.output, None
    elif all(-len(view.columns) <= number < len(view.columns) for number in numbers):
        yield node.output, tuple(view.columns[number] for number in numbers)


def _split(graph: Graph, shapes: Shapes, node: Node, view: _View) -> _Moved:
    rank, at = _rank(shapes, view.value), 0
    if rank is None or node.attribute("axis", 0) not in (-1, rank - 1):
        return
    for out in node.outputs:
        width = _width(shapes, out)
        if out is None or width is None or view.columns is None:
            return
        yield out, view.columns[at : at + width]
        at += width


_PICKING: dict[str, Callable[[Graph, Shapes, Node, _View], _Moved]] = {
    "Concat": _joined,
    "ai.onnx.ml::FeatureVectorizer": _joined,
    "Gather": _picked,
    "ai.onnx.ml::ArrayFeatureExtractor": _picked,
    "Slice": _sliced,
    "Split": _split,
}
"""How each operator that picks or joins columns moves them."""


def _width(shapes: Shapes, value: Value | None) -> int | None:
    shape = shapes.of(value)
    width = shape.dim(-1) if shape is not None else None
    return width if isinstance(width, int) else None


def _rank(shapes: Shapes, value: Value) -> int | None:
    shape = shapes.of(value)
    return shape.rank if shape is not None else None
