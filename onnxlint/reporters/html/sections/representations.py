"""The section of a layer's output as points, one a sample."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

from msgspec import Struct

from onnxlint.portrait.representations import Group, Plane, Representations
from onnxlint.report import ModelReport
from onnxlint.reporters.html.sections.figures import Dot, dot, percent, short, spans


class Layer(Struct, frozen=True):
    """The points of one group, drawn with one colour."""

    group: Group
    number: int
    dots: Sequence[Dot]
    centre: tuple[float, float] | None

    @property
    def is_square(self) -> bool:
        """Whether its points are squares, so that ten groups need not be told by colour alone."""
        return self.number >= 5

    @property
    def cells(self) -> list[str]:
        """Its size on this plane, and where its middle lies."""
        middle = (None, None) if self.centre is None else self.centre
        return [f"{len(self.dots):,}", *map(short, middle)]


class Drawing(Struct, frozen=True, dict=True):
    """A plane, drawn."""

    plane: Plane
    part: Representations

    @cached_property
    def layers(self) -> list[Layer]:
        """Its points by group."""
        part, plane = self.part, self.plane
        axes = spans(plane.points)
        group_of = dict(zip(part.planes[0].samples, part.colours, strict=False))
        name_of = dict(zip(part.planes[0].samples, part.names, strict=False))
        groups = part.groups or (Group("samples", part.samples),)
        points: dict[int, list[tuple[float, float]]] = {at: [] for at in range(len(groups))}
        dots: dict[int, list[Dot]] = {at: [] for at in range(len(groups))}
        for point, sample in zip(plane.points, plane.samples, strict=True):
            at = group_of.get(sample, 0)
            told = f"{sample}: {name_of[sample]}" if sample in name_of else f"{sample}"
            points[at].append(point)
            dots[at].append(
                dot(point, axes, f"{told} ({groups[at].name})" if part.groups else told)
            )
        return [Layer(group, at, dots[at], _centre(points[at])) for at, group in enumerate(groups)]

    @property
    def caption(self) -> list[str]:
        """What both axes are."""
        across, up = (each.text for each in spans(self.plane.points))
        if self.plane.explained is None:
            return ["Only neighbourhoods mean anything: distances, sizes and directions do not.",
                    f"Made with {', '.join(self.plane.facts)}."]  # fmt: skip
        first, second = self.plane.explained
        return [
            f"Across: component 1, {percent(first)} of the variance ({across}). Up: component 2, "
            f"{percent(second)} ({up}). Together {percent(first + second)}.",
        ]

    @property
    def text(self) -> str:
        """The same in words."""
        groups = ", ".join(f"{each.group.name} ({len(each.dots):,})" for each in self.layers)
        told = f", by {self.part.by}: {groups}" if self.part.by else ""
        return f"{self.plane.title} of {len(self.plane.points):,} samples{told}"


def _centre(points: Sequence[tuple[float, float]]) -> tuple[float, float] | None:
    if not points:
        return None
    return sum(x for x, _ in points) / len(points), sum(y for _, y in points) / len(points)


class View(Struct, frozen=True, dict=True):
    """What the template reads."""

    part: Representations
    report: ModelReport

    @cached_property
    def drawings(self) -> list[Drawing]:
        """All planes."""
        return [Drawing(each, self.part) for each in self.part.planes]

    @property
    def about(self) -> str:
        """What the points are."""
        part = self.part
        kind = "synthetic samples" if part.synthetic else "samples"
        by = f", coloured by {part.by}" if part.by else ""
        return f"{part.samples:,} {kind} of {part.features:,} numbers ({part.how}){by}."
