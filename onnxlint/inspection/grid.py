"""Columns of text beside each other, made as narrow as the terminal is."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property

from msgspec import Struct

from onnxlint.inspection.fitting import cut, width_of

GAP = "  "

Cutter = Callable[[Sequence[str], int], Mapping[str, str]]
"""Makes texts narrower, to so many columns of the terminal at most."""


def cut_each(texts: Sequence[str], width: int) -> Mapping[str, str]:
    """Each text without its middle."""
    return {text: cut(text, width) for text in texts}


class Cells(Struct, frozen=True, dict=True):
    """The texts of one column, its heading first.

    `least` is the width below which it is not cut, None where it is not cut at all.
    """

    texts: Sequence[str]
    least: int | None = None
    cutter: Cutter = cut_each
    is_right: bool = False

    @cached_property
    def full_width(self) -> int:
        """The width without a cut."""
        return max(map(width_of, set(self.texts)), default=0)

    @property
    def least_width(self) -> int:
        """The width at most cuts; the heading stays whole."""
        if self.least is None:
            return self.full_width
        return min(self.full_width, max(self.least, width_of(self.texts[0])))


def least_width(columns: Sequence[Cells]) -> int:
    """Columns of the terminal that they need."""
    return sum(each.least_width for each in columns) + len(GAP) * (len(columns) - 1)


def rows(columns: Sequence[Cells], width: int | None) -> Iterator[str]:
    """The lines, in so many columns of the terminal where there is a width."""
    widths = [each.full_width for each in columns]
    if width is not None:
        widths = _shrunk(columns, widths, width - len(GAP) * (len(columns) - 1))
    cut_texts = [
        each.cutter(each.texts, wide) if wide < each.full_width else {}
        for each, wide in zip(columns, widths, strict=True)
    ]
    for row in zip(*(each.texts for each in columns), strict=True):
        cells = (
            _padded(cuts.get(text, text), wide, is_right=each.is_right)
            for text, cuts, wide, each in zip(row, cut_texts, widths, columns, strict=True)
        )
        yield GAP.join(cells).rstrip()


def _shrunk(columns: Sequence[Cells], widths: list[int], space: int) -> list[int]:
    """The widths with which they fit: what there is beyond the least goes where most is cut."""
    shrunk = [each.least_width for each in columns]
    if sum(shrunk) > space:  # a terminal for nothing
        shrunk = [wide if each.least is None else 1
                  for wide, each in zip(shrunk, columns, strict=True)]  # fmt: skip
    for _ in range(space - sum(shrunk)):
        cut_columns = [place for place, wide in enumerate(shrunk) if wide < widths[place]]
        if not cut_columns:
            break
        shrunk[min(cut_columns, key=lambda place: shrunk[place] / widths[place])] += 1
    return shrunk


def _padded(text: str, width: int, *, is_right: bool) -> str:
    space = " " * (width - width_of(text))
    return space + text if is_right else text + space
