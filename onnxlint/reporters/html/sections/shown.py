"""One sample of an input, as the templates read it."""

from __future__ import annotations

from msgspec import Struct

from onnxlint.portrait.numbers import Sample, Shown
from onnxlint.reporters.html.sections.figures import line, short

LONGER_SIDE = 96
"""Pixels on the page."""


class Item(Struct, frozen=True):
    """What one sample has of one input."""

    shown: Shown
    sample: str

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of its picture on the page."""
        longest = max(self.shown.width, self.shown.height, 1)
        sides = (self.shown.width, self.shown.height)
        width, height = (max(1, round(side / longest * LONGER_SIDE)) for side in sides)
        return width, height

    @property
    def text(self) -> str:
        """What its picture is, in words."""
        seen = self.shown
        if seen.kind == "series":
            ends = f"{short(min(seen.points))} to {short(max(seen.points))}"
            return f"{self.sample}, {seen.input}: {seen.width:,} values, {ends}"
        return f"{self.sample}, {seen.input}: {seen.width:,} by {seen.height:,} pixels"

    @property
    def cells(self) -> list[tuple[str, str]]:
        """The numbers of a row, each with its name."""
        return [*zip(self.shown.names, self.shown.texts, strict=True)]

    @property
    def line(self) -> str:
        """The course of a series."""
        return line(self.shown.points)


class Card(Struct, frozen=True):
    """A sample; `told` has title and text of what is said of it."""

    title: str
    items: list[Item]
    told: list[tuple[str, str]]


def card(sample: Sample, told: tuple[tuple[str, str], ...] = ()) -> Card:
    """A sample with what it has of each input."""
    title = f"Sample {sample.number:,}" + (f" ({sample.name})" if sample.name else "")
    return Card(title, [Item(each, title) for each in sample.inputs], [*told])
