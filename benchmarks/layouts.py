"""What libraries for layered layouts make of whole graphs: crossings, bends, width, and time.

pip install fast-sugiyama igraph grandalf
python benchmarks/layouts.py
"""

from __future__ import annotations

import random
import signal
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import onnx
from measuring import LIGHT
from transformer import write_transformer

Edge = tuple[int, int]
MOST_SECONDS = 60


@dataclass
class Layout:
    """Points by number, and for each edge those that it goes through; a row is a y."""

    points: dict[Any, tuple[float, float]] = field(default_factory=dict)
    ways: list[list[Any]] = field(default_factory=list)

    @property
    def crossings(self) -> int:
        by_row: defaultdict[float, list[tuple[float, float]]] = defaultdict(list)
        for way in self.ways:
            for one, other in pairwise(way):
                upper, lower = sorted((self.points[one], self.points[other]), key=lambda at: at[1])
                by_row[upper[1]].append((upper[0], lower[0]))
        return sum(map(_inversions, by_row.values()))

    @property
    def bends(self) -> int:
        def turns(a: Any, b: Any, c: Any) -> bool:
            (u, _), (v, _), (w, _) = (self.points[each] for each in (a, b, c))
            return abs((v - u) - (w - v)) > 1e-6

        return sum(
            turns(*three) for way in self.ways for three in zip(way, way[1:], way[2:], strict=False)
        )

    @property
    def sideways(self) -> float:
        """How far all edges lead to the side, in boxes."""
        return sum(abs(self.points[a][0] - self.points[b][0])
                   for way in self.ways for a, b in pairwise(way))  # fmt: skip

    @property
    def width(self) -> float:
        across = [x for x, _ in self.points.values()]
        return max(across) - min(across)


def _inversions(pairs: Iterable[tuple[float, float]]) -> int:
    """Pairs of lines of which the ends are in another order than the beginnings."""
    found, seen = 0, []
    for upper, lower in sorted(pairs):
        found += sum(before[1] > lower and before[0] < upper for before in seen)
        seen.append((upper, lower))
    return found


def by_fast_sugiyama(count: int, edges: Sequence[Edge]) -> Layout:
    from fast_sugiyama import from_edges

    made, right = Layout(), 0.0
    for positions, width, _, links in from_edges(
        [*edges], vertex_spacing=1.0, dummy_vertices=True, dummy_size=1.0
    ):
        made.points |= {vertex: (x + right, -y) for vertex, (x, y) in positions}
        right += width + 1
        onwards = defaultdict(list)
        for source, target in links or edges:
            onwards[source].append(target)
        for source in [each for each in onwards if each < count]:
            for target in onwards[source]:
                way = [source, target]
                while way[-1] >= count:
                    way.append(onwards[way[-1]][0])
                made.ways.append(way)
    return made


def by_igraph(count: int, edges: Sequence[Edge]) -> Layout:
    from igraph import Graph

    laid = Graph(n=count, edges=edges, directed=True).layout_sugiyama(hgap=1, vgap=1)
    made = Layout({vertex: tuple(laid[vertex]) for vertex in range(count)})
    for (source, target), bends in zip(edges, laid.edge_routing, strict=True):
        names = [(source, target, at) for at in range(len(bends))]
        made.points |= dict(zip(names, map(tuple, bends), strict=True))
        made.ways.append([source, *names, target])
    return made


def by_grandalf(count: int, edges: Sequence[Edge]) -> Layout:
    from grandalf.graphs import Edge as Line
    from grandalf.graphs import Graph, Vertex
    from grandalf.layouts import SugiyamaLayout, VertexViewer

    vertices = [Vertex(number) for number in range(count)]
    for vertex in vertices:
        vertex.view = VertexViewer(0.4, 0.4)
    graph, made, right = (
        Graph(vertices, [Line(vertices[a], vertices[b]) for a, b in edges]),
        Layout(),
        0.0,
    )
    for part in graph.C:
        laid = SugiyamaLayout(part)
        laid.xspace = laid.yspace = 0.6
        laid.init_all()
        laid.draw(10)
        rows = {each: row for row, layer in enumerate(laid.layers) for each in layer}
        made.points |= {each: (each.view.xy[0] + right, row) for each, row in rows.items()}
        right = made.width + 1
        for line in part.sE:
            between = laid.ctrls.get(line, {})
            ends = sorted(line.v, key=rows.__getitem__)
            inner = [between[row] for row in sorted(between) if between[row] not in ends]
            made.ways.append([ends[0], *inner, ends[1]])
    return made


LIBRARIES: dict[str, Callable[[int, Sequence[Edge]], Layout]] = {
    "fast-sugiyama": by_fast_sugiyama, "igraph": by_igraph, "grandalf": by_grandalf,
}  # fmt: skip


def main() -> None:
    print("| graph | library | CPU | crossings | bends | sideways | width |")
    print("|---|---|--:|--:|--:|--:|--:|")
    for name, (count, edges) in _graphs().items():
        for library, lay in LIBRARIES.items():
            print(f"| {name} | {library} | {_measured(lay, count, edges)} |", flush=True)


def _graphs() -> dict[str, tuple[int, list[Edge]]]:
    with tempfile.TemporaryDirectory() as folder:
        transformer = Path(folder, "transformer.onnx")
        write_transformer(transformer)
        return {
            "ResNet-50": _of_model(LIGHT / "light_resnet50.onnx"),
            "transformer": _of_model(transformer),
            "10,000 nodes": _long(10_000),
        }


def _of_model(path: Path) -> tuple[int, list[Edge]]:
    graph = onnx.load(path).graph
    nodes = [node for node in graph.node if node.op_type not in ("Constant", "ConstantOfShape")]
    makers = {name: at for at, node in enumerate(nodes) for name in node.output}
    edges = {(makers[name], at) for at, node in enumerate(nodes) for name in node.input
             if name in makers}  # fmt: skip
    return len(nodes), sorted(edges)


def _long(count: int) -> tuple[int, list[Edge]]:
    """A chain, every seventh node of which reads the one before last, some far ones too."""
    far = random.Random(0)
    edges = {(at - 1, at) for at in range(1, count)}
    edges |= {(at - 7, at) for at in range(7, count, 7)}
    edges |= {(at - far.randint(50, 200), at) for at in range(200, count, 50)}
    return count, sorted(edges)


def _measured(lay: Callable[..., Layout], count: int, edges: Sequence[Edge]) -> str:
    signal.signal(signal.SIGALRM, _gives_up)
    signal.alarm(MOST_SECONDS)
    started = time.process_time()
    try:
        made = lay(count, edges)
    except (TimeoutError, RecursionError) as error:
        return f"{type(error).__name__} | | | |"
    finally:
        signal.alarm(0)
    took = time.process_time() - started
    return (f"{took:.2f} s | {made.crossings:,} | {made.bends:,} | {made.sideways:,.0f} "
            f"| {made.width:,.0f}")  # fmt: skip


def _gives_up(*_: object) -> None:
    raise TimeoutError


if __name__ == "__main__":
    main()
