"""Runs of candidates: how near they come to the numbers that an operand must not have."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from onnxlint.analyses.counterexamples.cones import Cone
from onnxlint.analyses.execution.worker import LimitReached, RunFailure, WorkerDied

if TYPE_CHECKING:
    from onnxlint.analyses.counterexamples.domains import Samples
    from onnxlint.analyses.ranges.hazard import Hazard
    from onnxlint.analyses.ranges.zones import Zone
    from onnxlint.model.graph.nodes import Value
    from onnxlint.types import Array, Feed

MOST_TOGETHER = 64
"""So many samples are run at once: a choice."""

MOST_ELEMENTS = 1 << 21
"""So many elements of what varies, or of the operand, are fed or sent back at once."""

MOST_RUNS = 192
"""Runs that are spent on one hazard, however cheap they are: a choice, a second on a small net."""

MOST_SUSPECTS = 4
"""Samples of one run that are run alone, to see whether they show it by themselves."""

A_NUMBER = 1000
"""Operations for a number that is made up, sent and judged: measured, some 100 ns. What is searched
is copied several times on its way."""

MOST_CRASHES = 2
"""A model that ended the worker so often is left alone."""

REFUSAL = "a refused run"
BY_OPERAND = frozenset({"cast", "index"})
"""Kinds that the operand alone proves: what comes out of them are numbers like others."""

INFINITE_TOO = frozenset({"half"})
"""Kinds whose operand is what comes out, and so is infinite by then."""


class Candidate(Struct, frozen=True, eq=False):
    """An input to try, what it is like, whether it is the user's own, and of another size."""

    feed: Feed
    told: str
    given: bool = False
    resized: bool = False


class Found(Struct, frozen=True, eq=False):
    """A candidate that showed it, and what it showed."""

    candidate: Candidate
    seen: str


class Spent(Exception):  # noqa: N818 - an end, not a failure
    """No more runs are to be made for this hazard."""


class Allowance:
    """What one hazard may cost: runs, and operations."""

    def __init__(self, operations: float, load: float, sample: float) -> None:
        self._operations, self._load, self._sample = operations, load, sample
        self.runs = 0

    def add(self, numbers: int) -> None:
        """Every sample costs so many numbers more."""
        self._sample += A_NUMBER * numbers

    def load(self) -> None:
        """Takes what loading a model costs."""
        self._operations -= self._load

    def take(self, samples: int) -> None:
        """Takes what a run costs.

        Raises:
            Spent: it is more than is left.
        """
        cost = self._sample * samples
        if self.runs >= MOST_RUNS or cost > self._operations:
            raise Spent
        self.runs += 1
        self._operations -= cost

    @property
    def samples(self) -> int:
        """How many samples could still be run."""
        return int(min(max(0.0, self._operations) / max(self._sample, 1.0), 1e9))


