"""How much a model shrinks its images: an analysis that rules of this pack ask for."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

from onnxlint import Graph, Node, NotApplicable, Shapes, Value


@dataclass(frozen=True)
class Step:
    """A node that shrinks an image: by which factor, and to how many pixels."""

    node: Node
    factor: float
    pixels: int


@dataclass(frozen=True)
class Resolution:
    """The nodes of a model that shrink images, in the order of the file.

    Each is built once for a model, whichever rules ask for it.
    """

    steps: tuple[Step, ...]

    @classmethod
    def build(cls, graph: Graph, shapes: Shapes) -> Resolution:
        """Reads it off the shapes.

        Raises:
            NotApplicable: no convolution or pooling has a known size.
        """
        steps = []
        for node in graph.nodes("Conv", "MaxPool", "AveragePool"):
            before, after = _pixels(node.input(0), shapes), _pixels(node.output, shapes)
            if before is not None and after:
                steps.append(Step(node, before / after, after))
        if not steps:
            raise NotApplicable("no convolution or pooling has an image of known size")
        return cls(tuple(steps))


def _pixels(value: Value | None, shapes: Shapes) -> int | None:
    """Height times width of a value; None where a size is unknown."""
    shape = shapes.of(value)
    if shape is None or shape.dims is None:
        return None
    sides = [size for size in shape.dims[2:] if isinstance(size, int)]
    return prod(sides) if sides and len(sides) == len(shape.dims) - 2 else None
