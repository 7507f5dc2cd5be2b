"""Hazards inside If, Loop, Scan and functions: what their bodies show when the model runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from msgspec.structs import replace

from onnxlint.analyses.counterexamples.trials import MOST_TOGETHER, Candidate, Found
from onnxlint.analyses.execution.body_values import Within

if TYPE_CHECKING:
    from onnxlint.analyses.counterexamples.domains import Samples
    from onnxlint.analyses.counterexamples.subject import Subject
    from onnxlint.analyses.counterexamples.trials import Allowance
    from onnxlint.analyses.ranges.hazard import Hazard
    from onnxlint.model.graph.nodes import Value
    from onnxlint.runtime.protocol import Ran, Statistics
    from onnxlint.types import Feed


MOST_ALONE = 24
"""Candidates that are run where each needs a run of its own, and one of every body."""


class InBodies:
    """Runs candidates, many at once, and looks at the steps of bodies that show NaN or infinity.

    There is no search: what stands inside is known by its statistics alone, and costs a session
    for each body.
    """

    def __init__(
        self, subject: Subject, hazard: Hazard, samples: Samples, allowance: Allowance
    ) -> None:
        self._hazard, self._samples, self._allowance = hazard, samples, allowance
        self._graph = subject.graph
        self._within = Within(subject.graph, subject.shapes, subject.worker, subject.execution)
        self.found: Found | None = None

    def run(self, own: Sequence[Candidate], candidates: Sequence[Candidate]) -> None:
        """Looks at what ran anyway, then at candidates.

        Raises:
            Spent: no more runs are to be made.
        """
        for candidate in own:
            if self.found is None and self.shown(candidate.feed) is not None:
                self._one_of(candidate)
        for group in self._groups(candidates):
            if self.found is None:
                self._halved(group)

    def _one_of(self, candidate: Candidate) -> None:
        """Of several samples the first that shows it alone."""
        if self._samples.any_number:
            self._halved([replace(candidate, feed=e) for e in self._samples.each(candidate.feed)])
        if self.found is None:
            self._look([candidate])

    def _groups(self, candidates: Sequence[Candidate]) -> list[list[Candidate]]:
        """Those that can be fed at once; where none can, the first ones alone."""
        if not self._samples.any_number:
            return [[candidate] for candidate in candidates[:MOST_ALONE]]
        groups: list[list[Candidate]] = []
        for candidate in candidates:
            for group in groups:
                fits = self._samples.stack_together(group[0].feed, candidate.feed)
                if fits and len(group) < MOST_TOGETHER:
                    group.append(candidate)
                    break
            else:
                groups.append([candidate])
        return groups

    def _halved(self, group: Sequence[Candidate]) -> None:
        """The first of several candidates that shows it, found by halves."""
        seen = self._look(group)
        while seen is not None and len(group) > 1:
            half = (len(group) + 1) // 2
            first = self._look(group[:half])
            group = group[:half] if first is not None else group[half:]
            seen = first if first is not None else self._look(group)

    def _look(self, group: Sequence[Candidate]) -> str | None:
        """What several candidates at once show; where it is one alone, that is found."""
        feed = group[0].feed
        if len(group) > 1:
            feed = self._samples.stacked([each.feed for each in group])
        seen = self.shown(feed)
        if seen is not None and len(group) == 1:
            self.found = Found(replace(group[0], feed=feed), seen)
        return seen

    def shown(self, feed: Feed) -> str | None:
        """What a run shows; None where it does not.

        Raises:
            Spent: no more runs are to be made.
        """
        self._allowance.take(self._samples.count(feed))
        self._allowance.load()
        for inner in self._within.look([feed]):
            if inner.body.scope is self._hazard.node.scope:
                seen = self._judged(inner.ran)
                if seen is not None:
                    return seen
        return None

    def _judged(self, ran: Ran) -> str | None:
        node, zone = self._hazard.node, self._hazard.zone
        operand = self._statistics(self._hazard.operand, ran)
        if operand is None or not (operand.minimum <= zone.high and operand.maximum >= zone.low):
            return None
        if zone.low == 0 == zone.high and not operand.zeros:
            return None
        read = [self._statistics(value, ran) for value in node.inputs if value is not None]
        if any(each is not None and (each.nan or each.infinite) for each in read):
            return None
        for value in filter(None, node.outputs):
            made = self._statistics(value, ran)
            if made is not None and made.nan:
                return "NaN"
            if made is not None and made.infinite:
                return "inf" if made.positive_infinite else "-inf"
        return None

    def _statistics(self, value: Value, ran: Ran) -> Statistics | None:
        from onnxlint.runtime.statistics.measure import measure

        seen = ran.statistics.get(value.name)
        array = self._graph.constant(value) if seen is None else None
        return measure(array) if array is not None and array.dtype.kind == "f" else seen
