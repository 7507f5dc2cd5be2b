"""What a layer makes of the samples, as points in a plane."""

from __future__ import annotations

from msgspec import Struct


class Group(Struct, frozen=True):
    """Samples of one colour: of a class, or of a range of numbers."""

    name: str
    count: int


class Plane(Struct, frozen=True):
    """A point for each sample; `explained` are the shares of the variance along both axes.

    `facts` tell how it was made.
    """

    title: str
    points: tuple[tuple[float, float], ...]
    samples: tuple[int, ...]
    explained: tuple[float, float] | None = None
    facts: tuple[str, ...] = ()


class Representations(Struct, frozen=True):
    """Planes of one layer's output, a value that `reader` reads where nobody named a layer.

    `colours` gives the group of each sample and `names` its file, both in the order of the first
    plane's points; `by` says what groups are, empty where all samples are of one colour. `how` says
    what a sample's numbers are, `not_made` why there is no t-SNE.
    """

    layer: str
    how: str
    samples: int
    features: int
    planes: tuple[Plane, ...]
    reader: str = ""
    by: str = ""
    groups: tuple[Group, ...] = ()
    colours: tuple[int, ...] = ()
    names: tuple[str, ...] = ()
    not_made: str = ""
    synthetic: bool = True
