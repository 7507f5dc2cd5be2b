"""What is watched in runs of a model, and how they are made: as far as no run tells it."""

from __future__ import annotations

from collections.abc import Container, Iterator
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar

from onnxlint.analyses.execution.lanes import lanes
from onnxlint.analyses.execution.probes import chosen, constants, inside
from onnxlint.analyses.static.shapes import Shapes
from onnxlint.model.graph.graph import Graph

if TYPE_CHECKING:
    from onnxlint.runtime.protocol import Watch


class Watching:
    """Looked up once, however often the model is loaded."""

    effort: ClassVar = 0  # no rule runs later for it

    def __init__(self, graph: Graph, shapes: Shapes) -> None:
        self.graph, self.shapes = graph, shapes
        self._chosen: dict[tuple[bool, bool], list[Watch]] = {}

    @classmethod
    def build(cls, graph: Graph, shapes: Shapes) -> Watching:
        """Nothing is looked up yet."""
        return cls(graph, shapes)

    @cached_property
    def lanes(self) -> int:
        """How many runs are made side by side."""
        return lanes(self.graph, self.shapes)

    def chosen(self, *, every: bool = False, integers: bool = False) -> list[Watch]:
        """What is watched of the main graph."""
        if (every, integers) not in self._chosen:
            found = chosen(self.graph, self.shapes, every=every, integers=integers)
            self._chosen[every, integers] = found
        return [*self._chosen[every, integers]]

    def constants(self) -> list[Watch]:
        """The floats that nodes of the main graph make of constants alone."""
        return constants(self.graph, self.shapes)

    def inside(self, known: Container[str]) -> list[Watch]:
        """What fused kernels hide, but for what is known."""
        return [watch for watch in self._inside if watch.name not in known]

    @cached_property
    def _inside(self) -> list[Watch]:
        return inside(self.graph, self.shapes, self.chosen(every=True))

    def foresee(self) -> Iterator[None]:
        """Looks up what most models are loaded with."""
        for part in ("lanes", "_inside"):
            getattr(self, part)
            yield
