"""A layered layout of one group, by a library that is made for it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from msgspec import Struct, field

from onnxlint.model.graph.place import NotApplicable
from onnxlint.portrait.drawing import HEIGHT, WIDTH

BETWEEN, BELOW = 28, 34
"""Room beside a box and below it: a choice, for a line of text beside each edge."""

Point = tuple[float, float]


class Layout(Struct):
    """Where the middles of boxes stand, and through which points an edge goes."""

    places: dict[int, Point] = field(default_factory=dict)
    bends: dict[tuple[int, int], list[Point]] = field(default_factory=dict)


def require() -> None:
    """Looks for the library.

    Raises:
        NotApplicable: it is not installed.
    """
    try:
        import fast_sugiyama  # noqa: F401
    except ImportError:
        raise NotApplicable(
            "the drawing requires fast-sugiyama: pip install 'onnxlint[report]'"
        ) from None


def layered(count: int, edges: Sequence[tuple[int, int]]) -> Layout:
    """A layout of so many boxes; every edge leads from a lower number to a higher one."""
    made, right = Layout(), 0.0
    for positions, links in _components(edges):
        right = _place(made, positions, links, count, right)
    _in_rows(made, [box for box in range(count) if box not in made.places], right)
    return made


def _components(
    edges: Sequence[tuple[int, int]],
) -> list[tuple[Mapping[int, Point], list[tuple[int, int]]]]:
    from fast_sugiyama import from_edges

    if not edges:
        return []
    laid = from_edges([*edges], vertex_spacing=1.0, dummy_vertices=True, dummy_size=0.15)
    made = []
    for positions, _, _, links in laid:
        places = {int(vertex): (float(x), -float(y)) for vertex, (x, y) in positions}
        made.append((places, [(int(a), int(b)) for a, b in links or edges]))
    return sorted(made, key=lambda each: min(each[0]))


def _place(
    made: Layout, positions: Mapping[int, Point], links: Sequence[tuple[int, int]], count: int,
    right: float,
) -> float:  # fmt: skip
    """Adds a component beside what is there, and tells where it ends."""
    left = min(x for x, _ in positions.values())
    levels = {y: level for level, y in enumerate(sorted({y for _, y in positions.values()}))}

    def scaled(vertex: int) -> Point:
        x, y = positions[vertex]
        return right + (x - left) * (WIDTH + BETWEEN), levels[y] * (HEIGHT + BELOW)

    made.places |= {vertex: scaled(vertex) for vertex in positions if vertex < count}
    onwards: defaultdict[int, list[int]] = defaultdict(list)
    for source, target in links:
        onwards[source].append(target)
    for source in [vertex for vertex in onwards if vertex < count]:
        for vertex in onwards[source]:
            way: list[Point] = []
            while vertex >= count:  # a bend, which leads to one vertex
                way.append(scaled(vertex))
                vertex = onwards[vertex][0]
            made.bends[source, vertex] = way
    return max(scaled(vertex)[0] for vertex in positions) + WIDTH + BETWEEN


def _in_rows(made: Layout, boxes: Sequence[int], right: float) -> None:
    """Places boxes without edges, about as many beside each other as there are rows."""
    columns = max(1, round(len(boxes) ** 0.5 / 2))
    for at, box in enumerate(boxes):
        row, column = divmod(at, columns)
        made.places[box] = (right + column * (WIDTH + BETWEEN), row * (HEIGHT + BELOW / 4))
