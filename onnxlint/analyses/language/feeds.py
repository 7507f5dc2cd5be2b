"""Feeds of a language model: tokens, what is cached of those before, and what is padding."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from onnxlint.analyses.language.caches import Cache
from onnxlint.analyses.language.interface import Interface

if TYPE_CHECKING:
    from onnxlint.runtime.feeds.synthesis import Slot
    from onnxlint.types import Array, Feed


MOST_IDS = 1 << 16
"""So many ids are drawn from: a choice, far more than are fed."""

STRIDE = 3
"""So many sequences further on in the user's tokens begin those of another turn."""


class Feeder:
    """Makes feeds of the tokens of some samples; what else is fed is that of a feed that runs.

    `given`: that feed is the user's, and tokens are taken from it, else drawn.
    """

    def __init__(
        self, interface: Interface, slots: Sequence[Slot], base: Feed, seed: int, *, given: bool
    ) -> None:  # fmt: skip
        from onnxlint.runtime.feeds.synthesis import batch_axes

        self.interface, self._slots, self._base, self._seed = interface, slots, base, seed
        self._axes = batch_axes([*slots])
        self._pool = self._real() if given else None

    def _real(self) -> Array | None:
        """The user's tokens in their order, without padding; None where all are the same."""
        known, tokens = self.interface, self._base[self.interface.tokens.name]
        pool = tokens.reshape(-1, *tokens.shape[2:])
        if known.mask is not None:
            mask = self._base[known.mask.name]
            if mask.shape == tokens.shape[:2] and masked_in(known.mask, mask).any():
                pool = tokens[masked_in(known.mask, mask)]
        return pool if len(pool) > 1 and bool((pool != pool[:1]).any()) else None

    def tokens(self, samples: int, steps: int, turn: int = 0) -> Array:
        """Valid tokens; of ids or vectors, others in every turn."""
        import numpy as np

        from onnxlint.runtime.feeds.input_slots import Meaning

        slot = self.interface.tokens
        if self._pool is not None:
            at = (np.arange(samples * steps) + turn * (STRIDE * steps + 1)) % len(self._pool)
            return self._pool[at].reshape(samples, steps, *self._pool.shape[1:])
        rng = np.random.default_rng([self._seed, turn])
        if slot.meaning is not Meaning.INDEX and "float" in slot.dtype:
            shape = (samples, steps, self.interface.width or 1)
            return rng.standard_normal(shape).astype(slot.dtype)
        low, high = slot.lowest, max(slot.lowest, slot.bound - 1)
        left_out = [0, *self.interface.special]  # padding, and ends
        usual = np.arange(low, min(high, low + MOST_IDS) + 1)
        usual = usual[~np.isin(usual, left_out)]
        usual = usual if len(usual) > 1 else np.arange(low, high + 1)
        return rng.choice(usual, (samples, steps)).astype(slot.dtype)

    def feed(
        self, tokens: Array, *, states: Mapping[str, Array] | None = None, length: int = 0,
        kept: Array | None = None, places: Array | None = None, rows: Sequence[int] = (),
    ) -> Feed:  # fmt: skip
        """What a run gets for some tokens.

        `states` are the caches, of `length` tokens; none are empty ones. `kept` is false for
        padding, of past and present; `places` the positions of the tokens, which else are counted
        without padding. `rows` are the samples of what is fed beside.
        """
        import numpy as np

        batch, steps = tokens.shape[:2]
        if kept is None:
            kept = np.ones((batch, length + steps), bool)
        if places is None:
            places = np.maximum(kept.cumsum(1)[:, -steps:] - 1, 0)
        rows = rows or range(batch)
        feed = {slot.name: self._beside(slot, rows, steps, length) for slot in self._slots}
        feed[self.interface.tokens.name] = tokens
        return feed | self._about(kept, places, steps) | self._cached(states or {}, batch, length)

    def _about(self, kept: Array, places: Array, steps: int) -> Feed:
        """Masks, positions, kinds, and what chooses between the branches of a decoder."""
        import numpy as np

        known = self.interface
        made: Feed = {}
        if known.mask is not None:
            made[known.mask.name] = self._mask(known.mask, kept, steps)
        if known.positions is not None:
            made[known.positions.name] = _placed(known.positions, places)
        if known.kinds is not None:
            made[known.kinds.name] = np.zeros(places.shape, known.kinds.dtype)
        if known.branch is not None:
            has_past = kept.shape[1] > steps
            shape = [dim if isinstance(dim, int) else 1 for dim in known.branch.dims]
            made[known.branch.name] = np.full(shape, has_past, known.branch.dtype)
        if known.kept is not None:
            made[known.kept.name] = np.zeros_like(self._base[known.kept.name])
        if known.heard is not None and known.states is not None:
            size = self._base[known.states.name].shape[1]
            heard = np.ones((len(kept), size), bool)
            made[known.heard.name] = masked(known.heard, heard)
        return made

    def _mask(self, slot: Slot, kept: Array, steps: int) -> Array:
        import numpy as np

        last = slot.dims[-1]
        if last == self.interface.tokens.dims[1] and isinstance(last, str):
            kept = kept[:, -steps:]
        elif isinstance(last, int) and last > kept.shape[1]:
            kept = np.pad(kept, ((0, 0), (0, last - kept.shape[1])))
        return masked(slot, kept)

    def _cached(self, states: Mapping[str, Array], batch: int, length: int) -> Feed:
        import numpy as np

        made: Feed = {}
        for cache in self.interface.caches:
            name = cache.slot.name
            if name in states:
                made[name] = states[name]
            elif cache.present is not None:
                shape = self._shape(cache, batch, length)
                made[name] = np.zeros(shape, cache.slot.dtype)
        return made

    def _shape(self, cache: Cache, batch: int, length: int) -> list[int]:
        """A cache of a length; of an encoder's keys, as long as what is fed of it."""
        shape = [
            dim if isinstance(dim, int) else self._base[cache.slot.name].shape[axis]
            for axis, dim in enumerate(cache.slot.dims)
        ]
        if isinstance(cache.slot.dims[cache.batch], str):
            shape[cache.batch] = batch
        if cache.time is not None and isinstance(cache.slot.dims[cache.time], str):
            shape[cache.time] = length
        return shape

    def noise(self, batch: int, length: int) -> dict[str, Array]:
        """Caches of random numbers, as if there had been tokens."""
        import numpy as np

        rng = np.random.default_rng([self._seed, 1 << 20])
        return {
            cache.slot.name: rng.standard_normal(self._shape(cache, batch, length))
            .astype(cache.slot.dtype)
            for cache in self.interface.caches
        }  # fmt: skip

    def _beside(self, slot: Slot, rows: Sequence[int], steps: int, length: int) -> Array:
        """What is fed beside: that of other samples, or lengths that follow."""
        import numpy as np

        array, axis = self._base[slot.name], self._axes[slot.name]
        if axis is None and slot in (self.interface.states, self.interface.heard):
            axis = 0
        if slot.exact is not None:
            shape = [len(rows) if at == axis else size for at, size in enumerate(array.shape)]
            return np.full(shape, steps + length + slot.exact[1], array.dtype)
        if axis is None or (isinstance(slot.dims[axis], int) and slot.dims[axis] != len(rows)):
            return array
        return array.take([row % array.shape[axis] for row in rows], axis)


