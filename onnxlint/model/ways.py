"""Ways back through a graph, by one operand of one node at a time, none of which is gone twice."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from onnxlint.model.graph import Value

T = TypeVar("T")


class WayBack(Generic[T]):
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
        end: Callable[[Value], T],
        passed: Callable[[Value, T], T] | None = None,
    ) -> None:
        self._before, self._end, self._passed = before, end, passed
        self._known: dict[Value, T] = {}

    def __call__(self, value: Value) -> T:
        """What is found behind a value."""
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
