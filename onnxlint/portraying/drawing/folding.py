"""Splits a long list of boxes into groups: by what repeats, then where least passes through."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import pairwise
from typing import TypeAlias

from msgspec import Struct, field

MOST = 24
"""Boxes beside each other in a group, a choice: more are too small to read on a screen."""
FEW = 12
"""Parts into which more are split, and boxes of a part, as many as fit a screen."""
LONGEST = 512
"""Boxes of a block that is looked for: a choice; what is longer is found within a few levels."""
FEWEST = 3
"""Blocks that make a repetition."""
SHORTEST = 3
"""Boxes of a block between two narrow places."""
TRAILING = 2
"""Boxes that belong to the block before them where another one follows: an activation."""
NEARLY = 0.9
"""Of a short block that covers nearly as much as the best one, the long one is a multiple."""


class Draft(Struct):
    """A group in the making; its children are steps by number, or groups."""

    kind: str
    title: str
    children: list[Child]
    step: int | None = None
    path: str = ""
    sign: int = 0
    steps: list[int] = field(default_factory=list)
    """All that are in it, those within its groups included."""

    def __post_init__(self) -> None:
        own = [] if self.step is None else [self.step]
        self.steps = own + [step for child in self.children for step in steps_of(child)]


Child: TypeAlias = "int | Draft"
Pairs = Callable[[Sequence[Child]], Iterable[tuple[int, int]]]
"""Tells which boxes of a list hand values to which, by their places in it."""
Sign = Callable[[Child], int]
"""Is the same for boxes of one structure."""


def steps_of(child: Child) -> list[int]:
    """The steps in a box."""
    return [child] if isinstance(child, int) else child.steps


def folded(children: Sequence[Child], pairs: Pairs, sign: Sign) -> list[Child]:
    """At most `MOST` boxes for the given ones, which stand in the order of the data."""
    boxes = [*children]
    if len(boxes) > MOST:
        boxes = _bundled(boxes, pairs, sign)
    while len(boxes) > MOST:
        width = crossing(len(boxes), pairs(boxes))
        found = repetition([sign(box) for box in boxes], width)
        if found is None:
            return _parts(boxes, width, pairs, sign)
        start, period, count = found
        ends = range(start, start + period * count + 1, period)
        blocks = [
            Draft("repeat", f"Block {at} of {count:,}", folded(boxes[a:b], pairs, sign))
            for at, (a, b) in enumerate(pairwise(ends), 1)
        ]
        boxes[start : ends[-1]] = blocks
    return boxes


def crossing(count: int, pairs: Iterable[tuple[int, int]]) -> list[int]:
    """For each box how many boxes up to it are read by later ones; 1 is an articulation point."""
    last = [*range(count)]
    for source, target in pairs:
        if source < target:
            last[source] = max(last[source], target)
    steps = [0] * (count + 1)
    for source, target in enumerate(last):
        steps[source] += 1
        steps[target] -= 1
    width, total = [], 0
    for step in steps[:-1]:
        total += step
        width.append(total)
    return width


def repetition(signs: Sequence[int], width: Sequence[int]) -> tuple[int, int, int] | None:
    """Where equal blocks follow each other: their start, length, and number.

    They begin where least passes from one to the next. None where nothing worth it repeats.
    """
    runs = {period: run for period, run in _runs(signs) if run[1] >= FEWEST * period}
    most = max((length for _, length in runs.values()), default=0)
    enough = [period for period, (_, length) in runs.items() if length >= NEARLY * most]
    period = min(enough, default=1)
    if period == 1 or most < MOST:  # one box over and over, or too little
        return None
    start, length = runs[period]

    def passing(offset: int) -> float:
        cuts = range(start + offset - 1, start + length, period)
        return sum(width[cut] for cut in cuts if cut >= 0) / max(1, len(cuts))

    offset = min(range(min(period, length - 2 * period + 1)), key=lambda o: (passing(o), o))
    return start + offset, period, (length - offset) // period


def _runs(signs: Sequence[int]) -> Iterator[tuple[int, tuple[int, int]]]:
    """The longest stretch that repeats after each number of boxes: its start and length."""
    import numpy as np

    numbers = np.unique(np.asarray(signs), return_inverse=True)[1].reshape(-1)
    for period in range(1, min(len(signs) // FEWEST, LONGEST) + 1):
        differs = np.flatnonzero(numbers[:-period] != numbers[period:])
        ends = np.concatenate(([-1], differs, [len(numbers) - period]))
        lengths = np.diff(ends) - 1
        best = int(lengths.argmax())
        yield period, (int(ends[best]) + 1, int(lengths[best]) + period)


def _bundled(boxes: list[Child], pairs: Pairs, sign: Sign) -> list[Child]:
    """The boxes with what is between two narrow places, such as a residual block, as one box.

    Up to `TRAILING` boxes between one such block and the next belong to the one before.
    """
    width = crossing(len(boxes), pairs(boxes))
    narrowest = min((each for each in width if each), default=0)  # 0: only inputs are read on
    cuts = [0, *(at + 1 for at, each in enumerate(width[:-1]) if each <= narrowest), len(boxes)]
    stretches = [[first, end] for first, end in pairwise(cuts)]
    wide = [end - first >= SHORTEST for first, end in stretches]
    joined: list[tuple[int, int]] = []
    is_block = False
    for at, (first, end) in enumerate(stretches):
        nearby = wide[at + 1 : at + 1 + TRAILING] if is_block and not wide[at] else ()
        if joined and (is_block and not wide[at]) and any(nearby):
            joined[-1] = joined[-1][0], end
            continue
        is_block = wide[at]
        joined.append((first, end))
    return _blocks(boxes, joined, pairs, sign)


def _blocks(
    boxes: list[Child], stretches: Sequence[tuple[int, int]], pairs: Pairs, sign: Sign
) -> list[Child]:
    if any(2 * (end - first) > len(boxes) for first, end in stretches):
        return boxes  # most of them are in one block, which so is none
    made: list[Child] = []
    number = 0
    for first, end in stretches:
        inside = boxes[first:end]
        is_block = end - first >= SHORTEST
        if not is_block:
            made += inside
            continue
        number += 1
        made.append(Draft("block", f"Block {number}", folded(inside, pairs, sign)))
    return made


def _parts(boxes: Sequence[Child], width: Sequence[int], pairs: Pairs, sign: Sign) -> list[Child]:
    """About equal parts, cut where least passes through."""
    count = min(FEW, -(-len(boxes) // FEW))
    cuts = [0, *_cuts(width, count), len(boxes)]
    parts: list[Child] = []
    for at, (first, end) in enumerate(pairwise(cuts), 1):
        inside = folded(boxes[first:end], pairs, sign)
        parts.append(inside[0] if len(inside) == 1
                     else Draft("part", f"Part {at} of {count:,}", inside))  # fmt: skip
    return parts


def _cuts(width: Sequence[int], count: int) -> Iterator[int]:
    share = len(width) / count
    for at in range(1, count):
        near = range(int((at - 0.25) * share), int((at + 0.25) * share) + 1)
        middle = at * share
        yield 1 + min(near, key=lambda box: (width[box], abs(box + 1 - middle)))
