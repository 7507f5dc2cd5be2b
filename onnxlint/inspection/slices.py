"""Parts of arrays, as `--slice` writes them: `0,:,3`, `1:5`, `..., -1`."""

from __future__ import annotations

import re
from types import EllipsisType

Index = tuple[int | slice | EllipsisType, ...]

_INTEGER = re.compile(r"[+-]?\d{1,18}")

MOST_AXES = 64


class SliceError(Exception):
    """A text that is no part of an array; the message says why."""


def parse(text: str) -> Index:
    """Reads a list of indices, ranges and `...`, an axis each.

    Raises:
        SliceError: it is none.
    """
    parts = [part.strip() for part in text.split(",")]
    index = tuple(_part(part) for part in parts)
    if index.count(...) > 1:
        raise SliceError("'...' stands for several axes, and only once")
    if len(index) > MOST_AXES:
        raise SliceError(f"{len(index)} axes (limit {MOST_AXES})")
    return index


def _part(text: str) -> int | slice | EllipsisType:
    if text == "...":
        return ...
    ends = [_integer(end.strip()) for end in text.split(":")] if text else [None] * 4
    if len(ends) > 3 or (len(ends) == 1 and ends[0] is None):
        raise SliceError(f"{text!r} is no index; each axis has a number such as 3, a range such as "
                         "1:5 or :, or ...")  # fmt: skip
    if len(ends) == 1 and ends[0] is not None:
        return ends[0]
    if len(ends) == 3 and ends[2] == 0:
        raise SliceError(f"{text!r} has a step of 0")
    return slice(*ends)


def _integer(text: str) -> int | None:
    if text and not _INTEGER.fullmatch(text):
        raise SliceError(f"{text!r} is no whole number")
    return int(text) if text else None
