"""What a layer makes of the samples, as points in a plane."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Group:
    """Samples of one colour: of a class, or of a range of numbers."""

    name: str
    count: int


@dataclass(frozen=True)
class Plane:
    """A point for each sample; `explained` are the shares of the variance along both axes.

    `facts` tell how it was made.
    """

    title: str
    points: tuple[tuple[float, float], ...]
    samples: tuple[int, ...]
    explained: tuple[float, float] | None = None
    facts: tuple[str, ...] = ()


@dataclass(frozen=True)
class Representations:
    """Planes of one layer's output. `colours` gives the group of each sample.

    `names` are those of the samples' files, in the order of the first plane's points, as colours are; `by` says what the groups are, empty where all samples
    are of one colour. `how` says what a sample's numbers are. `not_made` says why there is no t-SNE.
    """

    layer: str
    how: str
    samples: int
    features: int
    planes: tuple[Plane, ...]
    by: str = ""
    groups: tuple[Group, ...] = ()
    colours: tuple[int, ...] = ()
    names: tuple[str, ...] = ()
    not_made: str = ""
    synthetic: bool = True
