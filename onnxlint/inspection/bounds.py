"""The bounds of values, as they are shown."""

from __future__ import annotations

from collections.abc import Mapping

from onnxlint.analyses import Analyses
from onnxlint.analyses.ranges.ranges import Ranges
from onnxlint.inspection.inspected import Bound
from onnxlint.model.graph.graph import Graph
from onnxlint.model.graph.nodes import Value

BEYOND = 1e30
"""An end of this magnitude says only what the dtype can hold."""


class Bounds:
    """The bound of each value, and which of them a run refutes.

    With `known_only`, those alone that somebody asked for before.
    """

    def __init__(
        self, analyses: Analyses, graph: Graph, *, has_trace: bool, known_only: bool = False
    ) -> None:
        self._ranges, self._known_only = analyses.get(Ranges), known_only
        for node in graph.main.nodes if not known_only else ():
            for value in filter(None, node.outputs):
                self._ranges.of(value)
        self._violated: set[Value] = set()
        if has_trace:
            from onnxlint.analyses.trace.observed_bounds import ObservedBounds

            found = analyses.get(ObservedBounds).violations()
            self._violated = {each.value for each in found}

    @property
    def unknown(self) -> Mapping[str, int]:
        """Nodes without bounds, by operator."""
        return dict(self._ranges.unknown)

    def of(self, value: Value | None) -> Bound | None:
        """The bound of a value of numbers."""
        if value is None or not self._ranges.is_number(value):
            return None
        found = self._ranges.known(value) if self._known_only else self._ranges.of(value)
        if found is None:
            return None
        low, high = found.least, found.most
        basis = "dtype" if found.free else "loose" if found.loose else "exact"
        ends = None if low <= -BEYOND else low, None if high >= BEYOND else high
        return Bound(*ends, found.nan, basis, value in self._violated)
