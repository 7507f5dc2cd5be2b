"""What a model was fed: its features beside what is declared, and the first samples."""

from __future__ import annotations

from msgspec import Struct

from onnxlint.portrait.numbers import Histogram, Sample


class Feature(Struct, frozen=True):
    """The numbers of one feature, over `count` finite ones; None where there are none.

    `quantiles` are those of 5, 25, 50, 75 and 95%. `declared` is the range that is promised, and
    `outside` counts what lies beyond it.
    """

    name: str
    count: int
    nan: int
    infinite: int
    constant: bool
    minimum: float | None = None
    maximum: float | None = None
    mean: float | None = None
    deviation: float | None = None
    quantiles: tuple[float, ...] = ()
    histogram: Histogram | None = None
    declared: tuple[float | None, float | None] | None = None
    outside: int = 0


class Texts(Struct, frozen=True):
    """The most frequent texts of an input."""

    count: int
    distinct: int
    empty: int
    most: tuple[tuple[str, int], ...]


class Fed(Struct, frozen=True):
    """One input and what was fed to it.

    `by` says what a feature is: column, channel, or the whole input. `features` are the first of
    `of_features`, those outside their ranges before others. `expects` are sentences on what is
    declared of the input and what the graph does with it first. `is_subset`: histograms and
    quantiles are of a regular subset of the numbers.
    """

    name: str
    type: str
    by: str
    features: tuple[Feature, ...] = ()
    of_features: int = 0
    overall: Feature | None = None
    texts: Texts | None = None
    expects: tuple[str, ...] = ()
    is_subset: bool = False


class Samples(Struct, frozen=True):
    """The inputs, and the first samples; `looked_at` were measured, `run` were run."""

    source: str
    synthetic: bool
    looked_at: int
    run: int
    inputs: tuple[Fed, ...]
    first: tuple[Sample, ...] = ()
    ranges: tuple[tuple[str, float, float], ...] = ()
    """Of inputs that are shown as images, the values that are shown as black and as white."""
