"""Whether padding that a mask leaves out changes what is said of the rest."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from typing import TYPE_CHECKING

from msgspec import Struct

from onnxlint.analyses import Unavailable
from onnxlint.analyses.language.asking import Asked
from onnxlint.analyses.language.feeds import masked
from onnxlint.analyses.stability.output_difference import Difference
from onnxlint.model.graph.nodes import Value
from onnxlint.model.graph.operators import LENGTH_SLOTS
from onnxlint.model.graph.place import Place

if TYPE_CHECKING:
    from onnxlint.types import Array, Feed, Outputs

PADDING = 3
"""Tokens of padding beside a sequence of six: a choice."""


class Side(StrEnum):
    """Where the padding is."""

    LEFT = "left"
    RIGHT = "right"
    ENCODER = "encoder"


class Padded(Struct, frozen=True):
    """An output with padding, beside the same without; `mask` is the input that left it out.

    `is_heard`: other padding changes it again. Else it is only where the padding is that matters:
    positions count it.
    """

    difference: Difference
    side: Side
    mask: str
    is_heard: bool

    @property
    def place(self) -> Place:
        """The output's."""
        return self.difference.place


class Padding:
    """Asks what padding changes: right of the tokens, left of those of decoders, and of encoders.

    Tokens are padded on the left for decoders alone: an encoder such as BERT counts its positions
    from the first, and its tokenizer pads on the right, as callers of onnxruntime-genai do, whose
    operator of attention is told lengths.
    """

    def __init__(self, asked: Asked, limit: float) -> None:
        self._asked, self._limit = asked, limit

    def changes(self) -> list[Padded]:
        """Every output with padding on every side that is usual.

        Raises:
            Unavailable: there is no mask.
        """
        interface = self._asked.interface
        found: list[Padded] = []
        if interface.mask is not None:
            sides = [Side.RIGHT, Side.LEFT] if self._is_padded_left else [Side.RIGHT]
            for side in sides:
                found += self._of_tokens(side)
        if interface.heard is not None and interface.states is not None:
            found += self._of_states()
        if interface.mask is None and interface.heard is None:
            raise Unavailable("no input masks padding")
        return found

    @property
    def _is_padded_left(self) -> bool:
        """Of decoders with a cache, unless an operator takes lengths: it wants padding behind."""
        counted = any(True for _ in self._asked.graph.nodes(*LENGTH_SLOTS))
        return self._asked.interface.grows and not counted

    def _of_tokens(self, side: Side) -> list[Padded]:
        import numpy as np

        asked, mask = self._asked, self._asked.interface.mask
        assert mask is not None
        steps, samples = asked.steps, asked.samples
        if steps == 1:
            return []
        extra = 0 if asked.interface.steps is not None else PADDING
        real = steps if extra else max(1, steps - PADDING)
        tokens = asked.feeder.tokens(samples, real)
        whole = slice(0, real) if side is Side.RIGHT else slice(-real, None)
        kept = np.zeros((samples, real + (extra or steps - real)), bool)
        kept[:, whole] = True

        def feed(padding: Array) -> Feed:
            parts = [tokens, padding] if side is Side.RIGHT else [padding, tokens]
            return asked.feeder.feed(np.concatenate(parts, 1), kept=kept)

        size = kept.shape[1] - real
        paddings = [self._padding(tokens, size, turn) for turn in self._contents()]
        other = asked.feeder.tokens(samples, size, turn=4)
        base = asked.feeder.feed(tokens) if extra else feed(other)
        return self._compared(
            base, [feed(each) for each in paddings], side, mask.name, (real, size)
        )

    def _contents(self) -> list[int | None]:
        """Padding to try: ids that the graph asks for, 0, and any others."""
        interface = self._asked.interface
        if "float" in interface.tokens.dtype:
            return [None]
        slot = interface.tokens
        told = dict.fromkeys([*interface.special, 0])
        known = [each for each in told if slot.lowest <= each < slot.bound]
        return [*known, None]

    def _padding(self, tokens: Array, size: int, content: int | None) -> Array:
        """So many tokens of padding: all of one id, or other tokens."""
        import numpy as np

        if content is None:
            return self._asked.feeder.tokens(len(tokens), size, turn=3)
        return np.full((len(tokens), size), content, tokens.dtype)

    def _compared(
        self, usual: Feed, feeds: list[Feed], side: Side, mask: str, sizes: tuple[int, int]
    ) -> list[Padded]:
        """What every padding changes, the least of them: a model may ask for one of its own."""
        base, *runs = self._run(usual, feeds[0])
        first = dict(self._differences(base, runs[0], side, sizes))
        if any(each.exceeds(self._limit) for each in first.values()):
            runs += self._run(*feeds[1:])
        every = [dict(self._differences(base, run, side, sizes)) for run in runs]
        found: list[Padded] = []
        for value in first:
            least = min((each[value] for each in every), key=lambda each: each.measured)
            again = [
                dict(self._differences(runs[0], run, side, sizes, both=True))[value]
                for run in runs[1:]
            ]
            is_heard = any(each.exceeds(self._limit) for each in again)
            found.append(Padded(least, side, mask, is_heard))
        return found

    def _differences(
        self, base: Outputs, padded: Outputs, side: Side, sizes: tuple[int, int], *,
        both: bool = False,
    ) -> Iterator[tuple[Value, Difference]]:  # fmt: skip
        """Outputs with one value for every token, and of encoders those with one for all."""
        real, size = sizes
        whole = slice(0, real) if side is Side.RIGHT else slice(size, None)
        for value, array in self._asked.judged(base):
            other = padded[value.name]
            by_token = (
                other.ndim == 3 and other.shape[1] == real + size and side is not Side.ENCODER
            )
            if by_token:
                one = array[:, whole] if array.shape == other.shape else array
                if one.shape[1] == real:
                    yield value, self._asked.compared(value, one, other[:, whole])
            elif array.shape == other.shape and self._is_of_all(array, real + size, side):
                yield value, self._asked.compared(value, array, other)

    def _is_of_all(self, array: Array, steps: int, side: Side) -> bool:
        """Whether an output is one for the whole sequence: of encoders; or padding is elsewhere.

        A causal model that gives one has to find the last token itself, in its own way.
        """
        if side is Side.ENCODER:
            return True
        return array.ndim == 2 and steps not in array.shape and not self._asked.interface.grows

    def _of_states(self) -> list[Padded]:
        """Padding behind the states of an encoder: random numbers, which nothing may hear."""
        import numpy as np

        asked, interface = self._asked, self._asked.interface
        states, heard = interface.states, interface.heard
        assert states is not None and heard is not None
        tokens = asked.feeder.tokens(asked.samples, min(asked.steps, 2))
        usual = asked.feeder.feed(tokens)
        said = usual[states.name]
        rng = np.random.default_rng(len(said))
        free = isinstance(states.dims[1], str)
        size = PADDING if free else min(PADDING, said.shape[1] - 1)
        real = said if free else said[:, : said.shape[1] - size]

        def feed() -> Feed:
            noise = rng.standard_normal((*said.shape[:1], size, *said.shape[2:])).astype(said.dtype)
            kept = np.arange(real.shape[1] + size) < real.shape[1]
            mask = masked(heard, np.broadcast_to(kept, (len(said), kept.size)))
            return {**usual, states.name: np.concatenate([real, noise], 1), heard.name: mask}

        base = usual if free else feed()
        sizes = (real.shape[1], size)
        return self._compared(base, [feed(), feed()], Side.ENCODER, heard.name, sizes)

    def _run(self, *feeds: Feed) -> list[Outputs]:
        return self._asked.run_all(*((feed, "with padding") for feed in feeds))
