"""Differences that are ties: a decision between scores that are equal within rounding."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar

from onnxlint.analyses.execution.reruns import Reruns
from onnxlint.analyses.execution.worker import RunFailure, WorkerDied
from onnxlint.analyses.stability.behaviour import Behaviour, beside
from onnxlint.analyses.stability.output_difference import Difference, compare
from onnxlint.analyses.static.decisions import Decided
from onnxlint.analyses.static.precision import Rounding
from onnxlint.model.graph.graph import Graph
from onnxlint.model.graph.nodes import Node, Value

if TYPE_CHECKING:
    from onnxlint.types import Array, Outputs

    Seen = Callable[[Value], tuple[Array, Array] | None]


class Ties:
    """Whether a tie explains a difference: runs the model again and fetches the scores.

    What differs by more than rounding while the scores agree, and whatever else it is made of, is
    the choice between two answers that are as good.
    """

    def __init__(
        self, graph: Graph, reruns: Reruns, rounding: Rounding, behaviour: Behaviour
    ) -> None:
        self._reruns, self._rounding, self._behaviour = reruns, rounding, behaviour
        self._decided = Decided(graph)

    @classmethod
    def build(cls, graph: Graph, reruns: Reruns, rounding: Rounding, behaviour: Behaviour) -> Ties:
        """Nothing runs yet."""
        return cls(graph, reruns, rounding, behaviour)

    def between_runs(self, difference: Difference, limit: float, *, fresh: bool) -> Node | None:
        """The node whose tie makes two runs differ; None where no tie explains it."""
        feed = self._behaviour.feed

        def seen(names: list[str]) -> Seen:
            one = self._reruns.watched(feed, names)
            return _by_name(one, self._reruns.watched(feed, names, fresh=fresh))

        return self._tie(difference, limit, seen)

    def between_levels(self, difference: Difference, limit: float) -> Node | None:
        """The same for the optimised and the unoptimised model."""
        feed = self._behaviour.feed

        def seen(names: list[str]) -> Seen:
            one = self._reruns.watched(feed, names, "none")
            return _by_name(one, self._reruns.watched(feed, names))

        return self._tie(difference, limit, seen)

    def in_company(self, difference: Difference, limit: float) -> Node | None:
        """The same for a sample alone and batched with another."""
        *pair, both = self._behaviour.company

        def seen(names: list[str]) -> Seen:
            alone = [self._reruns.watched(sample, names) for sample in pair]
            return _by_sample(alone, self._reruns.watched(both, names))

        return self._tie(difference, limit, seen)

    def _tie(
        self, difference: Difference, limit: float, run: Callable[[list[str]], Seen]
    ) -> Node | None:
        values = self._decided.seen_for(difference.value)
        if not values:
            return None
        try:
            seen = run([value.name for value in values])
        except (RunFailure, WorkerDied):
            return None  # not all of it can be fetched

        def agrees(value: Value) -> bool | None:
            pair = seen(value)
            if pair is None:
                return None
            return not compare(value, *pair, None, self._rounding).exceeds(limit)

        return self._decided.tie(difference.value, agrees)


class LevelTies(Ties):
    """Ties for who asks for them between levels of optimisation.

    Behind the first look at a trace: that has loaded the model as it is written.
    """

    effort: ClassVar = 98


def _by_name(one: Outputs, other: Outputs) -> Seen:
    def seen(value: Value) -> tuple[Array, Array] | None:
        known = value.name in one and value.name in other
        return (one[value.name], other[value.name]) if known else None

    return seen


def _by_sample(alone: list[Outputs], together: Outputs) -> Seen:
    """Where samples lie along an axis, both alone and both together."""

    def seen(value: Value) -> tuple[Array, Array] | None:
        if any(value.name not in outputs for outputs in (*alone, together)):
            return None
        one, other = (outputs[value.name] for outputs in alone)
        return beside(one, other, together[value.name])

    return seen
