"""How what is seen of a model differs from what a test expects: one finding a difference."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from onnxlint.analyses.static.layers import Layers
from onnxlint.analyses.static.shapes import Shapes
from onnxlint.findings import Finding
from onnxlint.model.graph.crossings import in_order
from onnxlint.model.graph.graph import Graph
from onnxlint.model.graph.nodes import Value
from onnxlint.model.graph.operators import RECURRENT

_DTYPES = {"float": "float32", "double": "float64"}
Range = tuple[float, float]
Dims = Sequence[int | str]


def weighted_layers(graph: Graph, layers: Layers) -> Iterator[tuple[str, str]]:
    """Name and operator of each layer with weights, in the order of the file."""
    for node in in_order(graph.main):
        layer = layers.of(node)
        if layer is not None:
            yield node.place.module or layer.weight.name, node.op
        elif node.op in RECURRENT:
            weight = node.input(1)
            yield node.place.module or (weight.name if weight else node.name), node.op


def told(graph: Graph, what: str, seen: object, expected: object) -> Finding:
    """What is not as expected, in words."""
    return Finding(graph.main, f"{what}: observed {seen}, expected {expected}")


def unequal(graph: Graph, what: str, seen: object, expected: object) -> Iterator[Finding]:
    """A finding, unless both are equal."""
    if seen != expected:
        yield told(graph, what, seen, expected)


def outside(graph: Graph, what: str, seen: Range, expected: Range) -> Iterator[Finding]:
    """A finding, unless one range is within the other; NaN is in none."""
    if not (expected[0] <= seen[0] and seen[1] <= expected[1]):
        yield told(graph, what, *(f"{low:.6g} to {high:.6g}" for low, high in (seen, expected)))


def mistyped(
    graph: Graph, shapes: Shapes, values: Iterable[Value], what: str, name: str,
    dtype: str | None, dims: Dims | None,
) -> Iterator[Finding]:  # fmt: skip
    """How the declared type of an input or output differs from what is expected."""
    named = {value.name: value for value in values}
    if name not in named:
        yield told(graph, what, f"only {', '.join(map(repr, named)) or 'none'}", repr(name))
        return
    shape = shapes.of(named[name])
    seen = "not a tensor" if shape is None else _DTYPES.get(shape.dtype, shape.dtype)
    if dtype is not None:
        yield from unequal(graph, f"dtype of {what}", seen, dtype)
    got = None if shape is None or shape.dims is None else list(shape.dims)
    if dims is not None and (got is None or not _fits(got, dims)):
        yield told(graph, f"shape of {what}", got, list(dims))


def _fits(seen: Sequence[int | str | None], expected: Dims) -> bool:
    return len(seen) == len(expected) and all(
        wanted == "*" or got == wanted for got, wanted in zip(seen, expected, strict=True)
    )
