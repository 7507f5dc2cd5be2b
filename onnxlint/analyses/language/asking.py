"""Runs of a language model, and how far their outputs are from each other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from msgspec import Struct

from onnxlint.analyses import Unavailable
from onnxlint.analyses.execution.reruns import Reruns
from onnxlint.analyses.execution.worker import RunFailure, WorkerDied
from onnxlint.analyses.language.feeds import Feeder
from onnxlint.analyses.language.interface import Interface
from onnxlint.analyses.stability.output_difference import Difference, compare
from onnxlint.analyses.static.precision import Rounding
from onnxlint.model.graph.graph import Graph
from onnxlint.model.graph.nodes import Value

if TYPE_CHECKING:
    from onnxlint.types import Array, Feed, Outputs

STEPS = 6
"""Tokens of a run: a prompt of three, and three more. A choice: two tokens after the first one
that has a cache show whether the cache that was handed on is right, too."""

PROMPT = 3
"""Those of them that are fed together before the others come one by one."""


class Asked(Struct, frozen=True):
    """What all questions share: the interface, and a loaded model."""

    interface: Interface
    feeder: Feeder
    reruns: Reruns
    graph: Graph
    rounding: Rounding

    @property
    def steps(self) -> int:
        """The tokens of one run: as many as it takes, if that is fixed."""
        return self.interface.steps or STEPS

    @property
    def samples(self) -> int:
        """The samples of one run: one, if the model does not ask for more."""
        return self.interface.batch or 1

    def run(self, feed: Feed, what: str) -> Outputs:
        """The outputs of a run.

        Raises:
            Unavailable: it is refused, or something crashed.
        """
        return self.run_all((feed, what))[0]

    def run_all(self, *runs: tuple[Feed, str]) -> list[Outputs]:
        """The outputs of several runs; as `run` of one after the other."""
        found: list[Outputs] = []
        try:
            for answer in self.reruns.answers(feed for feed, _ in runs):
                found.append(answer())  # noqa: PERF401 - those before the one that is refused
        except (RunFailure, WorkerDied) as error:
            what = runs[len(found)][1]
            raise Unavailable(f"the model does not run {what}: {error}") from error
        return found

    def states(self, outputs: Outputs, before: Mapping[str, Array]) -> dict[str, Array]:
        """The caches after a run; those of an encoder stay as they were first.

        Raises:
            Unavailable: one is too large to be held.
        """
        found: dict[str, Array] = {}
        for cache in self.interface.caches:
            name = cache.slot.name
            made = outputs.get(cache.present.name) if cache.present is not None else None
            if cache.is_cross and name in before and before[name].size:
                found[name] = before[name]
            elif made is not None:
                found[name] = made
            elif cache.present is not None:
                raise Unavailable(f"output {cache.present.name!r} is too large to be fed back")
        return found

    def judged(self, outputs: Outputs) -> Iterator[tuple[Value, Array]]:
        """The outputs with numbers that are no caches."""
        cached = {cache.present for cache in self.interface.caches}
        for value in self.graph.outputs:
            array = outputs.get(value.name)
            if value not in cached and array is not None and array.dtype.kind == "f":
                yield value, array

    def by_step(self, outputs: Outputs, steps: int) -> Iterator[tuple[Value, Array]]:
        """Those of them that have something to say of every token."""
        for value, array in self.judged(outputs):
            if array.ndim == 3 and array.shape[1] == steps:
                yield value, array

    def compared(self, value: Value, one: Array, other: Array) -> Difference:
        """How far two results are from each other."""
        return compare(value, one, other, None, self.rounding)


def worst(differences: Sequence[Difference]) -> Difference | None:
    """The largest of them."""
    return max(differences, key=lambda each: each.measured, default=None)
