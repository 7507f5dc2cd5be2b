"""A unified diff of two listings, in time that grows with their length.

`difflib` alone compares every run of lines with every other: 100,000 lines of which half changed
take it minutes. Lines that stand once in both are fixed first, and it fills what is between them.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Sequence
from difflib import Match, SequenceMatcher

CONTEXT = 2
"""Unchanged lines around each change."""

GAP_PRODUCT = 250_000
"""Between two fixed lines, this many pairs of lines are compared; more count as all changed."""


def unified(before: Sequence[str], after: Sequence[str], names: tuple[str, str]) -> Iterator[str]:
    """The lines of the diff; none where nothing changed."""
    started = False
    for group in _Anchored(before, after).get_grouped_opcodes(CONTEXT):
        if not started:
            yield from (f"--- {names[0]}", f"+++ {names[1]}")
            started = True
        (_, i1, _, j1, _), (_, _, i2, _, j2) = group[0], group[-1]
        yield f"@@ -{_range(i1, i2)} +{_range(j1, j2)} @@"
        for tag, i, i_end, j, j_end in group:
            if tag == "equal":
                yield from (f" {line}" for line in before[i:i_end])
                continue
            yield from (f"-{line}" for line in before[i:i_end])
            yield from (f"+{line}" for line in after[j:j_end])


def _range(start: int, end: int) -> str:
    """Lines count from 1; a range of none is named by the line before it."""
    return f"{start + (end > start)},{end - start}"


class _Anchored(SequenceMatcher[str]):
    """Matches of two texts, built around the lines that stand once in both."""

    def __init__(self, before: Sequence[str], after: Sequence[str]) -> None:
        self._before, self._after = before, after
        super().__init__(None, "", "")
        self.a, self.b = before, after
        self.matching_blocks = self._blocks()

    def _blocks(self) -> list[Match]:
        pairs: list[tuple[int, int]] = []
        i = j = 0
        for anchor in [*_anchors(self._before, self._after), (len(self._before), len(self._after))]:
            pairs += self._between(i, anchor[0], j, anchor[1])
            pairs.append(anchor)
            i, j = anchor[0] + 1, anchor[1] + 1
        return [*_runs(pairs[:-1]), Match(*pairs[-1], 0)]

    def _between(self, i: int, i_end: int, j: int, j_end: int) -> Iterator[tuple[int, int]]:
        if 0 < (i_end - i) * (j_end - j) <= GAP_PRODUCT:
            gap = SequenceMatcher(None, self._before[i:i_end], self._after[j:j_end], autojunk=False)
            for match in gap.get_matching_blocks():
                yield from ((i + match.a + k, j + match.b + k) for k in range(match.size))


def _anchors(before: Sequence[str], after: Sequence[str]) -> list[tuple[int, int]]:
    """The longest rising chain of lines that stand once in both texts."""
    once = {line for line, count in Counter(before).items() if count == 1}
    once &= {line for line, count in Counter(after).items() if count == 1}
    places = {line: j for j, line in enumerate(after) if line in once}
    ends: list[int] = []  # the smallest last place of a chain of each length
    chain: list[tuple[int, int, int]] = []  # line before, place after, index of the one before it
    last: list[int] = []
    for i, line in enumerate(before):
        if line not in once:
            continue
        j = places[line]
        length = bisect_left(ends, j)
        chain.append((i, j, last[length - 1] if length else -1))
        ends[length : length + 1] = [j]
        last[length : length + 1] = [len(chain) - 1]
    found, position = [], last[-1] if last else -1
    while position >= 0:
        i, j, position = chain[position]
        found.append((i, j))
    return found[::-1]


def _runs(pairs: list[tuple[int, int]]) -> Iterator[Match]:
    """Neighbouring pairs as one match."""
    start = 0
    for end in range(1, len(pairs) + 1):
        follows = end < len(pairs) and pairs[end] == (pairs[end - 1][0] + 1, pairs[end - 1][1] + 1)
        if not follows:
            yield Match(*pairs[start], end - start)
            start = end
