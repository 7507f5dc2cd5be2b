"""Walks through a graph that end, whatever hangs together in it, and go no way twice."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable, Iterable, Iterator
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from onnxlint.model.graph.nodes import Value

T = TypeVar("T", bound=Hashable)
R = TypeVar("R")


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


def preorder(start: Iterable[R], inside: Callable[[R], Iterable[R]]) -> Iterator[R]:
    """Each vertex, followed by all that is inside it; depth first, however deep."""
    ways = [iter(start)]
    while ways:
        for vertex in ways[-1]:
            yield vertex
            ways.append(iter(inside(vertex)))
            break
        else:
            ways.pop()


def postorder(start: Iterable[T], inside: Callable[[T], Iterable[T]]) -> Iterator[T]:
    """Each vertex once, behind all that is inside it; a circle ends where it is met again."""
    met: set[T] = set()
    opened: list[T] = []
    ways = [iter(start)]
    while ways:
        for vertex in ways[-1]:
            if vertex not in met:
                met.add(vertex)
                opened.append(vertex)
                ways.append(iter(inside(vertex)))
                break
        else:
            ways.pop()
            if opened:
                yield opened.pop()


class WayBack(Generic[R]):
    """What stands behind a value, many nodes before it; it remembers, for many values share a way.

    Args:
        before: the value that a way goes on to from a value; None where it ends.
        end: what is found where it ends.
        passed: what is found at a value, by what was found at the one before it; the same, if not
            given.

    Where a way runs in circles it ends at the first value that it meets again.
    """

    def __init__(
        self,
        before: Callable[[Value], Value | None],
        end: Callable[[Value], R],
        passed: Callable[[Value, R], R] | None = None,
    ) -> None:
        self._before, self._end, self._passed = before, end, passed
        self._known: dict[Value, R] = {}

    def __call__(self, value: Value) -> R:
        """What is found behind a value."""
        if value in self._known:
            return self._known[value]
        way: list[Value] = []
        met: set[Value] = set()
        at = value
        while at not in self._known:
            before = self._before(at)
            if before is None or before in met:
                self._known[at] = self._end(at)
                break
            way.append(at)
            met.add(at)
            at = before
        found = self._known[at]
        for each in reversed(way):
            if self._passed is not None:
                found = self._passed(each, found)
            self._known[each] = found
        return found
