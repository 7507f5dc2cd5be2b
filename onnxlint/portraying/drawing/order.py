"""An order of steps in which data flows onwards, and modules stay together."""

from __future__ import annotations

from collections.abc import Sequence
from heapq import heappop, heappush

Path = tuple[str, ...]


def ordered(paths: Sequence[Path], edges: Sequence[tuple[int, int]]) -> list[int]:
    """The numbers of all steps, each after those that it reads; `paths` are their modules.

    After a step comes one of the same module if any can, else of the module around it; among
    these the first in the file. Steps on a cycle come last, in the order of the file.
    """
    after: list[list[int]] = [[] for _ in paths]
    awaited = [0] * len(paths)
    for source, target in edges:
        after[source].append(target)
        awaited[target] += 1
    ready = _Ready(paths)
    for step, count in enumerate(awaited):
        if not count:
            ready.add(step)
    return _made(ready, after, awaited)


def _made(ready: _Ready, after: Sequence[Sequence[int]], awaited: list[int]) -> list[int]:
    made: list[int] = []
    while (step := ready.next()) is not None:
        made.append(step)
        for follower in after[step]:
            awaited[follower] -= 1
            if not awaited[follower]:
                ready.add(follower)
    return made + [number for number, count in enumerate(awaited) if count]


class _Ready:
    """Steps that can come next, below each module that they are in."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self._paths = paths
        self._below: dict[Path, list[int]] = {}
        self._current: Path = ()
        self._taken: set[int] = set()

    def add(self, step: int) -> None:
        path = self._paths[step]
        for depth in range(len(path) + 1):
            heappush(self._below.setdefault(path[:depth], []), step)

    def next(self) -> int | None:
        for depth in range(len(self._current), -1, -1):
            below = self._below.get(self._current[:depth], [])
            while below and below[0] in self._taken:
                heappop(below)
            if below:
                step = heappop(below)
                self._taken.add(step)
                self._current = self._paths[step]
                return step
        return None
