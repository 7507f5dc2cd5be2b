"""A chart over the depth of a model: the scale of activations, and gradients."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from msgspec import Struct

from onnxlint.portrait.layers import Layer
from onnxlint.reporters.html.sections.amounts import figure, superscript

WIDTH, LEFT, RIGHT = 1000, 60, 10
HEIGHT, BETWEEN = 150, 34
"""Of one panel and of what is between two, in the units of the SVG."""

MOST_POINTS = 400
"""Layers with a point to click on; a choice, of more they would cover each other."""

MOST_TICKS, MOST_NUMBERS = 6, 12
"""Labels of the axes: a choice, of more they would touch."""

BEYOND = 6
"""Decades that an axis goes on at most beyond the middle two thirds of what it shows: the scores
that attention masks, of -3e38, would flatten all others. What lies further is drawn at its end."""


class Point(Struct, frozen=True):
    """A layer in a panel."""

    layer: int
    x: float
    y: float
    title: str


class Panel(Struct, frozen=True):
    """One chart: a line, a band around it, and what its axis is labelled with."""

    title: str
    top: int
    line: str
    band: str
    points: Sequence[Point]
    ticks: Sequence[tuple[float, str]]


class Chart(Struct, frozen=True):
    """Panels above each other, with one axis of depth; `label` says what is to be seen."""

    panels: Sequence[Panel]
    numbers: Sequence[tuple[float, str]]
    height: int
    label: str


class _Mark(Struct, frozen=True):
    """A magnitude at a layer, with the ends of a band where there are any."""

    at: int
    layer: Layer
    value: float
    title: str
    low: float | None = None
    high: float | None = None


def chart(layers: Sequence[Layer]) -> Chart | None:
    """The chart; None where nothing was measured of two layers."""
    scale = (
        "Activations: RMS, and percentiles 1 to 99 of magnitudes other than 0",
        [*_scales(layers)],
    )
    gradients = ("Gradient at the layer, for one of length 1 at the output", [*_gradients(layers)])
    given = [(title, marks) for title, marks in (scale, gradients) if len(marks) > 1]
    if not given:
        return None
    panels = [
        _panel(title, marks, at * (HEIGHT + BETWEEN) + BETWEEN, len(layers))
        for at, (title, marks) in enumerate(given)
    ]
    step = max(1, -(-len(layers) // MOST_NUMBERS))
    numbers = [(_x(at, len(layers)), f"#{layers[at].number}") for at in range(0, len(layers), step)]
    height = len(panels) * (HEIGHT + BETWEEN) + BETWEEN
    return Chart(panels, numbers, height, "; ".join(_told(*each) for each in given))


def _scales(layers: Sequence[Layer]) -> Iterator[_Mark]:
    for at, layer in enumerate(layers):
        seen = layer.seen
        if seen is None or not seen.rms:
            continue
        band = ""
        if seen.low is not None and seen.high is not None:
            band = f", percentiles 1 to 99: {figure(seen.low)} to {figure(seen.high)}"
        title = f"{_named(layer)}: RMS {figure(seen.rms)}{band}"
        yield _Mark(at, layer, seen.rms, title, seen.low, seen.high)


def _gradients(layers: Sequence[Layer]) -> Iterator[_Mark]:
    for at, layer in enumerate(layers):
        if layer.gradient:
            gain = "" if layer.gain is None else f", gain {figure(layer.gain)}"
            title = f"{_named(layer)}: gradient {figure(layer.gradient)}{gain}"
            yield _Mark(at, layer, layer.gradient, title)


def _named(layer: Layer) -> str:
    return f"#{layer.number} {layer.op} {layer.title}"


def _told(title: str, marks: Sequence[_Mark]) -> str:
    least, most = (choose(marks, key=lambda mark: mark.value) for choose in (min, max))
    return (f"{title}: from {figure(least.value)} at #{least.layer.number} "
            f"to {figure(most.value)} at #{most.layer.number}")  # fmt: skip


def _x(at: int, count: int) -> float:
    return round(LEFT + (at + 0.5) * (WIDTH - LEFT - RIGHT) / count, 1)


class _Axis:
    """Magnitudes, by their logarithm, on the height of a panel."""

    def __init__(self, magnitudes: Iterable[float], top: int) -> None:
        logs = sorted(map(math.log10, magnitudes))
        cut = len(logs) // 6
        low, high = logs[cut], logs[-1 - cut]
        self._first = math.floor(max(logs[0], low - BEYOND))
        self._last = max(math.ceil(min(logs[-1], high + BEYOND)), self._first + 1)
        self._top = top

    def y(self, magnitude: float) -> float:
        """Where it is drawn."""
        log = math.log10(magnitude) if magnitude > 0 else self._first
        return round(self._at(min(max(log, self._first), self._last)), 1)

    def _at(self, log: float) -> float:
        return self._top + HEIGHT * (self._last - log) / (self._last - self._first)

    @property
    def ticks(self) -> list[tuple[float, str]]:
        """Powers of ten."""
        step = max(1, -(-(self._last - self._first) // MOST_TICKS))
        return [(round(self._at(power), 1), _power(power))
                for power in range(self._first, self._last + 1, step)]  # fmt: skip


def _power(power: int) -> str:
    return f"{10.0**power:g}" if -3 <= power <= 3 else f"10{superscript(power)}"


def _panel(title: str, marks: Sequence[_Mark], top: int, count: int) -> Panel:
    bands = [end for mark in marks for end in (mark.low, mark.high) if end]
    axis = _Axis([*bands, *(mark.value for mark in marks)], top)
    step = max(1, -(-len(marks) // MOST_POINTS))
    points = [Point(mark.layer.number, _x(mark.at, count), axis.y(mark.value), mark.title)
              for mark in marks]  # fmt: skip
    line = "L".join(f"{point.x:g} {point.y:g}" for point in points)
    return Panel(title, top, f"M{line}", _band(marks, axis, count), points[::step], axis.ticks)


def _band(marks: Sequence[_Mark], axis: _Axis, count: int) -> str:
    """The area between the ends, a piece for each stretch of layers that have them."""
    pieces = []
    for has_ends, group in groupby(marks, key=lambda mark: bool(mark.low and mark.high)):
        if has_ends:
            held = [*group]
            over = [f"{_x(m.at, count):g} {axis.y(m.high or 0):g}" for m in held]
            under = [f"{_x(m.at, count):g} {axis.y(m.low or 0):g}" for m in reversed(held)]
            pieces.append(f"M{'L'.join([*over, *under])}z")
    return "".join(pieces)
