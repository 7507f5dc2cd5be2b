"""Whether what was observed lies within the bounds that were proven: if not, we are wrong."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from msgspec import Struct

from onnxlint.analyses.ranges.hazards import Hazards
from onnxlint.analyses.ranges.ranges import Ranges
from onnxlint.analyses.static.shapes import Shapes
from onnxlint.analyses.trace.trace import Observed, Trace
from onnxlint.contributions import Contributions, Defect
from onnxlint.model.graph.graph import Graph
from onnxlint.model.graph.nodes import Value
from onnxlint.model.graph.operators import QUANTIZE

if TYPE_CHECKING:
    from onnxlint.analyses.ranges.range import Range

MOST_TOLD = 3
"""Values that are named: the first are where a mistake begins."""

OPTIMISED = 1e-4
"""What optimised kernels may differ from the graph as it is written, relative to what they give. A
choice: folded weights and approximated functions stay within it."""


class Violation(Struct, frozen=True):
    """A value that was observed outside of its bounds."""

    value: Value
    observed: tuple[float, float]
    bounds: tuple[float, float]

    def __str__(self) -> str:
        (low, high), (least, most) = self.observed, self.bounds
        seen = f"observed from {low:.9g} to {high:.9g}"
        return f"{self.value.name!r} was {seen}, outside of its bounds {least:.9g} to {most:.9g}"


class ObservedBounds:
    """The values of a run beside their bounds, as far as bounds were asked for.

    Those of the operands that are told to be hazards, and of all that they are made of, are.
    """

    def __init__(
        self, graph: Graph, shapes: Shapes, trace: Trace, ranges: Ranges, hazards: Hazards
    ) -> None:
        self._graph, self._shapes, self._trace, self._ranges = graph, shapes, trace, ranges
        self._hazards = hazards

    @classmethod
    def build(
        cls, graph: Graph, shapes: Shapes, trace: Trace, ranges: Ranges, hazards: Hazards
    ) -> ObservedBounds:
        """Compares nothing yet."""
        return cls(graph, shapes, trace, ranges, hazards)

    def violations(self) -> Iterator[Violation]:
        """The values outside of their bounds; none where inputs were fed outside of theirs."""
        found = [*self._outside()]
        yield from found if found and self._is_admitted() else ()

    def _outside(self) -> Iterator[Violation]:
        for hazard in self._hazards.known:
            self._ranges.of(hazard.operand)
        for node in self._graph.main.nodes:
            for value in filter(None, node.outputs):
                bound = self._ranges.known(value)
                if bound is None:
                    continue
                seen = self._trace.of(value) or self._trace.integers(value)
                if seen is None or seen.is_whole != self._shapes.is_integer(value):
                    continue  # a quantised value is shown as what it stands for
                if any(node.op in QUANTIZE for node in value.readers):
                    continue  # an integer kernel gives it rounded to whole steps
                if _is_outside(seen, bound):
                    extent = seen.statistics.minimum, seen.statistics.maximum
                    yield Violation(value, extent, (bound.least, bound.most))

    def _is_admitted(self) -> bool:
        attempt = self._trace.execution.attempt
        return attempt is not None and all(map(self._ranges.admits, attempt.feeds))

    def contribute(self, report: Contributions) -> None:
        """The first of them: what follows has the same cause."""
        found = list(self.violations())
        for each in found[:MOST_TOLD]:
            evidence = {"observed": list(each.observed), "bounds": [str(b) for b in each.bounds]}
            report.defects.append(Defect(str(each), each.value.place, evidence))


def _is_outside(seen: Observed, bound: Range) -> bool:
    statistics = seen.statistics
    if statistics.nan and not bound.nan:
        return True
    if statistics.infinite and not bound.infinite:
        return True
    if not statistics.finite:
        return False
    slack = OPTIMISED * max(abs(statistics.minimum), abs(statistics.maximum))
    return statistics.minimum < bound.least - slack or statistics.maximum > bound.most + slack
