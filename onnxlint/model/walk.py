"""A walk through a graph that ends, whatever hangs together in it."""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable, Iterable, Iterator
from typing import Generic, TypeVar

T = TypeVar("T", bound=Hashable)


class Walk(Generic[T]):
    """Gives every vertex that is added, once each, also those added on the way.

    A damaged file may hold a circle, and a sound one so many ways that nobody can go them all.
    """

    def __init__(self, start: Iterable[T | None]) -> None:
        self._met: set[T] = set()
        self._ahead: deque[T] = deque()
        self.add(*start)

    def add(self, *vertices: T | None) -> None:
        """What is to be looked at, too; None and what was added before is left out."""
        for vertex in vertices:
            if vertex is not None and vertex not in self._met:
                self._met.add(vertex)
                self._ahead.append(vertex)

    def __iter__(self) -> Iterator[T]:
        while self._ahead:
            yield self._ahead.popleft()
