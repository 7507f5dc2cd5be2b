"""Synthetic feeds: made when they are asked for, so that many of them take no memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, overload

if TYPE_CHECKING:
    from onnxlint.types import Array

KEPT_FEEDS_BYTES = 16 * 1024 * 1024
"""Synthetic feeds up to this size together are kept; others are made again when they are asked for:
1,000 pictures of 224 x 224 would take 600 MB."""


class Feeds(Sequence["dict[str, Array]"]):
    """Feeds that are made when they are asked for, the same every time."""

    def __init__(self, count: int, make: Callable[[int], dict[str, Array]]) -> None:
        self._count, self._make = count, make
        self._kept: dict[int, dict[str, Array]] = {}
        self._room = KEPT_FEEDS_BYTES

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, index: int) -> dict[str, Array]: ...
    @overload
    def __getitem__(self, index: slice) -> list[dict[str, Array]]: ...
    def __getitem__(self, index: int | slice) -> dict[str, Array] | list[dict[str, Array]]:
        runs = range(self._count)[index]
        return [self._feed(run) for run in runs] if isinstance(runs, range) else self._feed(runs)

    def _feed(self, run: int) -> dict[str, Array]:
        if run in self._kept:
            return self._kept[run]
        feed = self._make(run)
        size = sum(array.nbytes for array in feed.values())
        if size <= self._room:
            self._kept[run] = feed
            self._room -= size
        return feed
