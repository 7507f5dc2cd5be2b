"""What the colours of boxes mean, and which each box has: one meaning at a time."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property

from onnxlint.findings import Diagnostic
from onnxlint.portrait.comparison import Comparison
from onnxlint.portrait.drawing import Drawing, Seen, Step
from onnxlint.severity import Severity

Meaning = tuple[Sequence[str], str, str]
"""What each colour means, from 0 on; the colour of each step, a digit each; those of groups."""

BESIDE = "Difference from the other model"
UNKNOWN = 0
_SHARES = ("not observed", "none", "below 10%", "10% to 50%", "50% to 100%", "all")
_SCALES = ("not observed", "below 0.01", "0.01 to 1", "1 to 100", "100 to 10,000", "above 10,000")
_COSTS = ("nothing counted", "below 1%", "1% to 3%", "3% to 10%", "10% to 30%", "above 30%")
_DIFFERENCES = ("not compared", "below 1e-5", "1e-5 to 0.1%", "0.1% to 10%", "above 10%",
                "first to diverge")  # fmt: skip
_FIRST = len(_DIFFERENCES) - 1
_SEVERITIES = (Severity.INFO, Severity.WARNING, Severity.ERROR)


class Colours:
    """The meanings that there is something to show of, the findings always."""

    def __init__(
        self, drawn: Drawing, found: Mapping[str, Sequence[Diagnostic]],
        beside: Comparison | None = None,
    ) -> None:  # fmt: skip
        self._drawn, self._found, self._beside = drawn, found, beside

    @cached_property
    def all(self) -> Mapping[str, Meaning]:
        """By title, in the order of the choice."""
        made = {"Findings": self._findings()}
        if any(step.seen is not None for step in self._drawn.steps):
            made["NaN and ±Inf"] = self._of(_SHARES, _seen(_bad))
            made["Scale (largest magnitude)"] = self._of(_SCALES, _seen(_scale))
            made["Dead channels"] = self._of(_SHARES, _seen(lambda seen: _share(seen.dead)))
        total = sum(step.macs for step in self._drawn.steps)
        if total:
            made["Cost (share of MACs)"] = self._costs(total)
        if self._beside is not None and self._beside.layers:
            made[BESIDE] = self._of(_DIFFERENCES, self._difference(self._beside))
        return made

    @property
    def shown_first(self) -> int:
        """The place of the meaning that is shown at first: where models part, else findings."""
        parts = self._beside is not None and self._beside.first is not None
        return [*self.all].index(BESIDE) if parts and BESIDE in self.all else 0

    def _difference(self, beside: Comparison) -> Callable[[Step], int]:
        errors, first, values = beside.errors, beside.first_value, self._drawn.values

        def colour(step: Step) -> int:
            names = [] if step.scope else [values[value].name for value in step.gives]
            if first is not None and first in names:
                return _FIRST
            return max((_error(errors[name]) for name in names if name in errors), default=UNKNOWN)

        return colour

    def _findings(self) -> Meaning:
        titles = ("no finding", *(f"{each.value}s" for each in _SEVERITIES))

        def worst(box: str) -> int:
            ranks = [_SEVERITIES.index(each.severity) for each in self._found.get(box, ())]
            return 1 + max(ranks, default=-1)

        steps = [worst(f"n{number}") for number in range(len(self._drawn.steps))]
        own = [worst(f"g{number}") for number in range(len(self._drawn.groups))]
        return titles, _digits(steps), _digits(self._largest(steps, own))

    def _of(self, titles: Sequence[str], colour: Callable[[Step], int]) -> Meaning:
        steps = [colour(step) for step in self._drawn.steps]
        nothing = [UNKNOWN] * len(self._drawn.groups)
        return titles, _digits(steps), _digits(self._largest(steps, nothing))

    def _costs(self, total: int) -> Meaning:
        sums = self._gathered([step.macs for step in self._drawn.steps], sum)
        steps = [_cost(step.macs / total) for step in self._drawn.steps]
        return _COSTS, _digits(steps), _digits([_cost(macs / total) for macs in sums])

    def _largest(self, steps: Sequence[int], own: Sequence[int]) -> list[int]:
        return [max(pair) for pair in zip(self._gathered(steps, max), own, strict=True)]

    def _gathered(self, steps: Sequence[int], gather: Callable[[Sequence[int]], int]) -> list[int]:
        """For each group what its steps have together; groups stand after those around them."""
        groups = self._drawn.groups
        made = [0] * len(groups)
        for number in range(len(groups) - 1, -1, -1):
            group = groups[number]
            inside = [steps[child] if child >= 0 else made[-1 - child] for child in group.children]
            inside += [] if group.step is None else [steps[group.step]]
            made[number] = gather([0, *inside])
        return made


def _digits(colours: Sequence[int]) -> str:
    return "".join(map(str, colours))


def _seen(colour: Callable[[Seen], int]) -> Callable[[Step], int]:
    return lambda step: UNKNOWN if step.seen is None else colour(step.seen)


def _bad(seen: Seen) -> int:
    return _share((seen.nan + seen.infinite) / seen.elements)


def _share(share: float) -> int:
    if share <= 0:
        return 1
    return 5 if share >= 1 else 2 + bisect_right((0.1, 0.5), share)


def _scale(seen: Seen) -> int:
    ends = [abs(end) for end in (seen.low, seen.high) if end is not None]
    magnitude = math.inf if seen.infinite else max(ends, default=0.0)
    return 1 + bisect_right((0.01, 1, 100, 10_000), magnitude)


def _error(error: float) -> int:
    return 1 + bisect_right((1e-5, 1e-3, 0.1), error)


def _cost(share: float) -> int:
    return 0 if share <= 0 else 1 + bisect_right((0.01, 0.03, 0.1, 0.3), share)
