"""The section of the data: features beside what is declared, and the first samples."""

from __future__ import annotations

from msgspec import Struct

from onnxlint.portrait.samples import Feature, Fed, Samples
from onnxlint.report import ModelReport
from onnxlint.reporters.html.sections.figures import Bars, bars, short
from onnxlint.reporters.html.sections.shown import Card, card
from onnxlint.reporters.summary import counted

_BY = {"all": "Values", "channel": "Channel", "feature": "Feature"}


class Row(Struct, frozen=True):
    """A feature with its histogram."""

    feature: Feature
    name: str

    @property
    def bars(self) -> Bars | None:
        """Its histogram, with lines where the declared range ends."""
        seen = self.feature.histogram
        return None if seen is None else bars(seen, "values", self.feature.declared or ())

    @property
    def cells(self) -> list[str]:
        """Numbers: extrema, quantiles, moments."""
        seen = self.feature
        quantiles = seen.quantiles or (None,) * 5
        return [*map(short, (seen.minimum, *quantiles, seen.maximum, seen.mean, seen.deviation))]

    @property
    def declared(self) -> str:
        """The range that is promised."""
        low, high = self.feature.declared or (None, None)
        return "" if self.feature.declared is None else f"{short(low)} to {short(high)}"

    @property
    def remarks(self) -> list[str]:
        """What is wrong with it, or may be."""
        seen = self.feature
        told = ((seen.outside, "outside the declared range"), (seen.nan, "NaN"),
                (seen.infinite, "infinite"))  # fmt: skip
        found = [f"{count:,} {what}" for count, what in told if count]
        return [*found, *(["constant"] if seen.constant else [])]


class Input(Struct, frozen=True):
    """An input and the rows of its table."""

    fed: Fed

    @property
    def title(self) -> str:
        """What a row is."""
        return _BY.get(self.fed.by, "Feature")

    @property
    def rows(self) -> list[Row]:
        """Its features."""
        is_one = self.fed.by == "all"
        return [Row(each, "all" if is_one else each.name) for each in self.fed.features]

    @property
    def has_declared(self) -> bool:
        """Whether any feature has a range that is promised."""
        return any(each.declared is not None for each in self.fed.features)

    @property
    def left_out(self) -> int:
        """Features that are not shown."""
        return self.fed.of_features - len(self.fed.features)


class View(Struct, frozen=True):
    """What the template reads."""

    part: Samples
    report: ModelReport

    @property
    def source(self) -> str:
        """What was fed, and how much of it."""
        part = self.part
        more = f", {part.looked_at:,} measured" if part.looked_at != part.run else ""
        return f"{counted(part.run, 'sample')} run{more}: {part.source}."

    @property
    def inputs(self) -> list[Input]:
        """All inputs."""
        return [Input(each) for each in self.part.inputs]

    @property
    def cards(self) -> list[Card]:
        """The first samples."""
        return [card(each) for each in self.part.first]

    @property
    def ranges(self) -> list[str]:
        """What is black and what is white in pictures."""
        return [f"{name}: {short(low)} is black, {short(high)} is white"
                for name, low, high in self.part.ranges]  # fmt: skip
