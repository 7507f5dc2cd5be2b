"""Histograms as shapes of an SVG, with what they say in words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec import Struct

from onnxlint.portrait.layers import Activity, Powers, Weight
from onnxlint.reporters.html.sections.amounts import figure, share, superscript

WIDTH, HEIGHT = 240, 60
"""Of the bars, in the units of the SVG; its lettering stands below."""

FEWEST = 8
"""Powers of two that have room on each side of 0, though fewer were met."""

GAP = 2
"""Slots between the finite elements and those that are not."""


class Histogram(Struct, frozen=True):
    """Bars by class of style, each a path; letters below, each with its place; and words."""

    bars: Sequence[tuple[str, str]]
    letters: Sequence[tuple[float, str, str]]
    label: str


def of_activity(seen: Activity) -> Histogram | None:
    """What was observed: by sign and power of two, with 0, infinities and NaN apart."""
    if seen.powers is None and not seen.zeros + _odd(seen):
        return None
    powers = _padded(seen.powers or Powers(0, (0,), (0,)))
    slots = [*_slots(seen, powers)]
    first = sum(slot is not None and slot[0] == "odd" for slot in slots[:1]) * (1 + GAP)
    return Histogram(
        bars=[*_bars(slots)],
        letters=[*_letters_of(powers, first, len(slots))],
        label=f"Histogram by powers of two: {_told(seen)}",
    )


def of_weight(weight: Weight) -> Histogram | None:
    """A constant's elements, in bars of equal width."""
    if not weight.bins or weight.minimum is None or weight.maximum is None:
        return None
    total = sum(weight.bins)
    slots = [("above", counted / total) for counted in weight.bins]
    peak = max(range(len(slots)), key=lambda at: weight.bins[at])
    width = (weight.maximum - weight.minimum) / len(slots)
    low = weight.minimum + peak * width
    letters = [(0.0, "start", figure(weight.minimum)), (WIDTH, "end", figure(weight.maximum))]
    ends = f"from {figure(weight.minimum)} to {figure(weight.maximum)}"
    most = f"most between {figure(low)} and {figure(low + width)}"
    return Histogram(
        [*_bars(slots)], letters, f"Histogram {ends}: {most} ({share(slots[peak][1])})"
    )


def _odd(seen: Activity) -> int:
    return seen.nan + seen.positive_infinite + seen.negative_infinite


_Slot = tuple[str, float] | None


def _padded(powers: Powers) -> Powers:
    """The same with empty counts below the first, where there are few."""
    lacking = max(0, FEWEST - len(powers.positive))
    empty = (0,) * lacking
    return Powers(powers.first - lacking, empty + powers.negative, empty + powers.positive)


def _slots(seen: Activity, powers: Powers) -> Iterator[_Slot]:
    """From the lowest to the highest, each with its class and its share of all elements."""
    if seen.negative_infinite:
        yield "odd", seen.negative_infinite / seen.elements
        yield from [None] * GAP
    counted = sum(powers.negative) + sum(powers.positive)
    others = (seen.elements - _odd(seen) - seen.zeros) / seen.elements
    each = others / counted if counted else 0.0
    yield from (("below", number * each) for number in reversed(powers.negative))
    yield "zero", seen.zeros / seen.elements
    yield from (("above", number * each) for number in powers.positive)
    beyond = (seen.positive_infinite, seen.nan)
    if any(beyond):
        yield from [None] * GAP
        yield from (("odd", number / seen.elements) for number in beyond if number)


def _bars(slots: Sequence[_Slot]) -> Iterator[tuple[str, str]]:
    """A path for each class: bars that reach up from the ground, the highest all the way."""
    top = max((slot[1] for slot in slots if slot is not None), default=0.0) or 1.0
    step = WIDTH / len(slots)
    paths: dict[str, list[str]] = {}
    for at, slot in enumerate(slots):
        if slot is None or not slot[1]:
            continue
        height = max(1, round(HEIGHT * slot[1] / top))
        left, right = round(at * step, 1), round((at + 1) * step - step * 0.12, 1)
        path = f"M{left:g} {HEIGHT}V{HEIGHT - height}H{right:g}V{HEIGHT}z"
        paths.setdefault(slot[0], []).append(path)
    return ((name, "".join(path)) for name, path in paths.items())


def _letters_of(powers: Powers, first: int, slots: int) -> Iterator[tuple[float, str, str]]:
    """0 in the middle, and the powers of two at which the bars end."""
    length, step = len(powers.positive), WIDTH / slots
    yield round((first + length + 0.5) * step, 1), "middle", "0"
    end = f"2{superscript(powers.first + length)}"
    if any(powers.negative):
        yield round(first * step, 1), "start", f"-{end}"
    if any(powers.positive):
        yield round((first + 2 * length + 1) * step, 1), "end", end


def _told(seen: Activity) -> str:
    parts = {"NaN": seen.nan, "+Inf": seen.positive_infinite, "-Inf": seen.negative_infinite,
             "zero": seen.zeros}  # fmt: skip
    told = [f"{share(number / seen.elements)} {name}" for name, number in parts.items() if number]
    powers = seen.powers
    if powers is not None:
        both = [sum(pair) for pair in zip(powers.negative, powers.positive, strict=True)]
        most = powers.first + max(range(len(both)), key=both.__getitem__)
        below = sum(powers.negative) / sum(both)
        told.append(f"of the others {share(below)} negative, and most with a magnitude from "
                    f"2^{most} to 2^{most + 1}")  # fmt: skip
    return "; ".join(told)
