"""What the makers of parts are given."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from msgspec import Struct

from onnxlint.model.graph.graph import Graph
from onnxlint.model.graph.place import NotApplicable

if TYPE_CHECKING:
    from onnxlint.analyses import Analyses
    from onnxlint.analyses.trace.trace import Trace


class Subject(Struct, frozen=True, dict=True):
    """A model that is portrayed; `runs` is whether it may be run."""

    analyses: Analyses
    runs: bool

    @property
    def graph(self) -> Graph:
        """Its graph."""
        return self.analyses.get(Graph)

    @cached_property
    def trace(self) -> Trace | None:
        """What a run of it showed; None where there was none, or it failed."""
        from onnxlint.analyses.trace.trace import Trace

        if not self.runs:
            return None
        try:
            return self.analyses.get(Trace)
        except NotApplicable:  # the findings say why
            return None