def masked(slot: Slot, kept: Array) -> Array:
    """A mask in the numbers of an input: 1 for what is kept, of those named after padding 0.

    One of floats that nothing is subtracted from is added to the scores.
    """
    import numpy as np

    from onnxlint.runtime.feeds.input_slots import Meaning

    if "float" in slot.dtype and slot.meaning is not Meaning.MASK:
        return np.where(kept, 0, np.finfo(slot.dtype).min).astype(slot.dtype)
    if "pad" in slot.name.lower():
        kept = ~kept
    return kept.astype(slot.dtype)


def masked_in(slot: Slot, mask: Array) -> Array:
    """Where a mask keeps something, the reverse of `masked`."""
    one = masked(slot, mask[:1].astype(bool) | True)
    found: Array = mask == one.reshape(-1)[0]
    return found


def _placed(slot: Slot, places: Array) -> Array:
    """Positions in the shape of an input: a row a sample, one for all, or for each of some axes."""
    import numpy as np

    rank = len(slot.dims)
    if rank == 1:
        places = places[0]
    elif rank == 3 and isinstance(slot.dims[0], int):
        places = np.broadcast_to(places, (slot.dims[0], *places.shape))
    elif rank == 2 and slot.dims[0] == 1:
        places = places[:1]
    return np.ascontiguousarray(places, slot.dtype)
