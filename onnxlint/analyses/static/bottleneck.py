"""The narrowest value that everything passes on the way from an input to an output like it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec import Struct

from onnxlint.analyses import Unavailable
from onnxlint.analyses.static.shapes import Dim, Shapes
from onnxlint.model.graph.algorithms import immediate_dominators
from onnxlint.model.graph.graph import Graph
from onnxlint.model.graph.nodes import Node, Value
from onnxlint.model.graph.operators import LAYERS
from onnxlint.model.graph.place import Place

NO_BOTTLENECK = "no output has as many elements as an input that passes a narrower value"

MOST_SOURCES = 8
"""Inputs that are looked at: a model with more has them for its cache."""

FEWEST = 3
"""Elements of a sample: of two, an output is not told from another one."""


class Bottleneck(Struct, frozen=True):
    """An output with as many elements as an input, and the `width` of what is between them.

    `value` is the narrowest; there are layers on both sides of it, as in an autoencoder. Widths are
    elements of a sample.
    """

    source: Value
    value: Value
    output: Value
    numbers: int
    width: int

    @property
    def place(self) -> Place:
        """Where the output stands."""
        return self.output.place

    @classmethod
    def build(cls, graph: Graph, shapes: Shapes) -> Bottleneck:
        """Finds the first such output.

        Raises:
            Unavailable: there is none.
        """
        found = next(_found(graph, shapes), None)
        if found is None:
            raise Unavailable(NO_BOTTLENECK)
        return found


def _found(graph: Graph, shapes: Shapes) -> Iterator[Bottleneck]:
    for source in graph.inputs[:MOST_SOURCES]:
        shape = shapes.of(source)
        if shape is None or not shape.is_float or not shape.dims:
            continue
        batch = shape.dims[0]
        numbers = _width(shapes, source, batch)
        outputs = [value for value in graph.outputs if _width(shapes, value, batch) == numbers]
        if numbers is None or numbers < FEWEST or not outputs:
            continue
        depths, before = _ways(graph, source)
        for output in outputs:
            passed = _passed(before, source, output)
            between = [value for value in passed
                       if 0 < depths.get(value, 0) < depths.get(output, 0)]  # fmt: skip
            widths = [(width, at) for at, value in enumerate(between)
                      if (width := _width(shapes, value, batch)) is not None]  # fmt: skip
            if widths and min(widths)[0] < numbers:
                width, at = min(widths)
                yield Bottleneck(source, between[at], output, numbers, width)


def _ways(graph: Graph, source: Value) -> tuple[dict[Value, int], dict[Node | Value, Node | Value]]:
    """How many layers are before each value, and what must be passed last before it."""
    depths: dict[Value, int] = {source: 0}
    edges: list[tuple[Node | Value, Node | Value]] = []
    for node in graph.main.nodes:
        read = [value for value in _read(node) if value in depths]
        if not read:
            continue
        edges += [(value, node) for value in read]
        depth = max(depths[value] for value in read) + (node.op in LAYERS)
        for value in filter(None, node.outputs):
            depths[value] = depth
            edges.append((node, value))
    return depths, dict(immediate_dominators(edges, source))


def _read(node: Node) -> Iterator[Value]:
    """What a node reads, but for values that it takes only the shape of."""
    if node.op not in ("Shape", "Size"):
        yield from filter(None, node.inputs)


def _passed(before: dict[Node | Value, Node | Value], source: Value, output: Value) -> list[Value]:
    """The values that everything passes on the way, between both."""
    found: list[Value] = []
    vertex = before.get(output)
    while vertex is not None and vertex is not source:
        if isinstance(vertex, Value):
            found.append(vertex)
        vertex = before.get(vertex)
    return found[::-1]


def _width(shapes: Shapes, value: Value, batch: Dim) -> int | None:
    """The elements of one sample; None where they are not known."""
    shape = shapes.of(value)
    if shape is None or not shape.dims:
        return None
    return _elements(shape.dims, batch)


def _elements(dims: Sequence[Dim], batch: Dim) -> int | None:
    inner = [dim for dim in dims if dim != batch or isinstance(batch, int)]
    if len(inner) == len(dims) and not isinstance(dims[0], int):
        inner = inner[1:]  # the batch axis, after a Reshape that computes it
    count = 1
    for dim in inner:
        if not isinstance(dim, int):
            return None
        count *= dim
    if not isinstance(batch, int):
        return count
    return count // batch if batch and count % batch == 0 else None
