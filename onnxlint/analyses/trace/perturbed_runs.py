"""Runs of a model on slightly changed numbers, each in a random direction."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from itertools import cycle
from typing import TYPE_CHECKING

from onnxlint.analyses.execution.execution import Execution
from onnxlint.analyses.execution.worker import Worker
from onnxlint.analyses.static.shapes import Shape, Shapes
from onnxlint.analyses.trace.perturbed_model import PerturbedModel

if TYPE_CHECKING:
    from onnxlint.runtime.protocol import Array, Run, Signs

LOOKS = 2
"""Directions of a sample in one message: with two samples, so many as are measured at least."""

MESSAGES = 3
"""So many are sent before the next samples are remembered: one for a measurement that soon is
settled, and one for each time that it may be checked."""


class PerturbedRuns:
    """The perturbed model in the worker, run on one sample after the other.

    One that is alone runs side by side on as many samples as it remembers, each of them in some
    directions, after a run that changes nothing.
    """

    def __init__(
        self, perturbed: PerturbedModel, shapes: Shapes, execution: Execution, worker: Worker
    ) -> None:
        import numpy as np

        assert execution.attempt is not None
        self._random = np.random.default_rng(execution.inputs.settings.seed)
        self._plan, self._worker = perturbed.plan, worker
        cuts = [shapes.of(cut) for cut in perturbed.chain.cuts]
        self._noise = _noise(cuts, execution.attempt.sizes)
        self._feeds = cycle(execution.attempt.feeds)
        self._remembered: list[dict[str, Array]] = []
        self._left = 0  # messages until others are remembered
        # Optimising takes longer than it saves in so few runs. In the order of the file model and
        # copy go side by side; else every cut would wait in memory until its copy comes.
        data, folder = perturbed.runnable
        lanes, ours = self._plan.lanes, self._plan.compiled
        worker.load(data, folder, "none", in_order=True, lanes=lanes, has_ours=ours)

    def told(self, start: int, step: float, most: int) -> list[dict[str, float]]:
        """What some runs tell, `most` of them at most: the numbers that all outputs give.

        They change the numbers by a part `step` of their size, from the cut `start` on.

        Raises:
            RunFailure: onnxruntime cannot run one of them.
            WorkerDied: the worker crashed or went over a limit.
        """
        if self._plan.alone:
            requests = [*self._compared(start, step, most)]
        else:
            requests = [self._run(next(self._feeds), start, step)]
        replies = (ran.outputs for ran in self._worker.run_together(requests))
        return [{n: float(array) for n, array in outputs.items()} for outputs in replies if outputs]

    def _compared(self, start: int, step: float, most: int) -> Iterator[Run]:
        """Runs on the samples that are remembered, in turns; before them those that remember.

        There are as many samples as lanes, and runs take the lanes in turns: so each sample has its
        own, and is remembered there before it is compared.
        """
        import numpy as np

        from onnxlint.runtime.perturbed_copy import SLOT

        lanes, steps = self._plan.lanes, [step] * most
        are_new = not self._left
        if are_new:
            self._left = MESSAGES
            self._remembered = [
                {**next(self._feeds), SLOT: np.array(slot)} for slot in range(lanes)
            ]
            steps = [*[0.0] * lanes, *steps]
        self._left -= 1
        for number, each in enumerate(steps[: (LOOKS + are_new) * lanes]):
            lane = number % lanes
            if number < lanes:
                yield self._run(self._remembered[lane], start, each)
            else:
                yield self._run({}, start, each, like=lane)

    def _run(self, feed: dict[str, Array], start: int, step: float, like: int | None = None) -> Run:
        """One in a random direction; one of step 0 tells nothing."""
        import numpy as np

        from onnxlint.runtime import perturbed_copy as model
        from onnxlint.runtime.protocol import Run

        steps = {model.STEP: np.array(step), model.START: np.array(start)}
        kept = model.outputs(self._plan) if step else []
        signs = {model.NOISE: self._direction()}
        return Run({**feed, **steps}, [], kept, signs=signs, like=like)

    def _direction(self) -> Signs:
        """A random one: signs are as good as normal numbers, and vary less among themselves."""
        from onnxlint.runtime.protocol import Signs

        count = self._noise
        return Signs(self._random.bytes(-(-count // 8)), count)


def _noise(shapes: list[Shape | None], sizes: Mapping[str, int]) -> int:
    """How many random numbers are enough for all of these; most where a size is not known."""
    from onnxlint.runtime.perturbed_copy import NOISE_LENGTHS

    *shorter, longest = NOISE_LENGTHS
    counts = [_elements(shape, sizes) for shape in shapes]
    return next((length for length in shorter if max(counts) <= length), longest)


def _elements(shape: Shape | None, sizes: Mapping[str, int]) -> float:
    """How many elements a value has; infinitely many where that is not known."""
    if shape is None or shape.dims is None:
        return math.inf
    dims = [dim if isinstance(dim, int) else sizes.get(dim or "", math.inf) for dim in shape.dims]
    return math.prod(dims)
