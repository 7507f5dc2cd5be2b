"""Numbers as they are drawn: histograms, and what one sample holds."""

from __future__ import annotations

from msgspec import Struct


class Histogram(Struct, frozen=True):
    """Counts in equally wide bins from `low` to `high`; `whole`: of each whole number between."""

    low: float
    high: float
    counts: tuple[int, ...]
    whole: bool = False


class Shown(Struct, frozen=True):
    """What one sample has of one input, as a `kind` that tells how it is shown.

    `image` has a PNG in base64, of `height` and `width` elements in the input; `row` has names and
    `texts`, `tokens` and `text` have `texts`, `series` has points. `left_out` counts what is not
    shown.
    """

    input: str
    kind: str
    png: str = ""
    height: int = 0
    width: int = 0
    names: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()
    points: tuple[float, ...] = ()
    left_out: int = 0


class Sample(Struct, frozen=True):
    """One sample by its number from 0, and its file where it has one."""

    number: int
    name: str = ""
    inputs: tuple[Shown, ...] = ()
