"""One weight at two checkpoints: how large it is, and how far and where to it moved."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from onnxlint.types import Array

AT_ONCE = 1 << 20
"""Elements that are compared at once, in float64."""

DIRECTION = 512
"""Elements of a change that are kept, to compare its direction with the next one's: a choice; the
cosine of two random directions then has a standard deviation of 0.04."""

TINY = 1e-5
"""Magnitude below which a weight is as good as dead (TheDeepChecker)."""


class Sizes(Struct, frozen=True):
    """Mean magnitude, RMS, and the share of elements that are tiny without being 0.

    None where an element is not finite.
    """

    mean: float | None
    rms: float | None
    tiny: float | None


class Move(Struct, frozen=True):
    """The way from one checkpoint to the next.

    `update` is mean|Δw| / mean|w| of before, `changed` the share of elements that differ at all,
    `direction` the change of elements at fixed places.
    """

    before: Sizes
    after: Sizes
    update: float | None
    changed: float
    direction: tuple[float, ...]


def moved(before: Array, after: Array) -> Move:
    """Compares two tensors of one shape."""
    import numpy as np

    one, other = before.reshape(-1), after.reshape(-1)
    total = changed = 0.0
    for old, new in _pieces(one, other):
        total += float(np.abs(new - old).sum())
        changed += float((new != old).sum())
    sizes = _sizes(one), _sizes(other)
    mean, count = sizes[0].mean, max(1, one.size)
    known = mean and np.isfinite(total)
    return Move(*sizes, total / count / mean if known and mean else None, changed / count,
                _direction(one, other))  # fmt: skip


def _pieces(one: Array, other: Array) -> Iterator[tuple[Array, Array]]:
    import numpy as np

    for start in range(0, one.size, AT_ONCE):
        piece = slice(start, start + AT_ONCE)
        yield one[piece].astype(np.float64), other[piece].astype(np.float64)


def _sizes(array: Array) -> Sizes:
    import numpy as np

    total = squares = tiny = 0.0
    for piece, _ in _pieces(array, array):
        magnitudes = np.abs(piece)
        total += float(magnitudes.sum())
        squares += float(np.square(magnitudes).sum())
        tiny += float(((magnitudes < TINY) & (magnitudes > 0)).sum())
    count = max(1, array.size)
    if not np.isfinite(squares):
        return Sizes(None, None, None)
    return Sizes(total / count, float((squares / count) ** 0.5), tiny / count)


def _direction(one: Array, other: Array) -> tuple[float, ...]:
    import numpy as np

    places = np.unique(np.linspace(0, one.size - 1, min(DIRECTION, one.size)).astype(np.int64))
    change = other[places].astype(np.float64) - one[places].astype(np.float64)
    return tuple(change.tolist()) if np.isfinite(change).all() else ()


def cosine(one: tuple[float, ...], other: tuple[float, ...]) -> float | None:
    """The cosine between two changes; None where one of them is none."""
    import numpy as np

    if len(one) != len(other) or not one:
        return None
    lengths = float(np.linalg.norm(one) * np.linalg.norm(other))
    return float(np.dot(one, other) / lengths) if lengths else None