class Trials:
    """Runs candidates for one hazard until one shows it."""

    def __init__(
        self, hazard: Hazard, samples: Samples, search: Cone, proof: Cone, allowance: Allowance
    ) -> None:
        self.hazard, self.samples, self.allowance = hazard, samples, allowance
        self._search, self._proof = search, proof
        self._together = min(MOST_TOGETHER, samples.per_run)
        self._shapes: dict[Value, tuple[int, ...]] = {}
        self._crashes = 0
        self.found: Found | None = None

    @property
    def together(self) -> int:
        """How many samples are run at once."""
        return self._together

    def prepare(self) -> None:
        """Runs one sample, to see how the operand grows with their number.

        Raises:
            RunFailure: the model cannot be run in part.
        """
        samples = self.samples
        self.allowance.add(sum(array.size for array in samples.base.values()))
        if samples.any_number:
            values = self._values(samples.base, 1)
            self._shapes = {value: array.shape for value, array in values.items()}
            alone = self._operand(values)
            self.allowance.add(sum(array.size for array in values.values()))
            elements = max(
                sum(array.size for array in samples.base.values()),
                1 if alone is None else alone.size,
            )
            self._together = max(1, min(MOST_TOGETHER, MOST_ELEMENTS // max(1, elements)))
        while self._together > 1 and 4 * self._together > self.allowance.samples:
            self._together //= 2

    def most(self, part: float) -> int:
        """How many samples can be run with a part of what may still be spent."""
        runs = (MOST_RUNS - self.allowance.runs) * self._together
        return max(4, int(part * min(runs, self.allowance.samples)))

    def as_they_are(self, candidates: Sequence[Candidate]) -> None:
        """Runs feeds that may hold several samples; where they show it, each sample alone."""
        for candidate in candidates:
            count = self.samples.count(candidate.feed)
            if self.found is not None or not self._suspects(self._tried(candidate.feed, count)):
                continue
            if count > 1 and self.samples.any_number:
                self.run([replace(candidate, feed=e) for e in self.samples.each(candidate.feed)])
            if self.found is None:
                self._confirm(candidate)

    def run(self, candidates: Sequence[Candidate]) -> list[Array | None]:
        """The operand of each candidate, flat; None of those that cannot be run.

        Candidates are single samples; the first that shows the hazard is kept in `found`.

        Raises:
            Spent: no more runs are to be made.
        """
        rows: list[Array | None] = []
        for group in self._groups(candidates):
            if self.found is not None:
                break
            rows += self._run(group)
        return rows + [None] * (len(candidates) - len(rows))

    def _groups(self, candidates: Sequence[Candidate]) -> Iterator[list[Candidate]]:
        group: list[Candidate] = []
        for candidate in candidates:
            fits = not group or self.samples.stack_together(group[0].feed, candidate.feed)
            if group and (len(group) >= self._together or not fits):
                yield group
                group = []
            group.append(candidate)
        if group:
            yield group

    def _run(self, group: list[Candidate]) -> list[Array | None]:
        """Runs samples at once; where that is refused, or they do not come apart, in halves."""
        stack = self.samples.stacked([each.feed for each in group])
        values = self._tried(stack, len(group))
        parts = None if values is None else self._parts(values, self.hazard.operand, len(group))
        if values is not None and parts is not None:
            self._look_at(group, self._suspects_of(values, parts), stack)
            return [part.reshape(-1).astype(np.float64) for part in parts]
        if len(group) == 1:
            return [None]
        if values is not None:
            self._together = 1
        half = (len(group) + 1) // 2
        rows = self._run(group[:half])
        return rows + (
            self._run(group[half:]) if self.found is None else [None] * (len(group) - half)
        )

    def _suspects_of(self, values: Mapping[Value, Array], parts: list[Array]) -> list[bool]:
        """Which of the samples seem to show it: by the operand, and by what came out, if known."""
        hit = [self.hits(part) for part in parts]
        output = self.hazard.node.output
        if output is None or output not in values or not any(hit):
            return hit
        made = self._parts(values, output, len(parts))
        if made is None:
            return hit
        by_operand = self.hazard.zone.kind in BY_OPERAND
        return [
            each and (not is_finite(out) or (by_operand and self._changed(part, out) is not None))
            for each, part, out in zip(hit, parts, made, strict=True)
        ]

    def _look_at(self, group: list[Candidate], suspected: list[bool], stack: Feed) -> None:
        """Confirms the first candidate that seems to show it, the least unusual first."""
        suspects = [each for each, is_one in zip(group, suspected, strict=True) if is_one]
        suspects.sort(key=lambda each: self.samples.excess(each.feed))
        for candidate in suspects[:MOST_SUSPECTS]:
            if self.found is None:
                alone = self.samples.stacked([candidate.feed])
                self._confirm(replace(candidate, feed=alone))
        if suspects and self.found is None and len(group) > 1:
            self._confirm(Candidate(stack, suspects[0].told))

    def _parts(self, values: Mapping[Value, Array], value: Value, count: int) -> list[Array] | None:
        """What is seen of a value in each sample; None where it does not come apart."""
        whole = values.get(value)
        if whole is None or whole.dtype.kind not in "fiub":
            return None
        if not self.samples.any_number and self.samples.per_run > 1:
            per_run = self.samples.per_run
            fits = whole.ndim and whole.shape[0] and whole.shape[0] % per_run == 0
            return np.split(whole, per_run)[:count] if fits else None
        if count == 1:
            return [whole]
        one = self._shapes.get(value)
        if one is None or len(one) != whole.ndim:
            return None
        grown = [
            at for at, pair in enumerate(zip(whole.shape, one, strict=True)) if pair[0] != pair[1]
        ]
        if len(grown) != 1 or whole.shape[grown[0]] != count * one[grown[0]]:
            return None
        return np.split(whole, count, grown[0])

    def hits(self, operand: Array) -> bool:
        """Whether an element lies in the zone."""
        return bool((distances(self.hazard.zone, operand) == 0).any())

    def _suspects(self, values: Mapping[Value, Array] | None) -> bool:
        operand = None if values is None else self._operand(values)
        return operand is not None and self.hits(operand)

    def _operand(self, values: Mapping[Value, Array]) -> Array | None:
        found = values.get(self.hazard.operand)
        return found if found is not None and found.dtype.kind in "fiub" else None

    def _tried(self, feed: Feed, count: int) -> Mapping[Value, Array] | None:
        """The values of a run; None where it is refused."""
        try:
            return self._values(feed, count)
        except RunFailure:
            return None
        except LimitReached:
            raise
        except WorkerDied:
            self._crashes += 1
            if self._crashes >= MOST_CRASHES:
                raise
            return None

    def _values(self, feed: Feed, count: int) -> Mapping[Value, Array]:
        self.allowance.take(count)
        if not self._search.is_open:
            self.allowance.load()
        return self._search.run(feed)

    def _confirm(self, candidate: Candidate) -> None:
        seen = self.shown(candidate.feed)
        if seen is not None:
            self.found = Found(candidate, seen)

    def shown(self, feed: Feed) -> str | None:
        """What a run shows of the hazard; None where it does not.

        Raises:
            Spent: no more runs are to be made.
        """
        if self._proof is not self._search and not self._suspects(self._tried(feed, 1)):
            return None
        self.allowance.take(self.samples.count(feed))
        if not self._proof.is_open:
            self.allowance.load()
        try:
            return self._judged(self._proof.run(feed))
        except RunFailure as error:
            return REFUSAL if self._proof.refuses(error) else None
        except LimitReached:
            raise
        except WorkerDied:
            self._crashes += 1
            return "a crash of onnxruntime" if self._proof is not self._search else None

    def _judged(self, values: Mapping[Value, Array]) -> str | None:
        """What the node gives, where all that it reads is finite and the operand in the zone."""
        node, zone = self.hazard.node, self.hazard.zone
        operand = values.get(self.hazard.operand)
        if operand is None or not self.hits(operand):
            return None
        read = [values[value] for value in node.inputs if value is not None and value in values]
        if not all(map(is_finite, read)):
            return None
        given = [values[value] for value in node.outputs if value is not None and value in values]
        for array in given:
            if not is_finite(array):
                return failed(array)
        if zone.kind not in BY_OPERAND:
            return None
        return self._changed(operand, given[0] if given else None)

    def _changed(self, operand: Array, made: Array | None) -> str | None:
        """A number in the zone, and what became of it: `44 of 300`; None where all stayed."""
        inside = distances(self.hazard.zone, operand) == 0
        if made is not None and made.shape == operand.shape:
            inside &= made.astype(np.float64) != operand.astype(np.float64)
        else:
            made = None
        if not inside.any():
            return None
        at = int(inside.reshape(-1).argmax())
        number = _text(operand.reshape(-1)[at])
        return number if made is None else f"{_text(made.reshape(-1)[at])} of {number}"


def _text(number: np.generic) -> str:
    """A number as it is: integers with all digits."""
    return f"{number.item()}" if number.dtype.kind in "iu" else f"{number.item():.9g}"


def distances(zone: Zone, numbers: Array) -> Array:
    """How far each number is from the zone; infinite for NaN and, as a rule, infinities."""
    wide = numbers.astype(np.float64)
    with np.errstate(invalid="ignore", over="ignore"):
        below, above = zone.low - wide, wide - zone.high
        outside = np.maximum(np.maximum(below, above), 0.0)
        found = np.where((zone.low <= wide) & (wide <= zone.high), 0.0, outside)
    within = ~np.isnan(wide) if zone.kind in INFINITE_TOO else np.isfinite(wide)
    return np.where(within, found, np.inf)


def is_finite(array: Array) -> bool:
    """Whether there is neither NaN nor infinity in it."""
    return array.dtype.kind != "f" or bool(np.isfinite(array).all())


def failed(array: Array) -> str:
    """What of NaN, inf and -inf is in it, the worst."""
    if np.isnan(array).any():
        return "NaN"
    return "inf" if np.isposinf(array).any() else "-inf"
