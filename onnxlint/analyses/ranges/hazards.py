"""Operands whose bounds allow a failure: what makes them, what follows, how sure it is."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from onnxlint.analyses.ranges.hazard import Hazard
    from onnxlint.analyses.ranges.ranges import Ranges
    from onnxlint.model.graph.graph import Graph


class Hazards:
    """The hazards of a model, one for each cause: what follows from one is no other."""

    def __init__(self, graph: Graph, ranges: Ranges) -> None:
        self._graph, self._ranges = graph, ranges
        self._found: list[Hazard] | None = None
        self._search: Generator[None, None, list[Hazard]] | None = None

    @classmethod
    def build(cls, graph: Graph, ranges: Ranges) -> Hazards:
        """Looks at nothing yet."""
        return cls(graph, ranges)

    def foresee(self) -> Iterator[None]:
        """Looks for all: each rule asks for some."""
        while self._found is None:
            self._search_on()
            yield

    def _search_on(self) -> None:
        from onnxlint.analyses.ranges.search import searching

        search, self._search = self._search or searching(self._graph, self._ranges), None
        try:
            next(search)
            self._search = search  # and begins anew where it fails
        except StopIteration as end:
            self._found = end.value

    def of(self, *kinds: str) -> Iterator[Hazard]:
        """The hazards of some kinds, in the order of the file."""
        if kinds == ("half",) and not self._has_halves:
            return iter(())
        return (hazard for hazard in self.all if hazard.kind in kinds)

    @cached_property
    def _has_halves(self) -> bool:
        """Whether a node gives float16s: without any, nothing is loaded or evaluated for them."""
        return any(self._ranges.is_half(node.output) for node in self._graph.nodes())

    @property
    def known(self) -> list[Hazard]:
        """Those that were already looked for."""
        return self._found or []

    @property
    def all(self) -> list[Hazard]:
        """All hazards, in the order of the file."""
        while self._found is None:
            self._search_on()
        return self._found
