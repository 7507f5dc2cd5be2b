"""The geometry of small pictures: histograms, lines, and points in a plane."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from msgspec import Struct

from onnxlint.portrait.numbers import Histogram

BARS_WIDTH, BARS_HEIGHT = 240, 56
PLOT_SIDE = 400
"""Of a plane of points, in units of the picture, whatever its size on the page."""

MARGIN = 12


class Bars(Struct, frozen=True):
    """A histogram as one path; `limits` are lines where a declared range ends.

    `text` says the same in words.
    """

    path: str
    low: str
    high: str
    text: str
    limits: str = ""


class Dot(Struct, frozen=True):
    """A point of a plane, and what it stands for."""

    x: str
    y: str
    text: str


class Span(Struct, frozen=True):
    """An axis: the numbers at both of its ends."""

    low: float
    high: float

    def at(self, value: float, size: float) -> float:
        """Where a number stands on an axis of this length."""
        width = self.high - self.low
        return (value - self.low) / width * size if width else size / 2

    @property
    def text(self) -> str:
        """Both ends."""
        return f"{short(self.low)} to {short(self.high)}"


def short(value: float | int | None) -> str:
    """A number in four digits; whole ones in full."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "–"  # noqa: RUF001 - as tables show what there is not
    return f"{value:,}" if isinstance(value, int) else f"{value:.4g}"


def percent(share: float | None) -> str:
    """A share of 1."""
    return "–" if share is None else f"{share:.1%}"  # noqa: RUF001


def bars(seen: Histogram, what: str, limits: Iterable[float | None] = ()) -> Bars:
    """A histogram; counts that are not 0 can be seen."""
    top, count = max(seen.counts), sum(seen.counts)
    width = BARS_WIDTH / len(seen.counts)
    parts = []
    for at, each in enumerate(seen.counts):
        if each:
            height = max(1.0, each / top * BARS_HEIGHT)
            left, right = at * width + 0.3, (at + 1) * width - 0.3
            parts.append(f"M{left:.4g} {BARS_HEIGHT}V{BARS_HEIGHT - height:.4g}H{right:.4g}V"
                         f"{BARS_HEIGHT}Z")  # fmt: skip
    text = f"Histogram of {count:,} {what} from {short(seen.low)} to {short(seen.high)}; most, "
    half = 0.5 if seen.whole else 0.0  # a bin of a whole number has it in its middle
    span = Span(seen.low - half, seen.high + half)
    inside = (each for each in limits if each is not None and span.low <= each <= span.high)
    lines = "".join(f"M{span.at(each, BARS_WIDTH):.4g} 0V{BARS_HEIGHT}" for each in inside)
    path = "".join(parts)
    return Bars(path, short(seen.low), short(seen.high), text + _peak(seen, top), lines)


def _peak(seen: Histogram, top: int) -> str:
    """Where most numbers lie."""
    at = seen.counts.index(top)
    if seen.whole:
        return f"{top:,}, are {short(seen.low + at)}"
    step = (seen.high - seen.low) / len(seen.counts)
    low, high = seen.low + at * step, seen.low + (at + 1) * step
    return f"{top:,}, lie between {short(low)} and {short(high)}"


def line(points: Sequence[float]) -> str:
    """The course of a series, as the points of a polyline."""
    span = Span(min(points), max(points))
    step = BARS_WIDTH / max(1, len(points) - 1)
    return " ".join(f"{at * step:.4g},{BARS_HEIGHT - span.at(each, BARS_HEIGHT):.4g}"
                    for at, each in enumerate(points))  # fmt: skip


def spans(points: Sequence[tuple[float, float]], *, same: bool = False) -> tuple[Span, Span]:
    """Both axes of a plane; with `same` one holds for both."""
    across, up = [x for x, _ in points], [y for _, y in points]
    if same:
        both = Span(min(across + up), max(across + up))
        return both, both
    return Span(min(across), max(across)), Span(min(up), max(up))


def dot(point: tuple[float, float], axes: tuple[Span, Span], text: str) -> Dot:
    """A point in its place; the second axis leads upwards."""
    room = PLOT_SIDE - 2 * MARGIN
    x = MARGIN + axes[0].at(point[0], room)
    y = PLOT_SIDE - MARGIN - axes[1].at(point[1], room)
    return Dot(f"{x:.4g}", f"{y:.4g}", text)
