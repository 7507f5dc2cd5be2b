"""Histories as a page: trends as curves, what stands since when, and what each run changed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec import Struct

from onnxlint.findings import counted
from onnxlint.history.text import CHANGES, MOST_FINDINGS, shown
from onnxlint.history.trends import Step, Story

WIDTH, HEIGHT = 240, 48
"""Units of a curve's picture, which is stretched to its place."""

KINDS = {
    "came": "came", "went": "went", "unjudged": "no longer judged",
    "first_judged": "first judged",
}  # fmt: skip
FIRST = ("errors", "warnings", "accuracy", "log_loss", "rmse", "r2")
"""Figures that are shown before the others."""


class Trend(Struct, frozen=True):
    """A figure over the runs: its curve, in pieces where runs lack it, and what is said of it."""

    name: str
    now: str
    told: str
    pieces: tuple[str, ...]
    dots: tuple[str, ...]


class RunView(Struct, frozen=True):
    """A run of a model: its heading, and the lines of what it changed, by kind."""

    anchor: str
    title: str
    verdict: str
    digest: str
    error: str | None
    summary: str
    changed: Sequence[tuple[str, str, str]]
    found: Sequence[tuple[str, str, Sequence[object], int]]


class StoryView:
    """What the page shows of a model."""

    def __init__(self, number: int, story: Story) -> None:
        self.anchor, self._story = f"model-{number}", story
        self.location, self.elsewhere = story.location, story.elsewhere

    @property
    def last(self) -> Step:
        """Its last run."""
        return self._story.steps[-1]

    @property
    def counted(self) -> str:
        """How many runs, and when."""
        first, last = self._story.steps[0].run, self._story.steps[-1].run
        spans = when(last.at) if first is last else f"{when(first.at)} to {when(last.at)}"
        return f"{counted(len(self._story.steps), 'run')}, {spans}"

    @property
    def trends(self) -> list[Trend]:
        """Figures that moved."""
        figures = [(name, values) for name, values in self._ordered() if _moves(values)]
        return [_trend(name, values, self._story) for name, values in figures]

    @property
    def constant(self) -> list[tuple[str, str]]:
        """Figures that were the same in all runs that have them."""
        still = [(name, values) for name, values in self._ordered() if not _moves(values)]
        return [(named(name), number(_known(values)[-1])) for name, values in still]

    def trend(self, name: str) -> Trend | None:
        """One figure, moving or not."""
        values = self._story.figures.get(name)
        return None if values is None else _trend(name, values, self._story)

    @property
    def standing(self) -> Sequence[tuple[object, str, int]]:
        """The findings that stand, with the anchor and the number of the run in which they came."""
        return [(each.finding, f"{self.anchor}-run-{each.since}", each.since)
                for each in self._story.standing[:MOST_FINDINGS]]  # fmt: skip

    @property
    def more_standing(self) -> int:
        """How many of them are left out."""
        return max(0, len(self._story.standing) - MOST_FINDINGS)

    @property
    def numbers(self) -> set[int]:
        """The numbers of the runs that are shown."""
        return {step.run.number for step in self._story.steps}

    @property
    def runs(self) -> Iterator[RunView]:
        """The runs, the last one first."""
        for step in reversed(self._story.steps):
            yield self._run(step)

    def _run(self, step: Step) -> RunView:
        found = [(sign, KINDS[name], each[:MOST_FINDINGS], max(0, len(each) - MOST_FINDINGS))
                 for name, sign in CHANGES if (each := getattr(step, name))]  # fmt: skip
        changed = [(each.what, shown(each.before), shown(each.now)) for each in step.changed]
        counts = [f"{len(getattr(step, name)):,} {KINDS[name]}"
                  for name, _ in CHANGES if getattr(step, name)]  # fmt: skip
        whats = [each.what for each in step.changed[:3]]
        more = [f"{len(step.changed) - 3} more"] if len(step.changed) > 3 else []
        changes = [f"changed: {', '.join([*whats, *more])}"] if whats else []
        return RunView(
            f"{self.anchor}-run-{step.run.number}", f"Run {step.run.number}, {when(step.run.at)}",
            step.record.verdict, shown(step.record.sha256) if step.record.sha256 else "",
            step.record.error, _summary(step, [*counts, *changes]), changed, found,
        )  # fmt: skip

    def _ordered(self) -> list[tuple[str, Sequence[float | None]]]:
        figures = self._story.figures
        names = [*(each for each in FIRST if each in figures),
                 *(each for each in figures if each not in FIRST)]  # fmt: skip
        return [(name, figures[name]) for name in names]


def _summary(step: Step, changes: Sequence[str]) -> str:
    if step.is_first:
        return f"first run, {counted(len(step.record.findings), 'finding')}"
    return "; ".join(changes) or "nothing changed"


def when(at: str) -> str:
    """A time of ISO 8601 as people read it, which is UTC."""
    return at.replace("T", " ").replace("+00:00", " UTC")


def named(name: str) -> str:
    """A figure's name as people read it."""
    return name.replace("_", " ")


def number(value: float) -> str:
    """A figure: counts whole, others with six digits."""
    return f"{value:,.0f}" if value.is_integer() and abs(value) < 1e15 else f"{value:,.6g}"


def _known(values: Sequence[float | None]) -> list[float]:
    return [value for value in values if value is not None]


def _moves(values: Sequence[float | None]) -> bool:
    return len({*_known(values)}) > 1


def _trend(name: str, values: Sequence[float | None], story: Story) -> Trend:
    known = _known(values)
    low, high = min(known), max(known)
    told = f"{number(known[0])} → {number(known[-1])}"
    numbers = [step.run.number for step in story.steps]
    if low not in (known[0], known[-1]):
        told += f", lowest {number(low)} in run {numbers[values.index(low)]}"
    if high not in (known[0], known[-1]):
        told += f", highest {number(high)} in run {numbers[values.index(high)]}"
    pieces, dots = _curve(values, low, high)
    return Trend(named(name), number(known[-1]), told, pieces, dots)


def _curve(
    values: Sequence[float | None], low: float, high: float
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Lines through neighbouring values, and dots where one has no neighbour."""
    step = WIDTH / max(1, len(values) - 1)
    runs: list[list[str]] = [[]]
    for place, value in enumerate(values):
        if value is None:
            runs.append([])
            continue
        share = 0.5 if high == low else (value / 2 - low / 2) / (high / 2 - low / 2)
        runs[-1].append(f"{place * step:.1f},{HEIGHT * (1 - share):.1f}")
    lines = tuple(" ".join(points) for points in runs if len(points) > 1)
    return lines, tuple(points[0] for points in runs if len(points) == 1)
