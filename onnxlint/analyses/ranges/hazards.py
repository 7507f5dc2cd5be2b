"""Operands whose bounds allow a failure: what makes them, what follows, how sure it is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from onnxlint.analyses.ranges.ranges import Ranges
from onnxlint.model.graph.graph import Graph
from onnxlint.model.graph.nodes import Node, Value

if TYPE_CHECKING:
    from onnxlint.analyses.ranges.range import Range
    from onnxlint.analyses.ranges.zones import Kind, Zone


@dataclass(frozen=True, eq=False)
class Hazard:
    """An operand that may lie where its operator fails.

    Attributes:
        node: the operator.
        operand: the value that it reads.
        zone: the numbers that it must not have.
        range: what the operand may be, after all refinements.
        way: the nodes that made the operand what it is, the nearest first; three at most.
        reaches: the outputs of the model that what comes out gets to; None where it was not
            followed to the end.
        certain: every element lies in the zone, whatever is fed.
    """

    node: Node
    operand: Value
    zone: Zone
    range: Range
    way: tuple[Node, ...]
    reaches: tuple[Value, ...] | None
    certain: bool

    @property
    def kind(self) -> Kind:
        """What goes wrong."""
        return self.zone.kind

    @property
    def is_tight(self) -> bool:
        """Whether the bounds are met by some input of which more is known than its dtype."""
        return not (self.range.free or self.range.loose)


class Hazards:
    """The hazards of a model, one for each cause: what follows from one is no other."""

    def __init__(self, graph: Graph, ranges: Ranges) -> None:
        self._graph, self._ranges = graph, ranges
        self._found: list[Hazard] | None = None

    @classmethod
    def build(cls, graph: Graph, ranges: Ranges) -> Hazards:
        """Looks at nothing yet."""
        return cls(graph, ranges)

    def of(self, *kinds: str) -> Iterator[Hazard]:
        """The hazards of some kinds, in the order of the file."""
        return (hazard for hazard in self.all if hazard.kind in kinds)

    @property
    def known(self) -> list[Hazard]:
        """Those that were already looked for."""
        return self._found or []

    @property
    def all(self) -> list[Hazard]:
        """All hazards, in the order of the file."""
        if self._found is None:
            from onnxlint.analyses.ranges.search import found_in

            self._found = found_in(self._graph, self._ranges)
        return self._found
