"""Candidates from what the operand was: slopes by small changes, steps into the zone, chance.

Nothing is differentiated: the operand of a sample and of its neighbours tells how it grows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct

from onnxlint.analyses.counterexamples.trials import Candidate, Trials, distances

if TYPE_CHECKING:
    from onnxlint.analyses.counterexamples.domains import Samples
    from onnxlint.types import Array, Feed

CHANGES = (0.5, 0.1, 0.02, 0.25, 0.1, 0.05, 0.02, 0.004)
"""By which part of its range an input is changed, round after round."""

MOST_FAILURES = 3
"""After so many rounds that came no nearer, a start is given up."""

STARTS = 4
"""So many samples are started from: the best so far, then the best of others that are drawn."""

MOST_GROUPS = 128
"""Numbers that are changed one at a time; of more, neighbours are changed together."""

MOST_WATCHED = 2048
"""Elements of the operand whose slopes are kept: those that came nearest."""

TARGETS = 4
"""Elements that are aimed at in one round."""

CORNERS = (0.02, 0.1, 0.3, 1.0, 2.0)
"""Steps towards the corner of the box, as multiples of its radius."""

FAR_CORNERS = (3.0, 10.0, 30.0, 100.0, 1000.0)
"""The same where no range is declared."""

NEWTON = (1.0, 1.0001, 1.01, 1.2, 2.0, 10.0, 0.5)
"""Multiples of the step that a straight line would take."""

STEPS = 20
"""About so many steps are tried for each of these."""

MUTATIONS = (1.0, 0.3, 0.1, 0.03, 0.01, 0.003)
"""How far random changes go, as parts of the range."""

HALVES = 30
"""How often an interval that holds a root is halved: floats are no finer."""

NUDGES = 4
"""How often the last bits are changed where a root lies between two numbers."""

MOST_ROOTS = 3
"""So many elements that have both signs are narrowed down on 0 in one round."""

MOST_ROOTED = 4
"""How often roots are looked for."""

MOST_HELD = 1 << 24
"""Numbers of samples that are held at once."""

MOST_KEPT = 1 << 21
"""Numbers of samples and operands that are kept to find such."""


class Point(Struct, frozen=True, eq=False):
    """A sample that was run, as a vector, with its operand."""

    vector: Array
    operand: Array
    distance: float


class Descent:
    """Goes from the best sample so far towards the zone."""

    def __init__(self, trials: Trials, samples: Samples, seed: int, base: Feed) -> None:
        self._trials, self._samples, self._vector = trials, samples, samples.vector
        self._base, self._usual = base, True
        self._zone = trials.hazard.zone
        self._rng = np.random.default_rng([seed, 17])
        self._best: Point | None = None
        self._points: list[Point] = []
        self._kept = 0
        self._rooted = 0

    def start(self, candidates: Sequence[Candidate], rows: Sequence[Array | None]) -> None:
        """Takes in what was run before."""
        for candidate, row in zip(candidates, rows, strict=True):
            if row is not None and row.size:
                self._learn(self._vector.of(candidate.feed), row)

    def run(self) -> None:
        """Searches until something shows the hazard, or the rounds are over.

        Raises:
            Spent: no more runs are to be made.
        """
        if not len(self._vector):
            return
        self._climb(self._best)
        for _ in range(1, STARTS):
            if self._goes_on():
                self._climb(self._drawn())
        for spread in MUTATIONS:
            if self._goes_on():
                self._mutate(spread)
        self._roots()

    def run_far(self) -> None:
        """The same beyond what is usual, where no range is declared.

        Raises:
            Spent: no more runs are to be made.
        """
        self._usual = False
        if len(self._vector):
            self._climb(self._best, CHANGES[:2])

    def _climb(self, point: Point | None, changes: Sequence[float] = CHANGES) -> None:
        """Round after round from one sample, while that comes nearer."""
        failures = 0
        for change in changes:
            if point is None or failures == MOST_FAILURES or not self._goes_on():
                return
            near = self._slopes(point, change)
            self._roots()
            if near is None or near.distance >= point.distance:
                failures += 1
            else:
                point, failures = near, 0

    def _drawn(self) -> Point | None:
        """The best of some samples that have nothing to do with the others."""
        low, high = self._vector.low, self._vector.high
        count = min(max(self._trials.together, 4), self._held)
        shares = self._rng.random((count, len(low)))
        shares[::2] = np.round(shares[::2])
        return _nearest(self._try([low + share * (high - low) for share in shares]))

    def _goes_on(self) -> bool:
        """Whether something is left to do, and to go far with."""
        kept = 3 * STEPS if self._usual and not self._samples.is_bounded else 0
        return self._trials.found is None and self._trials.most(1.0) > kept

    @property
    def _held(self) -> int:
        """How many samples may be held at once: of large ones a few."""
        return max(4, MOST_HELD // max(1, len(self._vector)))

    def _told(self, feed: Feed) -> str:
        ends = [
            (float(feed[n].min()), float(feed[n].max()))
            for n in self._samples.content
            if feed[n].size
        ]
        declared = [self._samples.domains[name] for name in self._samples.content]
        if declared and all(domain.is_bounded for domain in declared):
            ends = [(float(domain.low.min()), float(domain.high.max())) for domain in declared]
        low, high = min(low for low, _ in ends), max(high for _, high in ends)
        return f"a sample within [{low:.4g}, {high:.4g}] found by search"

    def _try(self, vectors: Sequence[Array]) -> list[Point | None]:
        feeds = [self._vector.feed(vector, self._base, usual=self._usual) for vector in vectors]
        return self._try_feeds(feeds)

    def _try_feeds(self, feeds: Sequence[Feed]) -> list[Point | None]:
        rows = self._trials.run([Candidate(feed, self._told(feed)) for feed in feeds])
        return [
            None if row is None or not row.size else self._learn(self._vector.of(feed), row)
            for feed, row in zip(feeds, rows, strict=True)
        ]

    def _learn(self, vector: Array, row: Array) -> Point:
        point = Point(vector, row, float(distances(self._zone, row).min(initial=np.inf)))
        if self._best is None or point.distance < self._best.distance:
            self._best = point
        if self._zone.low == 0 == self._zone.high:
            self._keep(point)
        return point

    def _keep(self, point: Point) -> None:
        """Of the last samples it is known what they gave."""
        self._points.append(point)
        self._kept += point.operand.size + point.vector.size
        while self._kept > MOST_KEPT and len(self._points) > 1:
            first = self._points.pop(0)
            self._kept -= first.operand.size + first.vector.size

    def _slopes(self, best: Point, change: float) -> Point | None:
        """One round: how elements of the operand change with the input, then steps along that."""
        groups = self._groups()
        moved, deltas = [], []
        for group in groups:
            vector = best.vector.copy()
            radius = self._vector.radius[group]
            up = (
                vector[group] + change * radius
                <= self._vector.high[group] * self._vector.reach[group]
            )
            step = np.where(up, 1.0, -1.0) * change * np.where(radius > 0, radius, 1.0)
            vector[group] += step
            moved.append(vector)
            deltas.append(float(np.abs(step).mean()) * (1.0 if up.mean() >= 0.5 else -1.0))
        points = self._try(moved)
        if self._trials.found is not None:
            return None
        watched = np.argsort(distances(self._zone, best.operand), kind="stable")[:MOST_WATCHED]
        slopes = np.zeros((len(groups), len(watched)))
        for at, (point, delta) in enumerate(zip(points, deltas, strict=True)):
            if point is not None and point.operand.shape == best.operand.shape:
                with np.errstate(invalid="ignore", over="ignore"):
                    slopes[at] = (point.operand[watched] - best.operand[watched]) / delta
        slopes[~np.isfinite(slopes)] = 0
        steps = islice(self._steps(best, groups, slopes, watched), self._held)
        return _nearest(self._try(list(steps)))

    def _groups(self) -> list[Array]:
        """The numbers of the input that are changed together."""
        count = len(self._vector)
        most = min(
            count, MOST_GROUPS, self._trials.most(0.15), 2 * self._trials.together + 14, self._held
        )
        return [piece for piece in np.array_split(np.arange(count), most) if piece.size]

    def _steps(
        self, best: Point, groups: list[Array], slopes: Array, watched: Array
    ) -> Iterator[Array]:
        """Steps that bring the elements with the best prospects into the zone."""
        far = distances(self._zone, best.operand[watched])
        radius = np.array([self._vector.radius[group].mean() for group in groups])
        reach = (np.abs(slopes) * radius[:, None]).sum(axis=0)
        able = np.flatnonzero((reach > 0) & np.isfinite(far))
        order = able[np.argsort(far[able] / reach[able], kind="stable")][
            : TARGETS if self._trials.together > 1 else 1
        ]
        spread = np.zeros((len(groups), len(best.vector)))
        for at, group in enumerate(groups):
            spread[at, group] = 1.0
        for target in order:
            sign = self._direction(float(best.operand[watched[target]]))
            slope = sign * slopes[:, target]
            corner = (np.sign(slope) @ spread) * self._vector.radius
            plain = (slope * radius**2) @ spread
            gain = float((slope**2 * radius**2).sum())
            for multiple in NEWTON:
                yield best.vector + multiple * plain * (far[target] / gain if gain else 0.0)
            part = far[target] / reach[target]
            for multiple in NEWTON[:4]:
                yield best.vector + multiple * part * corner
            for multiple in CORNERS if self._usual else FAR_CORNERS:
                yield best.vector + multiple * corner

    def _direction(self, element: float) -> float:
        """Whether an element must grow or fall to get into the zone."""
        return 1.0 if element < self._zone.low else -1.0

    def _roots(self) -> None:
        """Where an element has both signs: narrows down on 0, then changes the last bits."""
        if self._rooted == MOST_ROOTED or not self._points:
            return
        self._rooted += 1
        for below, above, element in self._bracketed():
            if self._trials.found is None:
                self._nudge(self._narrowed(below, above, element))

    def _bracketed(self) -> list[tuple[Point, Point, int]]:
        """Samples between which an element passes through 0, the nearest first."""
        points = [
            each for each in self._points if each.operand.shape == self._points[-1].operand.shape
        ]
        if not points:
            return []
        found = np.stack([each.operand for each in points])
        below = np.where(found < 0, found, -np.inf)
        above = np.where(found > 0, found, np.inf)
        gaps = above.min(axis=0) - below.max(axis=0)
        order = [
            int(at) for at in np.argsort(gaps, kind="stable")[:MOST_ROOTS] if gaps[at] < np.inf
        ]
        return [
            (points[int(below[:, at].argmax())], points[int(above[:, at].argmin())], at)
            for at in order
        ]

    def _narrowed(self, below: Point, above: Point, element: int) -> Point:
        """The sample nearest to a root between two others."""
        parts = min(self._trials.together, self._held) + 1
        for _ in range(int(np.ceil(HALVES / np.log2(parts)))):
            way = above.vector - below.vector
            shares = np.arange(1, parts) / parts
            points = self._try([below.vector + share * way for share in shares])
            if self._trials.found is not None:
                break
            for point in points:
                if point is None or point.operand.shape != below.operand.shape:
                    continue
                reached = point.operand[element]
                if below.operand[element] < reached < 0:
                    below = point
                elif 0 < reached < above.operand[element]:
                    above = point
            if np.array_equal(way, above.vector - below.vector):
                break
        return below if -below.operand[element] < above.operand[element] else above

    def _nudge(self, point: Point) -> None:
        """Changes the last bits of a sample until what is added up cancels out."""
        feed = self._vector.feed(point.vector, self._base, usual=self._usual)
        count = min(self._trials.together if self._trials.together > 1 else 8, self._held)
        for turn in range(NUDGES):
            if self._trials.found is not None:
                return
            self._try_feeds(
                [self._vector.neighbours(feed, self._rng, 2 << turn) for _ in range(count)]
            )

    def _mutate(self, spread: float) -> None:
        """The best sample with random changes; the best of these goes on."""
        best, count = self._best, max(self._trials.together, 4)
        if best is None:
            return
        size = len(best.vector)
        made = []
        for turn in range(min(count, self._held)):
            picked = self._rng.random(size) < (1.0, 0.3, max(0.02, 1 / size))[turn % 3]
            noise = self._rng.standard_normal(size) * spread * self._vector.radius
            made.append(best.vector + np.where(picked, noise, 0.0))
        self._try(made)


def _nearest(points: Sequence[Point | None]) -> Point | None:
    """The point with the least distance."""
    return min(filter(None, points), key=lambda each: each.distance, default=None)
