"""A step with the cache beside the same position without it, and caches in another order."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from msgspec import Struct

from onnxlint.analyses import Unavailable
from onnxlint.analyses.language.asking import PROMPT, STEPS, Asked
from onnxlint.analyses.stability.output_difference import Difference
from onnxlint.model.graph.place import Place

if TYPE_CHECKING:
    from onnxlint.types import Array, Outputs


class Step(Struct, frozen=True):
    """Tokens that were fed with a cache of `cached` others, and all of them fed in one call.

    `tokens` is how many at once. `made_up`: the cache did not begin empty, which the model refuses,
    but with random numbers. `first` is another file that took the tokens of the cache, and all of
    them in one call.
    """

    difference: Difference
    cached: int
    tokens: int = 1
    made_up: bool = False
    first: str | None = None

    @property
    def place(self) -> Place:
        """The output's."""
        return self.difference.place


class Reordered(Struct, frozen=True):
    """An output of two samples whose caches, and all else, changed places."""

    difference: Difference

    @property
    def place(self) -> Place:
        """The output's."""
        return self.difference.place


class Stepping:
    """Asks what a cache changes; runs are made once, whoever asks."""

    def __init__(self, asked: Asked) -> None:
        self._asked = asked

    def steps(self) -> list[Step]:
        """Every token after the prompt, each output; with its difference.

        Raises:
            Unavailable: there is no cache, or no run without it.
        """
        asked = self._asked
        if not asked.interface.grows:
            raise Unavailable("no output of one call is an input of the next (no cache)")
        if asked.interface.steps is not None:
            raise Unavailable(
                f"every call takes {asked.interface.steps} token(s): without the cache, several "
                "tokens cannot be run"
            )
        try:
            return self._compared(0)
        except Unavailable as refused:
            try:
                return self._compared(PROMPT)
            except Unavailable:
                raise refused from None

    def _compared(self, before: int) -> list[Step]:
        """With a cache that is empty at first, or one of so many random keys and values."""
        asked = self._asked
        tokens = asked.feeder.tokens(asked.samples, STEPS)
        start = asked.feeder.noise(asked.samples, before) if before else {}
        whole, first = self._calls(start, before, tokens, tokens[:, :PROMPT])
        states, found = asked.states(first, start), list[Step]()
        for at in range(PROMPT, STEPS):
            step = self._call(tokens[:, at : at + 1], states, before + at)
            for value, array in asked.judged(step):
                wanted = at_step(whole[value.name], at, array)
                if wanted is not None:
                    difference = asked.compared(value, wanted, array)
                    found.append(Step(difference, at, made_up=bool(before)))
            states = asked.states(step, states)
        if not found:
            raise Unavailable("no output has a value for every token")
        after = asked.states(first, start)
        with suppress(Unavailable):  # some operators take one token at a time, or an empty cache
            chunk = self._call(tokens[:, PROMPT:], after, before + PROMPT)
            for value, array in asked.by_step(chunk, STEPS - PROMPT):
                wanted = whole[value.name][:, PROMPT:]
                difference = asked.compared(value, wanted, array)
                found.append(Step(difference, PROMPT, STEPS - PROMPT, bool(before)))
        return found

    def _call(self, tokens: Array, states: dict[str, Array], length: int) -> Outputs:
        return self._calls(states, length, tokens)[0]

    def _calls(self, states: dict[str, Array], length: int, *calls: Array) -> list[Outputs]:
        """What comes of some tokens, or of others, after the same ones."""
        feed = partial(self._asked.feeder.feed, states=states, length=length)
        told = "on {} token(s) after {}"
        return self._asked.run_all(*((feed(t), told.format(t.shape[1], length)) for t in calls))

    def reordered(self) -> list[Reordered]:
        """Two samples are continued, then again with their places changed.

        Raises:
            Unavailable: there is no cache, or there is no room for two samples.
        """
        asked = self._asked
        if not asked.interface.grows:
            raise Unavailable("no output of one call is an input of the next (no cache)")
        samples = asked.interface.batch or 2
        if samples < 2:
            raise Unavailable("every call takes one sample")
        states, length = self._prompted(samples)
        last = asked.feeder.tokens(samples, asked.interface.steps or 1, turn=1)
        order = [*range(samples)][::-1]
        moved = {
            cache.slot.name: states[cache.slot.name].take(order, cache.batch)
            for cache in asked.interface.caches if cache.slot.name in states
        }  # fmt: skip
        feeder = asked.feeder
        feed = feeder.feed(last, states=states, length=length)
        other = feeder.feed(last[order], states=moved, length=length, rows=order)
        usual, turned = asked.run_all((feed, "on two samples"), (other, "on two samples"))
        return [
            Reordered(asked.compared(value, array[order], turned[value.name]))
            for value, array in asked.judged(usual)
            if array.ndim and len(array) == samples
        ]

    def _prompted(self, samples: int) -> tuple[dict[str, Array], int]:
        """The cache of a prompt of each sample, and its length; else one of random numbers."""
        asked, steps = self._asked, self._asked.interface.steps or PROMPT
        tokens = asked.feeder.tokens(samples, steps)
        try:
            feed = asked.feeder.feed(tokens)
            return asked.states(asked.run(feed, "with an empty cache"), {}), steps
        except Unavailable:
            return asked.feeder.noise(samples, steps), steps


def at_step(whole: Array, at: int, step: Array) -> Array | None:
    """What a run of all tokens says of one of them, in the shape of a run of this one alone."""
    if whole.ndim in (2, 3) and whole.shape[1] == STEPS:
        part = whole[:, at : at + 1]
        return part if part.shape == step.shape else None
    is_last = at == STEPS - 1 and whole.shape == step.shape
    return whole if is_last else None
